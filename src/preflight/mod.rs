//! What must be true before anything is written: from settings to an [`Instance`], or a refusal with the way out.
//! Whatever cannot be told is a refusal too.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::config::Settings;
use crate::error::refuse;
use crate::gateway::config::stop_drain;
use crate::gateway::owner::GATEWAY_LOCK;
use crate::gateway::state::STATE;
use crate::gateway::version::{Version, is_hermes};
use crate::host::Host;
use crate::host::account::Account;
use crate::host::read::{self, Unread, open_regular};
use crate::host::search::{hermes_search, install_command};
use crate::host::systemctl;
use crate::launcher::lock::RECORD_LOCK;
use crate::layout::{ACCOUNT, SYSTEM_ROOT, Scope, hidden_by_protect_home};
use crate::output::Output;
use crate::profile::{ProfileName, discover, root_for};
use crate::render::model::{self, Instance};

/// A profile that may be installed.
#[derive(Debug, Clone)]
pub(crate) struct Checked {
    /// Its settings, resolved.
    pub(crate) instance: Instance,
    /// Its profile home.
    pub(crate) home: PathBuf,
    /// Whether it is to start at boot.
    pub(crate) enable: bool,
    /// Whether it is to run now.
    pub(crate) start: bool,
}

/// Check one profile, all but whether somebody else has it.
pub(crate) fn check(
    host: &Host,
    profile: &ProfileName,
    settings: &Settings,
    output: &Output,
) -> Result<Checked> {
    let account = account(host, settings)?;
    let root = root(host, settings, &account);
    let home = profile.home(&root);
    // The default account and its root are made by the units' own sysusers.d and tmpfiles.d.
    let is_made_later = host.scope == Scope::System
        && account.name == ACCOUNT
        && root == Path::new(SYSTEM_ROOT)
        && !host.at(&root).exists();
    if !(is_made_later && profile.is_default()) {
        check_home(host, profile, &account, &root, &home)?;
    }
    let hermes = hermes(host, settings, &account, &root)?;
    let mut version = None;
    if host.live().is_some() {
        version = self::version(&account, &hermes)?;
        output.step(format!(
            "profile `{profile}`: hermes {} at `{}`",
            told(version),
            hermes.display()
        ));
        check_version(version, &hermes, output)?;
    }
    let environment = settings.environment_files.iter().flatten();
    let credentials = settings.credentials.iter().flat_map(|c| c.values());
    let needed = environment
        .map(|file| ("environment file", file, "--environment-file"))
        .chain(credentials.map(|file| ("credential", file, "credentials")));
    for (what, file, setting) in needed {
        // systemd itself reads them, as root or as the user whose manager it is: as we are.
        let is_there = match open_regular(&host.at(file)) {
            Ok(Some(_)) | Err(Unread::NotRegular("a directory")) => Ok(()),
            Ok(None) => Err("it does not exist".to_owned()),
            Err(e) => Err(e.to_string()),
        };
        if let Err(e) = is_there {
            refuse!(
                "{what} `{}` cannot be read: {e}; the gateway would not start without it; create it, or leave out \
                 `{setting}`",
                file.display()
            );
        }
    }
    let account_changed = settings
        .run_as
        .as_deref()
        .is_some_and(|name| name != ACCOUNT)
        || settings.group.is_some();
    let mut instance = Instance::plain(profile.clone(), host.scope);
    if host.scope == Scope::System && account_changed {
        instance.account = Some(model::Account {
            user: account.name.clone(),
            group: settings.group.as_ref().unwrap_or(&account.group).clone(),
        });
    }
    if root != host.default_root() {
        instance.root = Some(root.clone());
    }
    // What the launcher finds by itself needs no setting, and then follows a later change of place.
    let found = hermes_search(&root, &account.home)
        .into_iter()
        .find(|p| host.at(p).exists());
    if settings.hermes.is_some() || found.as_ref() != Some(&hermes) {
        instance.hermes = Some(hermes.clone());
    }
    instance.environment_files = settings.environment_files.clone().unwrap_or_default();
    instance.credentials = settings.credentials.clone().unwrap_or_default();
    instance.restart = settings.restart.unwrap_or_default();
    instance.hardening = settings.hardening.unwrap_or_default();
    instance.drain_timeout = settings.drain_timeout;
    instance.gateway_drain = stop_drain(&host.at(&home), version, None);
    instance.hermes_version = version.map(|v| v.to_string());
    instance.memory_high.clone_from(&settings.memory_high);
    instance.memory_max.clone_from(&settings.memory_max);
    if host.scope == Scope::System {
        let writable = writable(host, &account, &root, &hermes);
        instance.home_access = [&root, &hermes, &interpreter(host, &hermes), &account.home]
            .into_iter()
            .chain(&writable)
            .any(|p| is_private(host, p));
        instance.read_write_paths = writable;
        instance
            .read_write_paths
            .extend(settings.read_write_paths.clone().unwrap_or_default());
    }
    Ok(Checked {
        instance,
        home,
        enable: settings.enable.unwrap_or(true),
        start: settings.start.unwrap_or(true),
    })
}

