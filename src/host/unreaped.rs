//! A process that has ended and is still in the process table, as its parent has not asked how it ended (wait(2)).

use std::fs;
use std::time::{Duration, Instant};

use crate::host::insight::look;
use crate::host::process::Process;
use crate::host::read::text;

/// Wait for the parent of a process that has ended to take note of it, but no longer than this; the process ID of a parent
/// that has not.
pub(crate) fn parent_that_waits_not(ended: &Process, time: Duration) -> Option<i32> {
    let begin = Instant::now();
    loop {
        let parent = parent_of_zombie(ended)?;
        if begin.elapsed() > time {
            return Some(parent);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The parent of a zombie, from /proc/PID/stat (proc_pid_stat(5)); `None` when that process is none.
fn parent_of_zombie(process: &Process) -> Option<i32> {
    // A process has any name.
    let stat = look(|| fs::read(format!("/proc/{}/stat", process.pid)).map(text)).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let is_it = fields.get(19)?.parse() == Ok(process.start) && *fields.first()? == "Z";
    fields.get(1)?.parse().ok().filter(|_| is_it)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::process::started;

    #[test]
    fn a_zombie_is_told_from_one_that_runs_and_from_one_that_is_gone() {
        let mut command = std::process::Command::new("sleep");
        let mut child = command.arg("60").spawn().expect("sleep runs");
        let process = started(&child);
        assert_eq!(parent_that_waits_not(&process, Duration::ZERO), None);
        let handle = process.hold().expect("allowed").expect("it runs");
        child.kill().expect("sent");
        assert!(handle.ends_within(Duration::from_secs(60)));
        let me = std::process::id() as i32;
        assert_eq!(parent_that_waits_not(&process, Duration::ZERO), Some(me));
        child.wait().expect("it has ended");
        assert_eq!(parent_that_waits_not(&process, Duration::ZERO), None);
    }
}
