//! What a gateway needs of its profile home. The launcher asks before each start and install before it writes a unit;
//! each says the answer in its own words.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::libc;
use nix::unistd::AccessFlags;

use crate::gateway::env_file::{ENV, is_assignments};
use crate::gateway::running::GATEWAY_LOCK;
use crate::host::ownership::giving;
use crate::host::process::shell_quote;
use crate::host::read::{self, read_small_text};
use crate::launcher::lock::RECORD_LOCK;
use crate::profile::root_of;

/// Whether an account may use a path, as the kernel says.
pub(crate) type May<'a> = &'a dyn Fn(&Path, AccessFlags) -> Result<(), Errno>;

/// Files that have to be opened for writing where they exist. All others a gateway replaces by renaming new ones, and
/// treats unreadable ones as missing (gateway/status.py, 0.15.2 to 0.22.2).
const LOCKS: [&str; 2] = [GATEWAY_LOCK, RECORD_LOCK];

/// How often a file may be replaced while it is looked at before it counts as not there.
const LOOKS: u32 = 10;

/// Why a home cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HomeProblem {
    /// It is not there.
    Missing,
    /// It is not there, and this directory above it, or in its place, is an empty one of root's: where a disk is mounted
    /// later.
    NotMounted(PathBuf),
    /// It is something else than a directory.
    NoDirectory,
    /// It cannot be looked at; why.
    Unseen(String),
    /// A directory above it may not be searched.
    Unsearchable {
        /// The directory.
        directory: PathBuf,
        /// The user ID that it belongs to.
        owner: u32,
    },
    /// It may not be read, written and searched.
    Unusable {
        /// The user ID that it belongs to.
        owner: u32,
        /// What the kernel said.
        errno: Errno,
    },
    /// A lock file in it may not be read and written: another account's gateway left it.
    Lock {
        /// The file.
        path: PathBuf,
        /// The user ID that it belongs to.
        owner: u32,
    },
    /// The file of its variables may not be read: every hermes ends with a traceback then (hermes_cli/env_loader.py, 0.13.0 to
    /// 0.22.2).
    Env {
        /// The file.
        path: PathBuf,
        /// The user ID that it belongs to.
        owner: u32,
    },
}

/// What root types about a file that an account cannot use in its home: to give it, where that shows the account nothing new
/// but variables; else to look, as the account may have moved any file of root there.
pub(crate) fn giving_file(account: &str, home: &Path, file: &Path) -> String {
    let is_readable = |meta: fs::Metadata| meta.is_file() && meta.permissions().mode() & 0o004 != 0;
    let is_for_all = fs::symlink_metadata(file).is_ok_and(is_readable);
    let text = || read_small_text(file, read::TEXT).ok().flatten();
    let is_of_variables =
        || file.ends_with(ENV) && text().is_some_and(|text| is_assignments(&text));
    match is_for_all || is_of_variables() {
        true => giving(account, home, Some(file)),
        false => shell_quote(&["ls", "-la", &*home.to_string_lossy()]),
    }
}

/// Look at a home for an account that may do what `may` says.
pub(crate) fn examine(home: &Path, may: May) -> Result<(), HomeProblem> {
    let meta = match fs::metadata(home) {
        Ok(meta) => meta,
        Err(e) if e.kind() == ErrorKind::NotFound => {
            let missing = empty_place(home).map_or(HomeProblem::Missing, HomeProblem::NotMounted);
            return Err(missing);
        }
        Err(e) => return Err(HomeProblem::Unseen(e.to_string())),
    };
    if !meta.is_dir() {
        return Err(HomeProblem::NoDirectory);
    }
    let all = AccessFlags::R_OK | AccessFlags::W_OK | AccessFlags::X_OK;
    if let Err(errno) = may(home, all) {
        let mut above: Vec<&Path> = home.ancestors().skip(1).collect();
        above.reverse();
        let closed = above
            .into_iter()
            .find(|directory| may(directory, AccessFlags::X_OK).is_err());
        return Err(match closed {
            Some(directory) => HomeProblem::Unsearchable {
                directory: directory.to_owned(),
                owner: fs::metadata(directory).map_or(0, |meta| meta.uid()),
            },
            None if errno == Errno::EACCES && empty_place(home).is_some() => {
                HomeProblem::NotMounted(home.to_owned())
            }
            None => HomeProblem::Unusable {
                owner: meta.uid(),
                errno,
            },
        });
    }
    for name in LOCKS {
        let path = home.join(name);
        if let Some(owner) = unusable(&path, AccessFlags::R_OK | AccessFlags::W_OK, may) {
            return Err(HomeProblem::Lock { path, owner });
        }
    }
    let path = home.join(ENV);
    // Where a link leads is not for this home to give.
    if fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_file()) {
        if let Some(owner) = unusable(&path, AccessFlags::R_OK, may) {
            return Err(HomeProblem::Env { path, owner });
        }
    }
    Ok(())
}

/// The nearest directory that is there, where it looks like a mount point without its disk: root's, empty, and nothing is
/// mounted on it.
fn empty_place(home: &Path) -> Option<PathBuf> {
    let (place, meta) = home
        .ancestors()
        .find_map(|path| fs::metadata(path).ok().map(|meta| (path, meta)))?;
    // Inside of a hermes root an empty directory is hermes' own.
    let root = root_of(home);
    let above = fs::metadata(place.join("..")).ok()?;
    let is_mounted = above.dev() != meta.dev() || above.ino() == meta.ino();
    let is_empty = || fs::read_dir(place).is_ok_and(|mut entries| entries.next().is_none());
    (root.starts_with(place) && meta.uid() == 0 && !is_mounted && is_empty())
        .then(|| place.to_owned())
}

