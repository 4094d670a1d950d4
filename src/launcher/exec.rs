//! `exec`: from a unit's main process to the gateway, or a refusal. Design: at most one gateway per profile home,
//! whichever manager or person starts it.
//!
//! The order matters: take the record lock first, then look for gateways that do not know of it, then become the
//! gateway. The lock outlives execve(2), is not inherited by children, and the kernel frees it when the process dies.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::libc;
use nix::unistd::{AccessFlags, access, geteuid};

use crate::gateway::{self, Hold, Owner};
use crate::host::process::{Process, spoken};
use crate::layout::hermes_search;
use crate::profile::{ProfileName, root_for};

/// The record lock's file in a profile home. Never upstream's `gateway.lock`.
pub const LOCK: &str = ".hermes-install.lock";

/// The setting that a drop-in hands to the launcher.
pub const HERMES_VARIABLE: &str = "HERMES_INSTALL_HERMES";

/// Why the gateway was not started. Each becomes the exit status that `RestartPreventExitStatus=` lists.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Somebody else has the profile: exit status 69, EX_UNAVAILABLE.
    #[error("{0}")]
    Owned(String),
    /// hermes or the profile home cannot be used: exit status 78, EX_CONFIG.
    #[error("{0}")]
    Unusable(String),
}

impl Refusal {
    /// The exit status.
    pub fn code(&self) -> u8 {
        match self {
            Self::Owned(_) => 69,
            Self::Unusable(_) => 78,
        }
    }
}

/// What the launcher was told.
#[derive(Debug)]
pub struct Launch {
    /// The profile to run.
    pub profile: ProfileName,
    /// The hermes root, over what the environment says.
    pub root: Option<PathBuf>,
    /// The hermes executable, over the environment and the search list.
    pub hermes: Option<PathBuf>,
}

/// Become the gateway. Returns only to refuse. `wait` is told, once, what a start waits for.
pub fn launch(launch: &Launch, mut wait: impl FnMut(&str)) -> Refusal {
    match prepare(launch, &mut wait) {
        Err(refusal) => refusal,
        Ok(ready) => ready.exec(),
    }
}

/// The hermes root and home directory that this process's environment names.
pub fn environment_root(told: Option<&Path>) -> Result<(PathBuf, PathBuf), Refusal> {
    let user_home = std::env::var_os("HOME")
        .map(PathBuf::from)
        .filter(|h| h.is_absolute());
    let user_home = user_home.unwrap_or_else(|| PathBuf::from("/"));
    let root = match told {
        Some(root) => root.to_owned(),
        None => {
            let variable = std::env::var_os("HERMES_HOME").map(PathBuf::from);
            root_for(variable.as_deref(), &user_home)
        }
    };
    if root.is_absolute() {
        Ok((root, user_home))
    } else {
        Err(Refusal::Unusable(format!(
            "hermes root `{}` is not an absolute path; set HERMES_HOME or `--home` to one",
            root.display()
        )))
    }
}

/// A gateway about to be executed; holds the record lock.
struct Ready {
    _lock: File,
    hermes: PathBuf,
    profile: ProfileName,
    root: PathBuf,
    home: PathBuf,
}

fn prepare(launch: &Launch, wait: &mut impl FnMut(&str)) -> Result<Ready, Refusal> {
    let (root, user_home) = environment_root(launch.root.as_deref())?;
    let home = launch.profile.home(&root);
    check_home(&launch.profile, &home)?;
    let told = launch
        .hermes
        .clone()
        .or_else(|| std::env::var_os(HERMES_VARIABLE).map(PathBuf::from));
    let hermes = find_hermes(told.as_deref(), &hermes_search(&root, &user_home))?;
    let lock = take_lock(&launch.profile, &home)?;
    wait_until_free(&launch.profile, &home, wait)?;
    Ok(Ready {
        _lock: lock,
        hermes,
        profile: launch.profile.clone(),
        root,
        home,
    })
}

