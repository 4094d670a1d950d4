//! One unit of one manager, read for the gateway that it runs: its files, what they say, and what its manager says.
//! Reads only.

use std::path::{Path, PathBuf};

use crate::host::Host;
use crate::host::account::Account;
use crate::host::cgroup::UnitRef;
use crate::host::service_state::ServiceState;
use crate::host::systemctl::Manager;
use crate::layout::TEMPLATE;
use crate::profile::ProfileName;
use crate::units::exec_line::GatewayCall;
use crate::units::load_path::{LoadPath, is_transient};
use crate::units::load_problem::load_problems;
use crate::units::origin::Origin;
use crate::units::specifiers::Specifiers;
use crate::units::unit_file::Directives;
use crate::units::unit_files::{Files, UnitFiles};
use crate::units::unit_id::UnitId;

/// One unit of one manager.
#[derive(Debug, Clone)]
pub(crate) struct Unit {
    /// Its manager.
    pub(crate) manager: Manager,
    /// The account that the manager runs as.
    pub(crate) manager_account: Account,
    /// Its name.
    pub(crate) name: String,
    /// Who wrote it.
    pub(crate) origin: Origin,
    /// Its files.
    pub(crate) files: Files,
    /// Those of them that could not be read: they may say anything.
    pub(crate) closed_files: Vec<PathBuf>,
    /// What they say.
    pub(crate) directives: Directives,
    /// The account that its gateways run as; `None` when there is no such account.
    pub(crate) account: Option<Account>,
    /// The gateways that it runs, or will after its manager has read changed files.
    pub(crate) calls: Vec<GatewayCall>,
    /// The command lines of those that run on this host, in no container.
    pub(crate) lines: Vec<Vec<String>>,
    /// Words of its command lines that may run a gateway and cannot be followed.
    pub(crate) unclear: Vec<String>,
    /// Programs of its command lines that have a cluster run one.
    pub(crate) in_clusters: Vec<String>,
    /// What it asks `hermes gateway` to do with gateways that others run.
    pub(crate) verbs: Vec<String>,
    /// Whether something starts it: a link in a target's wants, or a timer.
    pub(crate) is_wanted: bool,
    /// The timers, paths and sockets that start it, and are started themselves.
    pub(crate) activators: Vec<String>,
    /// Whether `systemd-run` made what starts it, or itself: then it cannot be disabled, and is gone once it was stopped.
    pub(crate) is_transient: bool,
    /// Whether the guard's drop-in starts it: its own commands, run by the launcher.
    pub(crate) is_guarded: bool,
    /// Whether it is masked.
    pub(crate) is_masked: bool,
    /// Whether its manager refuses to load it, or would: then it owns nothing.
    pub(crate) cannot_load: bool,
    /// The profiles of all instances of its template, where somebody's own is at the place of the shipped one: they are
    /// taken over together.
    pub(crate) together: Vec<ProfileName>,
    /// Whether its manager runs; in an image it counts as if it did.
    pub(crate) has_manager: bool,
    /// What its manager says of it; `None` when the manager was not asked.
    pub(crate) loaded: Option<ServiceState>,
}

impl Unit {
    /// Read a unit of a load_path; `state` is what its manager says of it.
    pub(crate) fn read(
        host: &Host,
        load_path: &LoadPath,
        listing: &UnitFiles,
        name: &str,
        state: Option<&ServiceState>,
    ) -> Self {
        let files = state
            .and_then(Files::loaded)
            .unwrap_or_else(|| listing.files(name));
        let mut directives = Directives::default();
        let mut closed_files = Vec::new();
        for path in files.fragment.iter().chain(&files.drop_ins) {
            directives.extend(&listing.directives(load_path, path));
            closed_files.extend(load_path.reader.is_closed(path).then(|| path.clone()));
        }
        let is_guarded = directives.lift_guard();
        let fragment = files.fragment.as_deref();
        let is_masked = state.is_some_and(|s| s.load_state == "masked")
            || fragment.is_some_and(|f| load_path.real(f) == Path::new("/dev/null"));
        let cannot_load = match state.map(|s| s.load_state.as_str()) {
            Some(state) => matches!(state, "bad-setting" | "error"),
            None => !load_problems(name, &directives).is_empty(),
        };
        let activators = listing.activators.get(name).cloned().unwrap_or_default();
        let is_transient = match activators.as_slice() {
            [] => fragment.and_then(Path::parent).is_some_and(is_transient),
            list => list.iter().all(|name| listing.passing.contains(name)),
        };
        let mut unit = Self {
            manager: load_path.manager.clone(),
            manager_account: load_path.account.clone(),
            name: name.to_owned(),
            origin: Origin::Other,
            files,
            closed_files,
            account: None,
            calls: Vec::new(),
            lines: Vec::new(),
            unclear: Vec::new(),
            in_clusters: Vec::new(),
            verbs: Vec::new(),
            is_wanted: listing.wanted.contains(name),
            activators,
            is_transient,
            is_masked,
            cannot_load,
            together: Vec::new(),
            is_guarded,
            has_manager: host.live().is_none() || load_path.systemctl.is_some(),
            loaded: state.cloned(),
            directives,
        };
        unit.account = unit.own_account(host);
        if !is_masked {
            unit.read_effects(host, load_path);
        }
        // A gateway's rights are those of the account that its command line becomes.
        if let [Some(first), rest @ ..] = &unit.becomes()[..] {
            if rest.iter().all(|other| *other == Some(first)) {
                unit.account = find_account(host, first);
            }
        }
        unit.origin = unit.find_origin();
        unit
    }