/// Who owns a file that may not be used so. One that is replaced or goes away meanwhile is not there: what was
/// asked of the old one says nothing of the new one.
fn unusable(path: &Path, flags: AccessFlags, may: May) -> Option<u32> {
    for _ in 0..LOOKS {
        // Held open, so that its inode number is not used again meanwhile; nothing is read.
        let held = File::options()
            .read(true)
            .custom_flags(libc::O_PATH | libc::O_NOFOLLOW)
            .open(path);
        let before = held.as_ref().ok()?.metadata().ok()?;
        if may(path, flags).is_ok() {
            return None;
        }
        let after = fs::symlink_metadata(path).ok()?;
        if (before.dev(), before.ino()) == (after.dev(), after.ino()) {
            return Some(after.uid());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    fn yes(_: &Path, _: AccessFlags) -> Result<(), Errno> {
        Ok(())
    }

    #[test]
    fn a_home_is_a_directory_that_can_be_reached_and_used() {
        let top = tempfile::tempdir().expect("a directory");
        let home = top.path().join("a/home");
        let empty = top.path().to_owned();
        let missing = if nix::unistd::geteuid().is_root() {
            HomeProblem::NotMounted(empty)
        } else {
            HomeProblem::Missing
        };
        assert_eq!(examine(&home, &yes), Err(missing));
        fs::write(top.path().join("lost+found"), "").expect("written");
        assert_eq!(examine(&home, &yes), Err(HomeProblem::Missing));
        fs::create_dir_all(&home).expect("made");
        assert_eq!(examine(&home, &yes), Ok(()));
        let closed = top.path().join("a");
        let no_way = |path: &Path, _| {
            if path.starts_with(&closed) {
                Err(Errno::EACCES)
            } else {
                Ok(())
            }
        };
        assert_eq!(
            examine(&home, &no_way),
            Err(HomeProblem::Unsearchable {
                directory: closed.clone(),
                owner: nix::unistd::geteuid().as_raw(),
            })
        );
        let read_only = |path: &Path, flags: AccessFlags| match path == home
            && flags.contains(AccessFlags::W_OK)
        {
            true => Err(Errno::EROFS),
            false => Ok(()),
        };
        let problem = examine(&home, &read_only).expect_err("read-only");
        assert!(
            matches!(
                problem,
                HomeProblem::Unusable {
                    errno: Errno::EROFS,
                    ..
                }
            ),
            "{problem:?}"
        );
        fs::write(top.path().join("file"), "").expect("written");
        let file = top.path().join("file");
        assert_eq!(examine(&file, &yes), Err(HomeProblem::NoDirectory));
    }

    #[test]
    fn a_lock_of_another_account_is_named() {
        let home = tempfile::tempdir().expect("a directory");
        let lock = home.path().join(GATEWAY_LOCK);
        fs::write(&lock, "").expect("written");
        let not_the_lock = |path: &Path, _| {
            if path == lock {
                Err(Errno::EACCES)
            } else {
                Ok(())
            }
        };
        let owner = nix::unistd::geteuid().as_raw();
        assert_eq!(
            examine(home.path(), &not_the_lock),
            Err(HomeProblem::Lock {
                path: lock.clone(),
                owner
            })
        );
    }

    #[test]
    fn variables_that_cannot_be_read_are_named_and_need_not_be_written() {
        let home = tempfile::tempdir().expect("a directory");
        let env = home.path().join(ENV);
        fs::write(&env, "").expect("written");
        let denied = |denied: AccessFlags| {
            examine(
                home.path(),
                &|path, flags| match path == env && flags.intersects(denied) {
                    true => Err(Errno::EACCES),
                    false => Ok(()),
                },
            )
        };
        let owner = nix::unistd::geteuid().as_raw();
        let path = env.clone();
        assert_eq!(
            denied(AccessFlags::R_OK),
            Err(HomeProblem::Env { path, owner })
        );
        assert_eq!(denied(AccessFlags::W_OK), Ok(()));
    }

    /// Look at a home whose lock another thread replaces all the while, and takes away in between if `goes`. The account
    /// may use neither the old nor the new file.
    fn look_while_replaced(goes: bool) {
        let home = tempfile::tempdir().expect("a directory");
        let (lock, new) = (home.path().join(GATEWAY_LOCK), home.path().join("new"));
        fs::write(&lock, "").expect("written");
        let is_over = AtomicBool::new(false);
        let denied = |path: &Path, _| {
            if path != lock {
                return Ok(());
            }
            let seen = || fs::symlink_metadata(path).ok().map(|m| m.ino());
            let before = seen();
            while seen() == before && !is_over.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
            Err(Errno::EACCES)
        };
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    fs::write(&new, "").expect("written");
                    fs::rename(&new, &lock).expect("renamed");
                    if goes {
                        fs::remove_file(&lock).expect("removed");
                    }
                }
            });
            let all: Vec<_> = (0..10).map(|_| examine(home.path(), &denied)).collect();
            is_over.store(true, Ordering::Relaxed);
            assert!(all.iter().all(Result::is_ok), "{all:?}");
        });
    }

    #[test]
    fn a_file_that_is_replaced_while_it_is_looked_at_is_no_problem() {
        look_while_replaced(false);
    }

    #[test]
    fn a_file_that_goes_away_while_it_is_looked_at_is_not_there() {
        look_while_replaced(true);
    }
}