/// The home is a directory that we can work in, and holds no lock file that would make the gateway crash.
fn check_home(profile: &ProfileName, home: &Path) -> Result<(), Refusal> {
    let shown = home.display();
    let me = || account_name(geteuid().as_raw());
    let meta = std::fs::metadata(home).map_err(|e| {
        Refusal::Unusable(match e.kind() {
            io::ErrorKind::NotFound if profile.is_default() => format!(
                "hermes root `{shown}` does not exist; create it for `{}`, or name another with `--home`",
                me()
            ),
            io::ErrorKind::NotFound => format!(
                "profile `{profile}` does not exist: there is no `{shown}`; create it with `hermes profile create {profile}`"
            ),
            _ => format!("profile home `{shown}` cannot be examined by `{}`: {e}", me()),
        })
    })?;
    if !meta.is_dir() {
        return Err(Refusal::Unusable(format!(
            "profile home `{shown}` is not a directory; move it away or name another root with `--home`"
        )));
    }
    if geteuid().is_root() && meta.uid() != 0 {
        let owner = account_name(meta.uid());
        return Err(Refusal::Unusable(format!(
            "profile home `{shown}` belongs to `{owner}` but this runs as root, and would leave files there that \
             `{owner}` cannot use; run the gateway as `{owner}` (`User={owner}` in the unit)"
        )));
    }
    access(home, AccessFlags::R_OK | AccessFlags::W_OK | AccessFlags::X_OK).map_err(|errno| {
        Refusal::Unusable(match errno {
            Errno::EROFS => format!(
                "profile home `{shown}` is read-only here; if the unit's sandbox makes it so, add a drop-in with \
                 `ReadWritePaths={shown}`"
            ),
            _ => format!(
                "profile home `{shown}` cannot be used by `{}`: {errno}; give it to that account with \
                 `chown -R {} {shown}`",
                me(),
                me()
            ),
        })
    })?;
    for name in [gateway::LOCK, LOCK] {
        let file = home.join(name);
        if access(&file, AccessFlags::F_OK).is_ok()
            && access(&file, AccessFlags::R_OK | AccessFlags::W_OK).is_err()
        {
            let owner = std::fs::symlink_metadata(&file)
                .map_or_else(|_| "another account".into(), |m| account_name(m.uid()));
            return Err(Refusal::Unusable(format!(
                "`{}` belongs to `{owner}` and cannot be opened by `{}`: a gateway of `{owner}` ran on this profile; \
                 when it has ended, `chown {} {}` and start again",
                file.display(),
                me(),
                me(),
                file.display()
            )));
        }
    }
    Ok(())
}

/// The executable to run: as told, or the first of these places.
pub fn find_hermes(told: Option<&Path>, places: &[PathBuf]) -> Result<PathBuf, Refusal> {
    let runnable = |path: &Path| path.is_file() && access(path, AccessFlags::X_OK).is_ok();
    let Some(path) = told else {
        return places.iter().find(|p| runnable(p)).cloned().ok_or_else(|| {
            let list: Vec<String> = places
                .iter()
                .map(|p| format!("`{}`", p.display()))
                .collect();
            Refusal::Unusable(format!(
                "no hermes executable: looked for {}; install hermes-agent, or name one with \
                 `hermes-install --profile … --hermes PATH`",
                list.join(", ")
            ))
        });
    };
    let shown = path.display();
    // The name is part of the contract: a running gateway that other gateways do not recognise as one loses its
    // lock file to them, and then two run (gateway/status.py, `_cleanup_invalid_pid_path`).
    let problem = if !path.is_absolute() {
        "is not an absolute path"
    } else if path.file_name().is_none_or(|n| n != "hermes") {
        "is not called `hermes`, so other gateways would not know it for one and would start beside it"
    } else if !path.exists() {
        "does not exist"
    } else if !runnable(path) {
        "cannot be executed by this account"
    } else {
        return Ok(path.to_owned());
    };
    Err(Refusal::Unusable(format!(
        "hermes executable `{shown}` {problem}; name one with `hermes-install --profile … --hermes PATH`"
    )))
}

/// A POSIX record lock, not flock(2) and not an open file description lock: only this kind stays with the process
/// through execve(2) and never passes to a child (fcntl_locking(2)).
fn take_lock(profile: &ProfileName, home: &Path) -> Result<File, Refusal> {
    let path = home.join(LOCK);
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
            };
            Err(Refusal::Owned(describe(profile, &owner)))
        }
        Err(errno) => Err(unusable(&errno)),
    }
}

/// Refuse when somebody has the profile; wait while it is unclear whether a hidden replacer means it.
fn wait_until_free(
    profile: &ProfileName,
    home: &Path,
    wait: &mut impl FnMut(&str),
) -> Result<(), Refusal> {
    let mut told = false;
    loop {
        let owner = gateway::owner(home).map_err(|e| {
            Refusal::Unusable(format!(
                "`{}` cannot be examined, so nobody can tell whether a gateway runs: {e}",
                home.join(gateway::LOCK).display()
            ))
        })?;
        match owner {
            None => return Ok(()),
            Some(owner) if owner.hold != Hold::MayTake => {
                return Err(Refusal::Owned(describe(profile, &owner)));
            }
            Some(owner) => {
                if !std::mem::replace(&mut told, true) {
                    wait(&format!(
                        "waiting: {} may be taking over profile `{profile}`",
                        owner
                            .process
                            .map_or_else(|| "another process".into(), |p| name(&p))
                    ));
                }
                std::thread::sleep(Duration::from_millis(200));
            }
        }
    }
}

