//! The record lock of a profile home: one launcher at a time becomes the gateway.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::libc;
use nix::unistd::geteuid;

use crate::gateway::owner::{Hold, Owner};
use crate::host::account::account_name;
use crate::host::process::Process;
use crate::launcher::refusal::{Refusal, describe};
use crate::profile::ProfileName;

/// The record lock's file in a profile home. Never upstream's `gateway.lock`.
pub(crate) const RECORD_LOCK: &str = ".hermes-install.lock";

/// A POSIX record lock, not flock(2) and not an open file description lock: only this kind stays with the process
/// through execve(2) and never passes to a child (fcntl_locking(2)).
pub(crate) fn take_lock(profile: &ProfileName, home: &Path, unit: &str) -> Result<File, Refusal> {
    let path = home.join(RECORD_LOCK);
    let unusable = |e: &dyn std::fmt::Display| {
        Refusal::Unusable(format!(
            "lock file `{}` cannot be used: {e}; remove it if it is not a file of `{}`",
            path.display(),
            account_name(geteuid().as_raw())
        ))
    };
    let file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(&path)
        .map_err(|e| unusable(&e))?;
    // Closing any descriptor of the file drops the lock, so this one has to live in the gateway.
    fcntl(&file, FcntlArg::F_SETFD(FdFlag::empty())).map_err(|e| unusable(&e))?;
    let whole = libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    match fcntl(&file, FcntlArg::F_SETLK(&whole)) {
        Ok(_) => Ok(file),
        Err(Errno::EACCES | Errno::EAGAIN) => {
            let mut holder = whole;
            let _ = fcntl(&file, FcntlArg::F_GETLK(&mut holder));
            let owner = Owner {
                process: Process::read(holder.l_pid),
                how: "runs its gateway",
                hold: Hold::Has,
                is_proven: true,
            };
            Err(Refusal::Owned(describe(profile, &owner, unit)))
        }
        Err(errno) => Err(unusable(&errno)),
    }
}