fn account(host: &Host, settings: &Settings) -> Result<Account> {
    let name = match (host.scope, settings.run_as.as_deref()) {
        (Scope::User, None) => return Ok(host.own.clone()),
        (Scope::User, Some(name)) if name == host.own.name => return Ok(host.own.clone()),
        (Scope::User, Some(name)) => refuse!(
            "`--run-as {name}` needs the system's manager: your own manager runs everything as `{}`; use `--system` as root",
            host.own.name
        ),
        (Scope::System, name) => name.unwrap_or(ACCOUNT),
    };
    match Account::find(name, &host.root)? {
        Some(account) => Ok(account),
        None if name == ACCOUNT => Ok(Account::future(name, Path::new(SYSTEM_ROOT))),
        None => refuse!(
            "account `{name}` does not exist; create it, or name another with `--run-as USER`"
        ),
    }
}

/// The hermes root: as set, or as HERMES_HOME says for ourselves, or the account's usual one.
fn root(host: &Host, settings: &Settings, account: &Account) -> PathBuf {
    if let Some(root) = &settings.home {
        return root.clone();
    }
    match host.scope {
        Scope::User if host.live().is_some() => {
            let variable = std::env::var_os("HERMES_HOME").map(PathBuf::from);
            root_for(variable.as_deref(), &account.home)
        }
        Scope::User => host.default_root(),
        Scope::System if account.name == ACCOUNT => host.default_root(),
        Scope::System => account.home.join(".hermes"),
    }
}

/// The home exists, and the account can reach, read and write it.
fn check_home(
    host: &Host,
    profile: &ProfileName,
    account: &Account,
    root: &Path,
    home: &Path,
) -> Result<()> {
    let name = &account.name;
    let real = host.at(home);
    if !real.is_dir() {
        let as_account = match (host.scope, account.exists) {
            (Scope::User, _) => String::new(),
            (Scope::System, true) => format!("sudo -u {name} env HERMES_HOME={} ", root.display()),
            (Scope::System, false) => format!(
                "hermes-install --profile default`, then `sudo -u {name} env HERMES_HOME={} ",
                root.display()
            ),
        };
        let others: Vec<String> = discover(&host.at(root))
            .iter()
            .map(ToString::to_string)
            .collect();
        let others = match others.as_slice() {
            [] => String::new(),
            names => format!(" (there is: {})", names.join(", ")),
        };
        if real.exists() {
            refuse!(
                "profile home `{}` is not a directory; move it away, or name another root with `--home`",
                home.display()
            );
        }
        if profile.is_default() {
            refuse!(
                "hermes root `{}` does not exist; create it as `{name}` with `{as_account}hermes setup`, or name \
                 another with `--home`",
                home.display()
            );
        }
        refuse!(
            "profile `{profile}` does not exist: there is no `{}`{others}; create it with \
             `{as_account}hermes profile create {profile}`, or name another root with `--home`",
            home.display()
        );
    }
    if host.live().is_none() {
        return Ok(());
    }
    let can = |flag: &str, path: &Path| test(account, flag, path);
    if can("-r", home)? && can("-w", home)? && can("-x", home)? {
        for file in [GATEWAY_LOCK, STATE, RECORD_LOCK] {
            let file = home.join(file);
            if file.exists() && !(can("-r", &file)? && can("-w", &file)?) {
                let by = crate::host::account::account_name(fs::symlink_metadata(&file)?.uid());
                refuse!(
                    "`{}` belongs to `{by}` and `{name}` cannot use it: a gateway of `{by}` ran on this profile; when it \
                     has ended, `chown {name} {}`",
                    file.display(),
                    file.display()
                );
            }
        }
        return Ok(());
    }
    for above in home
        .ancestors()
        .skip(1)
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
    {
        if !can("-x", above)? {
            refuse!(
                "profile home `{}` cannot be reached by `{name}`: `{}` may not be searched; `chmod o+x {}`, or keep the \
                 profile elsewhere with `--home`",
                home.display(),
                above.display(),
                above.display()
            );
        }
    }
    let by = crate::host::account::account_name(fs::metadata(home)?.uid());
    refuse!(
        "profile home `{}` belongs to `{by}` and cannot be read and written by `{name}`; `chown -R {name} {}`, or run \
         the gateway as its owner with `--run-as {by}`",
        home.display(),
        home.display()
    );
}