    /// The account that a unit of the system's manager names. A dynamic one is called like its unit where it has no name.
    pub(crate) fn user(&self) -> String {
        let usual = if self.is_dynamic() { "%p" } else { "root" };
        self.expand(self.directives.value("Service", "User").unwrap_or(usual))
    }

    /// Whether systemd makes its account anew for each start.
    pub(crate) fn is_dynamic(&self) -> bool {
        let told = self.directives.value("Service", "DynamicUser");
        !self.is_user() && told.is_some_and(is_true)
    }

    /// The account that its manager starts its program as; `None` when there is no such account.
    pub(crate) fn own_account(&self, host: &Host) -> Option<Account> {
        if self.is_user() {
            return Some(self.manager_account.clone());
        }
        find_account(host, &self.user())
    }

    /// The accounts that its command lines become for each of its gateways.
    fn becomes(&self) -> Vec<Option<&str>> {
        let calls = self.calls.iter();
        calls.map(|call| call.account.as_deref()).collect()
    }

    /// What names it among all units of all managers.
    pub(crate) fn id(&self) -> UnitId {
        UnitId {
            manager: self.manager.clone(),
            name: self.name.clone(),
        }
    }

    /// Whether it is the unit that hermes-install made, or would make, for this profile in this scope.
    pub(crate) fn is_installed_for(&self, host: &Host, profile: &ProfileName) -> bool {
        self.origin == Origin::Ours && self.id() == UnitId::of_profile(host, profile)
    }

    /// Whether it is made from somebody's own template of the shipped one's name.
    pub(crate) fn is_of_foreign_template(&self) -> bool {
        let file = self.files.fragment.as_deref().and_then(Path::file_name);
        self.origin == Origin::Other && file.is_some_and(|name| name == TEMPLATE)
    }

    /// Whether it is the unit that a process runs in.
    pub(crate) fn is_that(&self, of_process: &UnitRef) -> bool {
        let user = self.is_user().then_some(self.manager_account.uid);
        self.name == of_process.name && user == of_process.user
    }

    /// A value of this unit with its specifiers expanded.
    pub(crate) fn expand(&self, text: &str) -> String {
        let account = &self.manager_account;
        Specifiers {
            unit: &self.name,
            account: (&account.name, account.uid, &account.home),
            is_user: self.is_user(),
        }
        .expand(text)
    }

    /// The home of its first gateway, if it says which.
    pub(crate) fn home(&self) -> Option<&Path> {
        self.calls.iter().find_map(|r| r.home.as_deref())
    }

    /// Whether a gateway of it runs in a container.
    pub(crate) fn runs_contained(&self) -> bool {
        self.calls.iter().any(|call| call.is_contained)
    }

    /// Whether this is what runs a process, by its control group.
    pub(crate) fn is(&self, other: &UnitRef) -> bool {
        let user = self.is_user().then_some(self.manager_account.uid);
        other.name == self.name && other.user == user
    }

    /// Whether a user manager runs it.
    pub(crate) fn is_user(&self) -> bool {
        self.manager != Manager::System
    }

    /// Whether its manager works with an older text than the files hold.
    pub(crate) fn is_stale(&self) -> bool {
        self.loaded.as_ref().is_some_and(|s| s.needs_reload)
    }

    /// `active`, `activating`, … when it runs now or is about to.
    pub(crate) fn activity(&self) -> Option<&str> {
        let state = self.loaded.as_ref().filter(|s| !s.is_at_rest());
        state.map(|s| s.active_state.as_str())
    }

    /// How it runs or would run its gateway, as a word; `None` when nothing starts it.
    pub(crate) fn how(&self) -> Option<&str> {
        self.activity()
            .or((self.is_wanted && !self.is_masked && !self.cannot_load).then_some("enabled"))
    }

    /// The same where it could run another one. What systemd-run makes is gone once its gateway has ended: then the gateway
    /// alone counts, as one that was started by hand.
    pub(crate) fn stays(&self) -> Option<&str> {
        self.how().filter(|_| !self.ends_with_its_gateway())
    }

    /// Whether it is gone once its gateway has ended.
    pub(crate) fn ends_with_its_gateway(&self) -> bool {
        let restarts = || self.directives.value("Service", "Restart");
        self.is_transient && !self.is_wanted && restarts().is_none_or(|how| how == "no")
    }

    /// What it is, as the start of a sentence.
    pub(crate) fn title(&self) -> String {
        if self.is_user() {
            format!(
                "user unit of `{}` `{}`",
                self.manager_account.name, self.name
            )
        } else {
            format!("system unit `{}`", self.name)
        }
    }

    /// Whether it runs a gateway, or may, or asks for one, or is called as if it did.
    pub(crate) fn concerns_gateways(&self) -> bool {
        let is_silent = self.calls.is_empty()
            && self.unclear.is_empty()
            && self.in_clusters.is_empty()
            && self.verbs.is_empty();
        !is_silent || self.is_named_so()
    }

    /// Whether its name is one of a gateway's, whatever it runs.
    pub(crate) fn is_named_so(&self) -> bool {
        self.name.starts_with("hermes-gateway") || matches!(&*self.name, "hermes.service")
    }
}

/// Whether a value means yes (systemd.syntax(7)).
pub(crate) fn is_true(value: &str) -> bool {
    matches!(value, "yes" | "true" | "on" | "1")
}

/// An account of a unit: by name or by number.
pub(crate) fn find_account(host: &Host, user: &str) -> Option<Account> {
    match user {
        "root" | "0" => Some(Account::root()),
        // By name first, as systemd looks (`get_user_creds`): there may be an account called 1000.
        name => host
            .account(name)
            .ok()
            .flatten()
            .or_else(|| host.account_of(name.parse().ok()?).ok()?),
    }
}
