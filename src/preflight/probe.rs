//! What a host says of a profile and its settings. Reads only, and judges nothing.

use std::cell::RefCell;
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use nix::errno::Errno;
use nix::unistd::AccessFlags;

use crate::error::refuse;
use crate::gateway::config::Configuration;
use crate::gateway::version::Version;
use crate::host::Host;
use crate::host::account::{Account, account_name};
use crate::host::ownership::opening;
use crate::host::run_as::{LOOK, run_as};
use crate::launcher::hermes::HermesProblem;
use crate::launcher::home::{HomeProblem, examine, giving_file};
use crate::layout::{ACCOUNT, SYSTEM_ROOT, Scope};
use crate::preflight::sandbox::{is_private, mounts};
use crate::preflight::site::Sites;
use crate::preflight::unreadable::{Unreadable, unreadable};
use crate::profile::{ProfileName, discover};
use crate::settings::Settings;

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Probe {
    /// Which manager.
    pub(super) scope: Scope,
    /// The account that the gateway runs as.
    pub(super) account: Account,
    /// The hermes root that the template unit names.
    pub(super) default_root: PathBuf,
    /// The hermes root.
    pub(super) root: PathBuf,
    /// The profile home.
    pub(super) home: PathBuf,
    /// Why it cannot be used.
    pub(super) home_problem: Result<(), HomeProblem>,
    /// Whether it is not there and hermes is to create it.
    pub(super) creates: bool,
    /// The account that what cannot be used belongs to.
    pub(super) by: String,
    /// The number of that account, where nobody has it.
    pub(super) by_nobody: Option<u32>,
    /// What is typed about the home, where its account has shut it, or about a file in it that cannot be used.
    pub(super) way_out: String,
    /// The profiles under the root, looked for when this one is not there.
    pub(super) profiles: Vec<ProfileName>,
    /// The hermes executable.
    pub(super) hermes: Result<PathBuf, HermesProblem>,
    /// Where it was looked for.
    pub(super) places: Vec<PathBuf>,
    /// What the launcher would find by itself.
    pub(super) found_by_launcher: Option<PathBuf>,
    /// Its version, where it was asked and told it.
    pub(super) version: Option<Version>,
    /// Files that systemd could not read, and directories that it could not open for writing.
    pub(super) unreadable: Vec<Unreadable>,
    /// Seconds of drain that the gateway is configured for.
    pub(super) gateway_drain: u32,
    /// Whether it has a gateway of its own beside one that serves all.
    pub(super) is_standalone: bool,
    /// Whether the gateway of its root is configured to serve all.
    pub(super) is_multiplexed: bool,
    /// What hermes writes outside its root.
    pub(super) writable: Vec<PathBuf>,
    /// What of it is on disks of their own.
    pub(super) mounts: Vec<PathBuf>,
    /// Whether it needs what `ProtectHome=yes` hides.
    pub(super) needs_home_access: bool,
}

impl Probe {
    /// Look at everything but the version and what depends on it.
    pub(super) fn read(
        host: &Host,
        sites: &Sites,
        profile: &ProfileName,
        settings: &Settings,
        place: &dyn Fn(&str) -> String,
    ) -> Result<Self> {
        let account = account(host, profile, settings)?;
        let root = root(host, settings, &account);
        let home = profile.home(&root);
        let is_tenant = host.scope == Scope::System && profile.is_tenant(&root);
        // The default account, a tenant's and their roots are made by the units' own sysusers.d and tmpfiles.d.
        let is_usual = account.name == ACCOUNT && root == Path::new(SYSTEM_ROOT);
        let is_made_later = host.scope == Scope::System
            && (is_tenant || (is_usual && profile.is_default()))
            && !host.exists(&root);
        let home_problem = match is_made_later {
            true => Ok(()),
            false => examine_home(host, &account, &home)?,
        };
        // All of a tenant's home directory can be written.
        let own = match is_tenant {
            true => profile.tenant_home(),
            false => root.clone(),
        };
        let site = sites.find(&account, &root, &own, settings.hermes.as_deref())?;
        let mut probe = Self {
            scope: host.scope,
            default_root: host.default_root(),
            by: owner_of(&home_problem).map_or_else(String::new, account_name),
            by_nobody: owner_of(&home_problem)
                .filter(|uid| matches!(host.account_of(*uid), Ok(None))),
            way_out: match &home_problem {
                Err(HomeProblem::Unusable { owner, .. }) if *owner == account.uid => {
                    opening(*owner, &home)
                }
                Err(HomeProblem::Lock { path, .. } | HomeProblem::Env { path, .. }) => {
                    giving_file(&account.name, &home, path)
                }
                _ => String::new(),
            },
            profiles: match home_problem {
                Err(HomeProblem::Missing) => discover(&root, |path| host.real(path)),
                _ => Vec::new(),
            },
            home_problem,
            creates: false,
            found_by_launcher: site.found_by_launcher.clone(),
            hermes: site.hermes.clone(),
            places: site.places.clone(),
            version: None,
            unreadable: unreadable(host, settings, &account, place),
            gateway_drain: 0,
            is_standalone: false,
            is_multiplexed: false,
            writable: Vec::new(),
            mounts: Vec::new(),
            needs_home_access: false,
            account,
            root,
            home,
        };
        if let (Scope::System, Ok(hermes)) = (host.scope, &probe.hermes) {
            let linked = site.linked(host, &probe.account, &probe.root, &probe.home);
            let mut needed = vec![probe.root.as_path(), hermes.as_path()];
            needed.extend(linked.iter().map(PathBuf::as_path));
            // What systemd reads itself has to be there before it starts anything.
            let files = settings.read_by_systemd();
            needed.extend(files.map(|(_, _, path)| path.as_path()));
            probe.mounts = mounts(host, &needed);
            probe.writable.clone_from(&site.writable);
            probe.writable.extend(linked);
            probe.needs_home_access =
                site.is_private || probe.writable.iter().any(|path| is_private(host, path));
        }
        Ok(probe)
    }

