//! Who runs, or would run, the gateway of any profile home: units by any name in every manager, and processes. Reads
//! only.
//!
//! A unit's text is read from the files that its manager names when the manager answers, so drop-ins and links count as
//! they are loaded; from the files on its load path otherwise and in an image. One call per manager, not per unit.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::account::Account;
use crate::gateway::{self, Command, Home};
use crate::host::Host;
use crate::process::{self, Process, UnitRef};
use crate::realm::{Files, Listing, Realm, realms, text};
use crate::runner::{Context, Runner, find};
use crate::systemctl::{Manager, Properties};
use crate::unitfile::{Directives, Specifiers, command, words};

/// Everything that runs gateways, or would.
#[derive(Debug, Default)]
pub struct Census {
    /// Units that run a gateway, and those that are named as if they did.
    pub units: Vec<Unit>,
    /// Gateways that run now.
    pub gateways: Vec<Gateway>,
    /// Managers that could not be asked, each as a sentence.
    pub silent: Vec<String>,
}

/// Who wrote a unit, by its name and what it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// An instance of our template.
    Ours,
    /// hermes itself: `hermes gateway install`.
    Upstream,
    /// Somebody.
    Other,
}

/// One unit of one manager.
#[derive(Debug, Clone)]
pub struct Unit {
    /// Its manager.
    pub manager: Manager,
    /// The account that the manager runs as.
    pub manager_account: Account,
    /// Its name.
    pub name: String,
    /// Who wrote it.
    pub origin: Origin,
    /// Its files.
    pub files: Files,
    /// What they say.
    pub directives: Directives,
    /// The account that it runs as; `None` when there is no such account.
    pub account: Option<Account>,
    /// The gateways that it runs, or will after its manager has read changed files.
    pub runners: Vec<Runner>,
    /// Whether something starts it: a link in a target's wants, or a timer.
    pub is_wanted: bool,
    /// Whether it is masked.
    pub is_masked: bool,
    /// What its manager says of it; `None` when the manager was not asked.
    pub loaded: Option<Properties>,
}

/// A gateway process.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// The process.
    pub process: Process,
    /// Its command line.
    pub command: Command,
    /// The profile home that it works on, as it names it.
    pub home: Home,
    /// The same directory as we reach it, through its own mount namespace.
    pub reached: Option<PathBuf>,
}

impl Census {
    /// Look at everything.
    pub fn take(host: &Host) -> Self {
        let gateways = match host.is_live() {
            true => gateways(),
            false => Vec::new(),
        };
        let mut census = Self {
            gateways,
            ..Self::default()
        };
        for realm in realms(host) {
            census.read(&realm, host);
        }
        census
    }

    fn read(&mut self, realm: &Realm, host: &Host) {
        let listing = realm.list();
        let in_realm = |unit: &UnitRef| match realm.is_system {
            true => unit.user.is_none(),
            false => unit.user == Some(realm.account.uid),
        };
        // A gateway's unit counts even when its file is gone or says nothing of hermes.
        let running: BTreeSet<String> = self
            .gateways
            .iter()
            .filter_map(|g| g.process.unit())
            .filter(|unit| in_realm(unit) && unit.is_service())
            .map(|unit| unit.name)
            .collect();
        let mut names: Vec<String> = running.iter().cloned().collect();
        for unit in listing.units() {
            if !running.contains(unit) && may_concern(realm, &listing, unit) {
                names.push(unit.clone());
            }
        }
        let states = match realm.is_up.then(|| realm.manager.show(&names)) {
            Some(Ok(states)) => states,
            Some(Err(e)) => {
                self.silent.push(format!("{e:#}"));
                Vec::new()
            }
            None => Vec::new(),
        };
        for name in &names {
            let state = states.iter().find(|s| answers_for(s, name));
            let id = state.and_then(|s| s.get("Id")).unwrap_or(name);
            // An alias is its unit.
            if id != name && names.contains(id) {
                continue;
            }
            let unit = Unit::read(host, realm, &listing, name, state);
            if !unit.runners.is_empty() || running.contains(name) || unit.is_ours_by_name() {
                self.units.push(unit);
            }
        }
    }

    /// Units that run the gateway of a profile home, or may and do not say of which.
    pub fn units_of<'a>(
        &'a self,
        host: &'a Host,
        home: &'a Path,
    ) -> impl Iterator<Item = &'a Unit> {
        self.units.iter().filter(move |unit| {
            let mut homes = unit.runners.iter().map(|r| r.home.as_deref());
            homes.any(|theirs| theirs.is_none_or(|t| same(&host.at(t), &host.at(home))))
        })
    }

    /// Processes that run the gateway of a profile home, in containers too.
    pub fn gateways_of<'a>(&'a self, home: &'a Path) -> impl Iterator<Item = &'a Gateway> {
        self.gateways.iter().filter(move |gateway| {
            let reached = gateway.reached.as_deref();
            reached.is_some_and(|reached| same(reached, home))
        })
    }
}