/// test(1) as the account: the kernel's own answer, access lists included.
fn test(account: &Account, flag: &str, path: &Path) -> Result<bool> {
    let out = systemctl::run_as(
        account,
        &[],
        &[OsStr::new("test"), OsStr::new(flag), path.as_os_str()],
    )
    .with_context(|| {
        format!(
            "`{}` cannot be checked as `{}`",
            path.display(),
            account.name
        )
    })?;
    Ok(out.status.success())
}

/// The hermes executable: as set, or the first that the account can run.
pub(crate) fn hermes(
    host: &Host,
    settings: &Settings,
    account: &Account,
    root: &Path,
) -> Result<PathBuf> {
    if let Some(path) = &settings.hermes {
        if path.file_name().is_none_or(|n| n != "hermes") {
            refuse!(
                "`--hermes {}` is not called `hermes`: other gateways would not know its process for a gateway and would \
                 start beside it; make a link called `hermes` to it, or name the original",
                path.display()
            );
        }
        if !host.at(path).exists() {
            refuse!(
                "`--hermes {}` does not exist; name the hermes executable of hermes-agent",
                path.display()
            );
        }
        if host.live().is_some() && !test(account, "-x", path)? {
            refuse!(
                "`--hermes {}` cannot be executed by `{}`; put hermes where that account can run it, such as a virtual \
                 environment under /opt",
                path.display(),
                account.name
            );
        }
        return Ok(path.clone());
    }
    let places = hermes_search(root, &account.home);
    let mut candidates = places.clone();
    if host.live().is_some() {
        // What the person who installs calls hermes; it is recorded, as the unit has another PATH.
        let path = std::env::var_os("PATH").unwrap_or_default();
        candidates.extend(std::env::split_paths(&path).map(|dir| dir.join("hermes")));
    }
    for candidate in candidates
        .iter()
        .filter(|c| c.is_absolute() && host.at(c).is_file())
    {
        if host.live().is_none() || test(account, "-x", candidate)? {
            return Ok(candidate.clone());
        }
    }
    let list: Vec<String> = places
        .iter()
        .map(|p| format!("`{}`", p.display()))
        .collect();
    let as_account = (host.scope == Scope::System).then_some((&*account.name, &*account.home));
    let make = match account.exists {
        true => String::new(),
        false => format!(
            "useradd --system --create-home --home-dir {} {}`, then `",
            account.home.display(),
            account.name
        ),
    };
    refuse!(
        "no hermes executable that `{}` can run: looked for {} and on PATH; install hermes-agent with upstream's \
         installer (`{make}{}`), or name one with `--hermes PATH`",
        account.name,
        list.join(", "),
        install_command(as_account, root)
    );
}