    /// Let the profile be created, where it is not there. A hermes root is made in a user's own manager alone: for another account
    /// root cannot know that the data are not elsewhere.
    pub(super) fn create(&mut self) {
        let is_missing = matches!(self.home_problem, Err(HomeProblem::Missing));
        let is_root = self.home == self.root;
        if is_missing && (self.scope == Scope::User || !is_root) {
            self.home_problem = Ok(());
            self.creates = true;
        }
    }

    /// Read the profile's configuration; what it leaves to hermes depends on the version.
    pub(super) fn read_configuration(&mut self, host: &Host) {
        let config = Configuration::look(&host.files, &self.home);
        self.gateway_drain = config.stop_drain(self.version, None);
        self.is_standalone = config.is_standalone();
    }
}

fn account(host: &Host, profile: &ProfileName, settings: &Settings) -> Result<Account> {
    let name = match (host.scope, settings.run_as.as_deref()) {
        (Scope::User, None) => return Ok(host.own.clone()),
        (Scope::User, Some(name)) if name == host.own.name => return Ok(host.own.clone()),
        (Scope::User, Some(name)) => refuse!(
            "`--run-as {name}` needs the system's manager: your own manager runs everything as `{}`; use `--system` as root",
            host.own.name
        ),
        (Scope::System, name) => name.unwrap_or(ACCOUNT),
    };
    match host.account(name)? {
        Some(account) => Ok(account),
        None if name == ACCOUNT => Ok(Account::future(name, Path::new(SYSTEM_ROOT))),
        None if settings.tenant == Some(true) => Ok(Account::future(name, &profile.tenant_home())),
        None => refuse!(
            "account `{name}` does not exist; create it, or name another with `--run-as USER`"
        ),
    }
}

fn owner_of(problem: &Result<(), HomeProblem>) -> Option<u32> {
    match problem {
        Err(
            HomeProblem::Unsearchable { owner, .. }
            | HomeProblem::Unusable { owner, .. }
            | HomeProblem::Lock { owner, .. }
            | HomeProblem::Env { owner, .. },
        ) => Some(*owner),
        _ => None,
    }
}

/// The hermes root: as set, or the account's usual one.
fn root(host: &Host, settings: &Settings, account: &Account) -> PathBuf {
    match (&settings.home, host.scope) {
        (Some(root), _) => root.clone(),
        (None, Scope::System) if account.name != ACCOUNT => account.home.join(".hermes"),
        (None, _) => host.default_root(),
    }
}

/// What keeps the account from using the home; nobody can be asked in an image.
pub(super) fn examine_home(
    host: &Host,
    account: &Account,
    home: &Path,
) -> Result<Result<(), HomeProblem>> {
    if host.live().is_none() {
        return Ok(match host.metadata(home) {
            Ok(meta) if meta.is_dir() => Ok(()),
            Ok(_) => Err(HomeProblem::NoDirectory),
            Err(ErrorKind::NotFound) => Err(HomeProblem::Missing),
            Err(e) => Err(HomeProblem::Unseen(e.to_string())),
        });
    }
    let failed = RefCell::new(None);
    let may = |path: &Path, flags: AccessFlags| {
        let all = [
            (AccessFlags::R_OK, "-r"),
            (AccessFlags::W_OK, "-w"),
            (AccessFlags::X_OK, "-x"),
        ];
        let asked = all.iter().filter(|(bit, _)| flags.contains(*bit));
        let asked: Vec<&str> = asked.map(|(_, flag)| *flag).collect();
        match test(account, &asked, path) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Errno::EACCES),
            Err(e) => {
                failed.replace(Some(e));
                Err(Errno::EIO)
            }
        }
    };
    let problem = examine(&host.real(home), &may);
    failed.into_inner().map_or(Ok(problem), Err)
}

/// test(1) as the account, all of this at once: the kernel's own answer, access lists included.
pub(super) fn test(account: &Account, flags: &[&str], path: &Path) -> Result<bool> {
    let mut argv = vec![OsStr::new("test")];
    for flag in flags {
        argv.extend([OsStr::new(flag), path.as_os_str(), OsStr::new("-a")]);
    }
    argv.pop();
    let out = run_as(account, &[], &argv, LOOK).with_context(|| {
        format!(
            "`{}` cannot be checked as `{}`",
            path.display(),
            account.name
        )
    })?;
    Ok(out.status.success())
}