/// A gateway names itself somewhere: in the unit, in a drop-in, or in the script that the unit starts.
fn may_concern(realm: &Realm, listing: &Listing, unit: &str) -> bool {
    if unit.contains("hermes") {
        return true;
    }
    let files = listing.files(unit);
    let texts = files.fragment.iter().chain(&files.drop_ins);
    texts.filter_map(|path| realm.text(path)).any(|text| {
        text.contains("hermes")
            || text
                .lines()
                .filter_map(|line| line.trim_start().strip_prefix("ExecStart="))
                .filter_map(|line| script(realm, Path::new(command(line).first()?)))
                .any(|script| script.contains("hermes"))
    })
}

/// A file that a kernel hands to an interpreter.
fn script(realm: &Realm, path: &Path) -> Option<String> {
    use std::io::Read as _;
    let place = realm.place(path)?;
    let mut start = [0; 2];
    if !fs::metadata(&place).ok()?.is_file() {
        return None;
    }
    fs::File::open(&place).ok()?.read_exact(&mut start).ok()?;
    (start == *b"#!").then(|| realm.text(path)).flatten()
}

fn answers_for(state: &Properties, name: &str) -> bool {
    let names = state.get("Names").map_or("", String::as_str);
    state.get("Id").is_some_and(|id| id == name) || names.split(' ').any(|n| n == name)
}

impl Unit {
    fn read(
        host: &Host,
        realm: &Realm,
        listing: &Listing,
        name: &str,
        state: Option<&Properties>,
    ) -> Self {
        let files = state
            .and_then(loaded_files)
            .unwrap_or_else(|| listing.files(name));
        let mut directives = Directives::default();
        for path in files.fragment.iter().chain(&files.drop_ins) {
            directives.read(path, &realm.text(path).unwrap_or_default());
        }
        let fragment = files.fragment.as_deref();
        let is_masked = state.is_some_and(|s| s.get("LoadState").is_some_and(|l| l == "masked"))
            || fragment.is_some_and(|f| realm.real(f) == Path::new("/dev/null"));
        let mut unit = Self {
            manager: realm.manager.clone(),
            manager_account: realm.account.clone(),
            name: name.to_owned(),
            origin: Origin::Other,
            files,
            account: None,
            runners: Vec::new(),
            is_wanted: listing.wanted.contains(name),
            is_masked,
            loaded: state.cloned(),
            directives,
        };
        unit.account = match realm.is_system {
            true => {
                let user = unit.directives.value("Service", "User").unwrap_or("root");
                find_account(host, &unit.expand(user))
            }
            false => Some(realm.account.clone()),
        };
        if !is_masked {
            unit.runners = unit.runners_of_files(host, realm);
            // What runs now may be another text than the files hold.
            if unit.is_stale() {
                for runner in unit.runners_as_loaded(host, realm) {
                    if !unit.runners.contains(&runner) {
                        unit.runners.push(runner);
                    }
                }
            }
        }
        unit.origin = unit.find_origin();
        unit
    }

    fn runners_of_files(&self, host: &Host, realm: &Realm) -> Vec<Runner> {
        let mut environment: std::collections::BTreeMap<String, String> = self
            .directives
            .environment(|v| self.expand(v))
            .into_iter()
            .map(|(name, (value, _))| (name, value))
            .collect();
        for file in self.directives.list("Service", "EnvironmentFile") {
            let path = self.expand(file.value.trim_start_matches('-'));
            let text = text(&host.root, Path::new(&path)).unwrap_or_default();
            for line in text
                .lines()
                .filter(|l| !l.trim_start().starts_with(['#', ';']))
            {
                if let Some((name, value)) = line.split_once('=') {
                    let value = words(value).join(" ");
                    environment.insert(name.trim().to_owned(), value);
                }
            }
        }
        let lines = self.directives.list("Service", "ExecStart");
        let lines = lines.iter().map(|line| -> Vec<String> {
            command(&line.value)
                .iter()
                .map(|w| self.expand(w))
                .collect()
        });
        self.find_runners(host, realm, lines, &environment)
    }

