//! A program run within limits: bytes, time, and nothing of it left when it has ended. Whoever runs something that is not
//! the system's own, or asks somebody who may never answer, does it here.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::host::span;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

/// How much a program may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Until it is killed.
    pub(crate) time: Duration,
    /// Of both outputs together.
    pub(crate) bytes: usize,
}

/// Run a program without input and collect what it writes. Its process group, if it leads one, is killed at its end, and
/// nobody waits for processes that keep its output open.
///
/// # Errors
/// When it cannot be run, or goes beyond a limit.
pub(crate) fn run(command: &mut Command, limits: Limits) -> io::Result<Output> {
    command.stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let collected = collect(&mut child, limits);
    // Not yet waited for: until then its ID is nobody else's, nor that of its group.
    let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
    let _ = child.kill();
    let [stdout, stderr] = match collected {
        Ok(outputs) => outputs,
        Err(e) => {
            let _ = leave(child);
            return Err(e);
        }
    };
    let status = child.wait()?;
    Ok(Output {
        status,
        stdout,
        stderr,
    })
}

/// Wait for a program that was killed, but not without end: what asks a file system that never answers ends when that does.
fn leave(mut child: Child) -> io::Result<()> {
    let end = pidfd_open(Pid::from_child(&child), PidfdFlags::empty())?;
    let silent = [Stream::new(None::<OwnedFd>), Stream::new(None::<OwnedFd>)];
    let [_, _, has_ended] = ready(&silent, &end, Duration::from_secs(5))?;
    if has_ended {
        child.wait()?;
    }
    Ok(())
}

/// A stream of a program that may still say something.
struct Stream {
    file: Option<File>,
    bytes: Vec<u8>,
}

impl Stream {
    fn new(fd: Option<impl Into<OwnedFd>>) -> Self {
        Self {
            file: fd.map(|fd| File::from(fd.into())),
            bytes: Vec::new(),
        }
    }

    /// Take what is there.
    fn read(&mut self) -> io::Result<()> {
        let mut some = [0; 16384];
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        match file.read(&mut some)? {
            0 => self.file = None,
            n => self.bytes.extend_from_slice(&some[..n]),
        }
        Ok(())
    }
}

fn collect(child: &mut Child, limits: Limits) -> io::Result<[Vec<u8>; 2]> {
    let end = pidfd_open(Pid::from_child(child), PidfdFlags::empty())?;
    let deadline = Instant::now() + limits.time;
    let mut streams = [
        Stream::new(child.stdout.take()),
        Stream::new(child.stderr.take()),
    ];
    let mut has_ended = false;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let wait = if has_ended { Duration::ZERO } else { left };
        let [out, err, ended] = ready(&streams, &end, wait)?;
        for (stream, is_ready) in streams.iter_mut().zip([out, err]) {
            if is_ready {
                stream.read()?;
            }
        }
        if streams.iter().map(|s| s.bytes.len()).sum::<usize>() > limits.bytes {
            let most = limits.bytes;
            return Err(io::Error::other(format!("it wrote more than {most} bytes")));
        }
        // What it left in the pipes is still read; what a child of it may write later is not waited for.
        if has_ended && !out && !err {
            return Ok(streams.map(|s| s.bytes));
        }
        if left.is_zero() && !has_ended {
            let time = span::written(limits.time.as_secs());
            let text = format!("it did not end within {time}");
            return Err(io::Error::new(io::ErrorKind::TimedOut, text));
        }
        has_ended |= ended;
    }
}

/// Which of the streams and the process have something to tell, after waiting for one of them.
fn ready(streams: &[Stream; 2], end: &OwnedFd, wait: Duration) -> io::Result<[bool; 3]> {
    let open: Vec<(usize, &File)> = streams
        .iter()
        .enumerate()
        .filter_map(|(at, stream)| Some((at, stream.file.as_ref()?)))
        .collect();
    let mut fds: Vec<PollFd> = open
        .iter()
        .map(|(_, file)| PollFd::new(*file, PollFlags::IN))
        .collect();
    let end = end.as_fd();
    fds.push(PollFd::new(&end, PollFlags::IN));
    match poll(&mut fds, Timespec::try_from(wait).ok().as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(e) => return Err(e.into()),
    }
    let mut found = [false; 3];
    let places = open.iter().map(|(at, _)| *at).chain([2]);
    for (at, fd) in places.zip(&fds) {
        found[at] = !fd.revents().is_empty();
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, seconds: u64) -> io::Result<Output> {
        let limits = Limits {
            time: Duration::from_secs(seconds),
            bytes: 4096,
        };
        run(Command::new("sh").args(["-c", script]), limits)
    }

    #[test]
    fn both_outputs_and_the_status_are_collected() {
        let done = sh("echo out; echo err >&2; exit 3", 60).expect("it runs");
        assert_eq!(done.status.code(), Some(3));
        assert_eq!(
            (&*done.stdout, &*done.stderr),
            (&b"out\n"[..], &b"err\n"[..])
        );
    }

    #[test]
    fn one_that_writes_without_end_is_ended() {
        let e = sh("yes", 60).expect_err("too much");
        assert!(e.to_string().contains("more than 4096 bytes"), "{e}");
    }

    #[test]
    fn one_that_does_not_end_is_ended() {
        let e = sh("exec sleep 600", 0).expect_err("too long");
        assert_eq!(e.kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn a_child_that_keeps_the_output_open_is_not_waited_for() {
        let done = sh("sleep 600 & echo \"$!\"", 300).expect("it has ended");
        let pid = String::from_utf8(done.stdout).expect("a number");
        let pid = pid.trim().parse().expect("a number");
        // It is in our own process group here, which nobody kills.
        let process = crate::host::process::Process::read(pid).expect("it sleeps");
        let handle = process.hold().expect("allowed").expect("it sleeps");
        handle.send(Signal::KILL).expect("sent");
    }
}
