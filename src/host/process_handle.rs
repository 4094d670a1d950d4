//! A process that can be signalled and waited for: this very one, whatever its ID means by then (pidfd_open(2)).

use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Result;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::host::process::Process;

/// A process that is held by a descriptor.
#[derive(Debug)]
pub(crate) struct Handle(OwnedFd);

impl Process {
    /// Hold this process; `None` when it has ended, or works with another account's rights by now.
    ///
    /// # Errors
    /// When the kernel has no such descriptors (before 5.3) or forbids them: then nobody may be signalled.
    pub(crate) fn hold(&self) -> Result<Option<Handle>> {
        let Some(pid) = Pid::from_raw(self.pid) else {
            return Ok(None);
        };
        let handle = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(fd) => Handle(fd),
            Err(rustix::io::Errno::SRCH) => return Ok(None),
            Err(e) => return Err(e),
        };
        // Read once it is held: the ID cannot pass to another any more.
        let is_same =
            |now: &Process| now.start == self.start && now.credentials == self.credentials;
        Ok(Process::read(self.pid).filter(is_same).map(|_| handle))
    }
}

impl Handle {
    /// Send it a signal.
    pub(crate) fn send(&self, signal: Signal) -> Result<()> {
        pidfd_send_signal(&self.0, signal)
    }

    /// Whether it still runs; a zombie does not.
    pub(crate) fn is_alive(&self) -> bool {
        !self.ends_within(Duration::ZERO)
    }

    /// Wait for its end, but no longer than this; whether it has ended.
    pub(crate) fn ends_within(&self, time: Duration) -> bool {
        let time = Timespec::try_from(time).ok();
        let mut fds = [PollFd::new(&self.0, PollFlags::IN)];
        poll(&mut fds, time.as_ref()).is_ok_and(|n| n > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_signalled_and_its_end_is_seen() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .expect("sleep runs");
        let process = Process::read(child.id() as i32).expect("it is there");
        let handle = process.hold().expect("allowed").expect("it runs");
        assert!(handle.is_alive());
        handle.send(Signal::KILL).expect("sent");
        assert!(handle.ends_within(Duration::from_secs(10)));
        assert!(!handle.is_alive(), "not even while it is a zombie");
        child.wait().expect("it has ended");
        assert!(process.hold().expect("allowed").is_none());
    }

    #[test]
    fn another_process_of_that_id_is_not_held() {
        let mut other = Process::read(std::process::id() as i32).expect("we run");
        other.start += 1;
        assert!(other.hold().expect("allowed").is_none());
    }
}