/// Run `hermes --version` as the account, with a scratch HERMES_HOME: it writes logs and an update check there. `None`
/// when hermes works and cannot tell its version, as in a checkout without tags.
pub(crate) fn version(account: &Account, hermes: &Path) -> Result<Option<Version>> {
    let scratch = nix::unistd::mkdtemp(&std::env::temp_dir().join("hermes-install-XXXXXX"))
        .context("no scratch directory can be made")?;
    let result = (|| {
        nix::unistd::chown(&scratch, Some(account.uid.into()), Some(account.gid.into()))?;
        let scratch = scratch.to_string_lossy();
        let env = [("HERMES_HOME", &*scratch), ("HOME", &*scratch)];
        let argv = ["timeout", "300", &*hermes.to_string_lossy(), "--version"].map(str::to_owned);
        let argv: Vec<&OsStr> = argv.iter().map(OsStr::new).collect();
        anyhow::Ok(systemctl::run_as(account, &env, &argv)?)
    })();
    let _ = fs::remove_dir_all(&scratch);
    let out =
        result.with_context(|| format!("`{} --version` could not be run", hermes.display()))?;
    let text = String::from_utf8_lossy(&out.stdout);
    let said = String::from_utf8_lossy(&out.stderr);
    let last = said
        .lines()
        .last()
        .or(text.lines().last())
        .unwrap_or("nothing")
        .trim();
    match Version::from_output(&text) {
        version if out.status.success() && (version.is_some() || is_hermes(&text)) => Ok(version),
        _ => refuse!(
            "`{} --version` does not work as `{}` ({}, it said: {last}); repair hermes, or name another with `--hermes PATH`",
            hermes.display(),
            account.name,
            out.status
        ),
    }
}

/// A version for people.
pub(crate) fn told(version: Option<Version>) -> String {
    version.map_or_else(|| "of an unknown version".to_owned(), |v| v.to_string())
}

/// Refuse a gateway that we do not know how to run; warn of one that is newer than any that was tried.
pub(crate) fn check_version(
    version: Option<Version>,
    hermes: &Path,
    output: &Output,
) -> Result<()> {
    let newest = format!("{}.{}", Version::NEWEST.0, Version::NEWEST.1);
    let Some(version) = version else {
        output.warn(format!(
            "hermes at `{}` does not tell its version, so it is taken for newer than {newest}, the newest that was tested; \
             look at `hermes-install status` after the start",
            hermes.display()
        ));
        return Ok(());
    };
    if version < Version::OLDEST {
        refuse!(
            "hermes {version} at `{}` is older than {}, the oldest gateway that these units know how to run; upgrade \
             hermes-agent, or name another with `--hermes PATH`",
            hermes.display(),
            Version::OLDEST
        );
    }
    if version > Version::NEWEST {
        output.warn(format!(
            "hermes {version} is newer than {newest}, the newest that was tested, and is run like that one; look at \
             `hermes-install status` after the start, and report what differs"
        ));
    }
    Ok(())
}

/// What hermes' updates and its locks write outside its root: its own virtual environment where the account owns it
/// (it installs what a platform needs at first use), and the account's home (`~/.local/state/hermes/gateway-locks`).
fn writable(host: &Host, account: &Account, root: &Path, hermes: &Path) -> Vec<PathBuf> {
    let real = fs::canonicalize(host.at(hermes)).unwrap_or_else(|_| hermes.to_owned());
    let venv = real
        .parent()
        .and_then(Path::parent)
        .filter(|dir| dir.join("pyvenv.cfg").exists())
        .map(Path::to_owned);
    let mut paths: Vec<PathBuf> = Vec::new();
    for path in venv.into_iter().chain([account.home.clone()]) {
        let is_own =
            fs::metadata(host.at(&path)).is_ok_and(|m| m.is_dir() && m.uid() == account.uid);
        let is_covered = path.starts_with(root) || paths.iter().any(|p| path.starts_with(p));
        if account.exists && is_own && !is_covered && path != Path::new("/") {
            paths.push(path);
        }
    }
    paths
}

/// The interpreter that a script names, links followed: uv keeps Python under the home directory.
fn interpreter(host: &Host, hermes: &Path) -> PathBuf {
    let text = host.files.read_script(hermes, read::JSON);
    let text = text.ok().flatten().unwrap_or_default();
    let line = text.lines().next().and_then(|line| line.strip_prefix("#!"));
    let program = line
        .and_then(|l| l.split_whitespace().next())
        .unwrap_or_default();
    fs::canonicalize(host.at(Path::new(program))).unwrap_or_else(|_| PathBuf::from(program))
}

/// Whether `ProtectHome=yes` would hide this path.
fn is_private(host: &Host, path: &Path) -> bool {
    let real = fs::canonicalize(host.at(path)).unwrap_or_default();
    hidden_by_protect_home(path) || hidden_by_protect_home(&real)
}
