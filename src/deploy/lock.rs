//! One installer at a time.

use std::fs::File;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

/// Holds the lock on a directory that exists in any case, so that locking leaves no file behind.
pub(crate) struct Lock {
    _held: Flock<File>,
}

impl Lock {
    /// Take it, or say who might have it.
    pub(crate) fn take(directory: &Path) -> Result<Self> {
        let file = File::open(directory)
            .with_context(|| format!("`{}` cannot be opened", directory.display()))?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(held) => Ok(Self { _held: held }),
            Err((_, Errno::EWOULDBLOCK)) => bail!(
                "another hermes-install is at work (it holds a lock on `{}`); wait for it and run this again",
                directory.display()
            ),
            Err((_, errno)) => bail!("`{}` cannot be locked: {errno}", directory.display()),
        }
    }
}
