//! One installer at a time. The lock is a file that nobody else can open, as whoever can open a file can lock it, and it
//! is gone afterwards.

use std::fs::File;
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::libc;

use crate::host::Host;

/// The lock, held until it is dropped.
pub(crate) struct Lock {
    path: PathBuf,
    is_file: bool,
    _held: Flock<File>,
}

impl Lock {
    /// Take it, waiting for so long, or say who might have it.
    pub(crate) fn take(host: &Host, wait: Duration) -> Result<Self> {
        let (path, is_file) = place(host)?;
        let begin = Instant::now();
        loop {
            let held = lock(&path, is_file)
                .with_context(|| format!("`{}` cannot be locked", path.display()))?;
            if let Some(held) = held {
                return Ok(Self {
                    path,
                    is_file,
                    _held: held,
                });
            }
            if begin.elapsed() >= wait {
                bail!(
                    "another hermes-install is at work (it holds a lock on `{}`); run this again later, or with \
                     `--wait SECONDS`",
                    path.display()
                );
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Still locked: whoever opened it meanwhile sees that it is not the file of this name any more.
        if self.is_file {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// A file in the runtime directory of the account that runs this: of the host, or of the image by its identity. Without
/// a runtime directory, as after `su`, the home directory itself, which others may be able to lock.
fn place(host: &Host) -> Result<(PathBuf, bool)> {
    let runtime = match nix::unistd::geteuid().as_raw() {
        0 => PathBuf::from("/run"),
        uid => PathBuf::from(format!("/run/user/{uid}")),
    };
    if !runtime.is_dir() {
        return Ok((host.real(&host.own.home), false));
    }
    let name = match host.live() {
        Some(_) => "hermes-install.lock".to_owned(),
        None => {
            let meta = std::fs::metadata(&host.root)?;
            format!("hermes-install-{:x}-{:x}.lock", meta.dev(), meta.ino())
        }
    };
    Ok((runtime.join(name), true))
}

/// Try once.
fn lock(path: &Path, is_file: bool) -> io::Result<Option<Flock<File>>> {
    let file = File::options()
        .read(true)
        .write(is_file)
        .create(is_file)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(path)?;
    let held = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(held) => held,
        Err((_, Errno::EWOULDBLOCK)) => return Ok(None),
        Err((_, errno)) => return Err(errno.into()),
    };
    let identity = |meta: std::fs::Metadata| (meta.dev(), meta.ino());
    let named = std::fs::symlink_metadata(path).map(identity).ok();
    Ok((named == Some(identity(held.metadata()?))).then_some(held))
}
