//! The moment at which the launcher becomes the gateway: command line, environment, execve(2).

use std::ffi::CString;
use std::fs::File;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::unistd::{AccessFlags, access, geteuid};

use crate::gateway::command_line::supervised_variable;
use crate::gateway::config::{ACTIVE_PROFILE, active_name};
use crate::gateway::libraries::{TARGET, library_target, may_load};
use crate::gateway::search_path::Owner;
use crate::gateway::version::{DefaultProfile, Rules, Version};
use crate::host::account::account_name;
use crate::host::read::{self, read_small_text};
use crate::launcher::exec::HERMES_VARIABLE;
use crate::launcher::refusal::Refusal;
use crate::profile::ProfileName;

/// A gateway about to be executed; holds the record lock.
pub(super) struct Ready {
    pub(super) _lock: File,
    /// The executable.
    pub(super) hermes: PathBuf,
    /// The version of that hermes, where its files tell.
    pub(super) version: Option<Version>,
    /// What hermes calls the profile.
    pub(super) profile: ProfileName,
    pub(super) root: PathBuf,
    pub(super) home: PathBuf,
}

impl Ready {
    /// execve(2); returns only when that failed.
    pub(super) fn exec(self) -> Refusal {
        let text = |bytes: &[u8]| CString::new(bytes).unwrap_or_default();
        let mut argv = vec![text(self.hermes.as_os_str().as_bytes())];
        if self.is_named() {
            argv.push(text(b"--profile"));
            argv.push(text(self.profile.as_str().as_bytes()));
        }
        // Never `--replace`, which takes the profile from a gateway that the checks have missed, and never `--force`, which
        // serves it twice.
        argv.extend([text(b"gateway"), text(b"run")]);
        let keeps_work = self.keeps_work();
        if keeps_work {
            argv.push(text(b"--external-supervisor"));
        }
        let mut env: Vec<CString> = environment(&self)
            .into_iter()
            .filter(|entry| !keeps_work || !entry.starts_with(b"INVOCATION_ID="))
            .map(|entry| text(&entry))
            .collect();
        if self.profile.is_default() {
            env.push(text(&entry(supervised_variable(self.version), b"1")));
        }
        let may_write = |path: &Path| access(path, AccessFlags::W_OK).is_ok();
        let target = library_target(&self.hermes, &self.root, &|path| path.to_owned(), may_write);
        let may_load = |target: &PathBuf| may_load(target, geteuid().as_raw());
        if let Some(target) = target
            .filter(may_load)
            .filter(|_| std::env::var_os(TARGET).is_none())
        {
            env.push(text(&entry(TARGET, target.as_os_str().as_bytes())));
        }
        let _ = std::env::set_current_dir(&self.home);
        ignore_restarts();
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

impl Ready {
    fn is_named(&self) -> bool {
        !self.profile.is_default() || names_default(self.version, &self.root)
    }

    /// Whether jobs of cron and tasks of Kanban stay in this unit, for want of a user manager that they could leave for: without
    /// one a task would not begin ([`Rules::needs_user_manager`]). hermes knows by `INVOCATION_ID` that it is in a unit;
    /// `--external-supervisor` says what else that variable means to it, that somebody starts it again.
    fn keeps_work(&self) -> bool {
        self.version
            .is_some_and(|version| Rules::of(Some(version)).needs_user_manager)
            && !has_user_manager()
    }
}

/// Whether this account has a manager of its own whose bus this process reaches, and that stays when its logins end. The
/// place of the bus is hermes' own rule (`systemd_user_bus_env`, tools/process_registry.py).
fn has_user_manager() -> bool {
    // A unit in such a manager has the variable of it.
    if std::env::var_os("XDG_RUNTIME_DIR").is_some() {
        return true;
    }
    let uid = geteuid();
    let bus = PathBuf::from(format!("/run/user/{uid}/bus"));
    let is_there = bus
        .symlink_metadata()
        .is_ok_and(|bus| bus.file_type().is_socket() && bus.uid() == uid.as_raw());
    let lingers = || {
        let directory = Path::new("/var/lib/systemd/linger");
        directory.join(account_name(uid.as_raw())).exists()
    };
    is_there && lingers()
}

/// Whether the command line of the default profile's gateway names the profile; why not, says [`DefaultProfile`]. A
/// version that nobody can tell may be one that follows the active profile.
pub(super) fn names_default(version: Option<Version>, root: &Path) -> bool {
    let rule = match version {
        Some(_) => Rules::of(version).default_profile,
        None => DefaultProfile::NamedUnlessActive,
    };
    match rule {
        DefaultProfile::Named => true,
        DefaultProfile::NamedUnlessActive => {
            let text = read_small_text(&root.join(ACTIVE_PROFILE), read::JSON);
            let name = text.ok().flatten().and_then(|text| active_name(&text));
            name.is_some_and(|name| name != "default")
        }
        DefaultProfile::Unnamed => false,
    }
}

/// A variable as execve(2) wants it.
fn entry(name: &str, value: &[u8]) -> Vec<u8> {
    [name.as_bytes(), b"=", value].concat()
}

/// Have SIGUSR1 ignored until hermes listens for it, seconds after its start: it would kill it. What is ignored stays so over
/// execve(2), and hermes' handler takes its place; children that are started after that have the default again.
#[allow(unsafe_code)]
fn ignore_restarts() {
    use nix::sys::signal::{SigHandler, Signal, signal};
    // SAFETY: no function is called by a signal that is ignored.
    let _ = unsafe { signal(Signal::SIGUSR1, SigHandler::SigIgn) };
}

/// Our environment with HERMES_HOME set to the root, and on PATH what hermes' own unit has there ([`Owner`]).
fn environment(ready: &Ready) -> Vec<Vec<u8>> {
    let given = std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into());
    let user_home = std::env::var_os("HOME").map(PathBuf::from);
    let owner = Owner {
        hermes: &ready.hermes,
        root: &ready.root,
        home: &ready.home,
        user_home: user_home.as_deref().filter(|home| home.is_absolute()),
    };
    let path = owner.search_path(geteuid().as_raw(), &given);
    let mut env: Vec<Vec<u8>> = std::env::vars_os()
        .filter(|(name, _)| name != "PATH" && name != "HERMES_HOME" && name != HERMES_VARIABLE)
        .map(|(name, value)| [name.as_bytes(), b"=", value.as_bytes()].concat())
        .collect();
    env.push(entry("PATH", path.as_bytes()));
    env.push(entry("HERMES_HOME", ready.root.as_os_str().as_bytes()));
    env
}