/// One sentence: who has the profile, since when, and how to end that.
pub fn describe(profile: &ProfileName, owner: &Owner) -> String {
    let unit = profile.unit();
    let Some(process) = &owner.process else {
        return format!(
            "profile `{profile}` is owned by another process: it {} and cannot be seen from here (another container?); \
             stop it there, then start `{unit}`",
            owner.how
        );
    };
    format!(
        "profile `{profile}` is owned by {}, which {}; to give it to this unit: `{}`, then start `{unit}`",
        name(process),
        owner.how,
        stop_command(process)
    )
}

/// A process as a person would look for it.
pub fn name(process: &Process) -> String {
    let mut out = format!("pid {} of `{}`", process.pid, account_name(process.uid));
    match process.unit() {
        Some(unit) if unit.is_service() && unit.user.is_some() => {
            out += &format!(" (user unit `{}`", unit.name);
        }
        Some(unit) if unit.is_service() => out += &format!(" (unit `{}`", unit.name),
        Some(unit) if unit.name.ends_with(".service") => {
            out += &format!(" (a job of `{}`", unit.name);
        }
        _ => match (process.container(), process.terminal()) {
            (Some(container), _) => out += &format!(" (in container `{container}`"),
            (None, Some(terminal)) => out += &format!(" (on {terminal}"),
            (None, None) => out += " (no terminal",
        },
    }
    out + &format!(", for {})", spoken(process.age()))
}

/// The command that ends a gateway for good: its unit's or container's stop, or a planned stop by signal.
pub fn stop_command(process: &Process) -> String {
    if let Some(container) = process.container() {
        for (prefix, verb) in [
            ("docker-", "docker stop"),
            ("libpod-", "podman stop"),
            ("machine-", "machinectl poweroff"),
        ] {
            if let Some(id) = container.strip_prefix(prefix) {
                return format!("{verb} {id}");
            }
        }
    }
    match process.unit().filter(|u| u.is_service()) {
        Some(unit) => match unit.user {
            None => format!("systemctl stop {}", unit.name),
            Some(uid) if uid == geteuid().as_raw() && !in_system_service() => {
                format!("systemctl --user stop {}", unit.name)
            }
            Some(uid) => format!(
                "systemctl --user -M {}@ stop {}",
                account_name(uid),
                unit.name
            ),
        },
        None => format!("kill -INT {}", process.pid),
    }
}

/// Whether this process is a system service: what it says is read by an admin in the system journal.
fn in_system_service() -> bool {
    let unit = Process::read(std::process::id() as i32).and_then(|me| me.unit());
    unit.is_some_and(|u| u.user.is_none() && u.is_service())
}

/// The account's name, or its number when it has none.
pub fn account_name(uid: u32) -> String {
    nix::unistd::User::from_uid(uid.into())
        .ok()
        .flatten()
        .map_or_else(|| uid.to_string(), |user| user.name)
}

impl Ready {
    /// execve(2); returns only when that failed.
    fn exec(self) -> Refusal {
        let text = |bytes: &[u8]| CString::new(bytes).unwrap_or_default();
        // Always `--profile`, for `default` too: else the gateway follows `active_profile`. Never `--replace`.
        let argv = [
            text(self.hermes.as_os_str().as_bytes()),
            text(b"--profile"),
            text(self.profile.as_str().as_bytes()),
            text(b"gateway"),
            text(b"run"),
        ];
        let env: Vec<CString> = environment(&self.root, &self.hermes)
            .into_iter()
            .map(|entry| text(&entry))
            .collect();
        let _ = std::env::set_current_dir(&self.home);
        let Err(errno) = nix::unistd::execve(&argv[0], &argv, &env);
        let hint = match errno {
            Errno::ENOENT => {
                ": its interpreter is gone, as after an upgrade of Python; make its environment anew"
            }
            Errno::ENOEXEC => ": it is not a program; reinstall hermes-agent",
            _ => "",
        };
        Refusal::Unusable(format!(
            "hermes executable `{}` cannot be run: {errno}{hint}",
            self.hermes.display()
        ))
    }
}

/// Our environment with HERMES_HOME set to the root, and hermes' own directory on PATH so that what the gateway
/// starts finds the same hermes.
fn environment(root: &Path, hermes: &Path) -> Vec<Vec<u8>> {
    let entry = |name: &str, value: &[u8]| [name.as_bytes(), b"=", value].concat();
    let mut path =
        std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into());
    if let Some(dir) = hermes.parent() {
        let known = std::env::split_paths(&path).any(|p| p == dir);
        if !known {
            let mut longer = dir.as_os_str().to_owned();
            longer.push(":");
            longer.push(&path);
            path = longer;
        }
    }
    let mut env: Vec<Vec<u8>> = std::env::vars_os()
        .filter(|(name, _)| name != "PATH" && name != "HERMES_HOME" && name != HERMES_VARIABLE)
        .map(|(name, value)| [name.as_bytes(), b"=", value.as_bytes()].concat())
        .collect();
    env.push(entry("PATH", path.as_bytes()));
    env.push(entry("HERMES_HOME", root.as_os_str().as_bytes()));
    env
}