    fn runners_as_loaded(&self, host: &Host, realm: &Realm) -> Vec<Runner> {
        let get = |key: &str| self.property(key).unwrap_or_default();
        let environment = words(get("Environment"))
            .iter()
            .filter_map(|word| word.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        // `{ path=… ; argv[]=A B C ; ignore_errors=…`, the words joined.
        let argv = get("ExecStart").split_once("argv[]=").map(|(_, rest)| rest);
        let line = argv.and_then(|rest| rest.split(" ; ").next());
        let lines = line.map(|l| l.split_whitespace().map(str::to_owned).collect());
        self.find_runners(host, realm, lines.into_iter(), &environment)
    }

    fn find_runners(
        &self,
        host: &Host,
        realm: &Realm,
        lines: impl Iterator<Item = Vec<String>>,
        environment: &std::collections::BTreeMap<String, String>,
    ) -> Vec<Runner> {
        let Some(account) = &self.account else {
            return Vec::new();
        };
        let context = Context {
            environment: environment.clone(),
            user_home: account.home.clone(),
            script: &|path| script(realm, path),
            active: &|root| text(&host.root, &root.join("active_profile")),
        };
        lines.filter_map(|argv| find(&argv, &context)).collect()
    }

    /// A value of this unit with its specifiers expanded.
    pub fn expand(&self, text: &str) -> String {
        let account = &self.manager_account;
        Specifiers {
            unit: &self.name,
            account: (&account.name, account.uid, &account.home),
            is_user: self.is_user(),
        }
        .expand(text)
    }

    /// Whether a user manager runs it.
    pub fn is_user(&self) -> bool {
        self.manager != Manager::System
    }

    /// What its manager says, where it was asked and said something.
    pub fn property(&self, name: &str) -> Option<&str> {
        let value = self.loaded.as_ref()?.get(name)?;
        (!value.is_empty()).then_some(value.as_str())
    }

    /// Whether its manager works with an older text than the files hold.
    pub fn is_stale(&self) -> bool {
        self.property("NeedDaemonReload") == Some("yes")
    }

    /// `active`, `activating`, … when it runs now or is about to.
    pub fn activity(&self) -> Option<&str> {
        self.property("ActiveState")
            .filter(|s| matches!(*s, "active" | "activating" | "reloading" | "deactivating"))
    }

    /// How it runs or would run its gateway, as a word; `None` when nothing starts it.
    pub fn how(&self) -> Option<&str> {
        self.activity()
            .or((self.is_wanted && !self.is_masked).then_some("enabled"))
    }

    /// What it is, as the start of a sentence.
    pub fn title(&self) -> String {
        match self.is_user() {
            false => format!("system unit `{}`", self.name),
            true => format!(
                "user unit of `{}` `{}`",
                self.manager_account.name, self.name
            ),
        }
    }

    fn is_ours_by_name(&self) -> bool {
        self.name.starts_with("hermes-gateway") || matches!(&*self.name, "hermes.service")
    }

    fn find_origin(&self) -> Origin {
        if self.name.starts_with("hermes-gateway@") {
            return Origin::Ours;
        }
        let stem = self.name.trim_end_matches(".service");
        let is_named = stem == "hermes-gateway" || stem.starts_with("hermes-gateway-");
        let description = self
            .directives
            .value("Unit", "Description")
            .unwrap_or_default();
        match is_named || description.starts_with("Hermes Agent Gateway") {
            true => Origin::Upstream,
            false => Origin::Other,
        }
    }
}

/// An account of a unit: by name or by number.
fn find_account(host: &Host, user: &str) -> Option<Account> {
    match user {
        "root" | "0" => Some(Account::root()),
        name => Account::find(name, &host.root).ok().flatten(),
    }
}

/// The files of a unit as its manager loaded them.
fn loaded_files(state: &Properties) -> Option<Files> {
    let fragment = state.get("FragmentPath").filter(|path| !path.is_empty())?;
    let drop_ins = state.get("DropInPaths").map_or("", String::as_str);
    Some(Files {
        fragment: Some(PathBuf::from(fragment)),
        drop_ins: words(drop_ins).iter().map(PathBuf::from).collect(),
    })
}

/// Every gateway that runs, but not the copies of itself that it forks.
fn gateways() -> Vec<Gateway> {
    let me = std::process::id() as i32;
    let found: Vec<Gateway> = process::pids()
        .filter(|pid| *pid != me)
        .filter_map(|pid| {
            let command = process::argv(pid).and_then(|argv| Command::parse(&argv))?;
            let process = Process::read(pid)?;
            let home = gateway::home_of(&process, &command);
            let reached = match &home {
                Home::Known(path) => Some(process.sees(path))
                    .filter(|p| p.exists())
                    .or(Some(path.clone())),
                Home::Hidden => None,
            };
            Some(Gateway {
                process,
                command,
                home,
                reached,
            })
        })
        .collect();
    let is_fork = |gateway: &Gateway| {
        let parent = found
            .iter()
            .find(|g| g.process.pid == gateway.process.parent);
        parent.is_some_and(|parent| parent.process.argv == gateway.process.argv)
    };
    found.iter().filter(|g| !is_fork(g)).cloned().collect()
}

/// Whether two paths are one directory, links followed where they lead somewhere.
pub fn same(a: &Path, b: &Path) -> bool {
    let identity = |path: &Path| fs::metadata(path).ok().map(|m| (m.dev(), m.ino()));
    match (identity(a), identity(b)) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}
