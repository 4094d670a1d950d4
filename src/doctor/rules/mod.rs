//! What is wrong with a host's gateways: one rule, one id, one function, one explanation, one fix. Pure: rules judge
//! [`Facts`] and touch nothing.

mod owners;
mod paths;
mod restart;
mod state;
mod stop;
mod syntax;

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::doctor::facts::{Facts, UnitFacts};
use crate::host::account::Account;
use crate::host::systemctl::Manager;
use crate::units::unit::Unit;
use crate::units::unit_file::Directive;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// It loses data, kills gateways or keeps one from running.
    Error,
    /// It will, one day or under other circumstances.
    Warning,
    /// It is weak, and nothing has to be done.
    Note,
}

impl Severity {
    /// As it is printed.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// A rule.
pub(crate) struct Rule {
    /// Its name, for ever.
    pub(crate) id: &'static str,
    /// The severity of its findings, where a finding has no lower one.
    pub(crate) severity: Severity,
    /// What it finds, and why that is bad.
    pub(crate) about: &'static str,
    /// What mends it, in general.
    pub(crate) fix: &'static str,
    /// What backs it: an issue of hermes-agent, a man page, a version that was seen to do it.
    pub(crate) source: &'static str,
    /// The rule itself.
    check: fn(&Facts, &mut Findings),
}

/// All rules, in the order in which they are listed.
pub(crate) fn rules() -> impl Iterator<Item = &'static Rule> {
    [
        owners::RULES,
        restart::RULES,
        stop::RULES,
        paths::RULES,
        syntax::RULES,
        state::RULES,
    ]
    .into_iter()
    .flatten()
}

/// One thing that is wrong.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Finding {
    /// The rule's id.
    pub(crate) rule: &'static str,
    /// How bad this one is.
    pub(crate) severity: Severity,
    /// What was found, as a sentence.
    pub(crate) what: String,
    /// The unit it is about.
    pub(crate) unit: Option<String>,
    /// The profile home it is about.
    pub(crate) home: Option<PathBuf>,
    /// The directive that causes it.
    pub(crate) place: Option<Place>,
    /// The command that mends it.
    pub(crate) way_out: String,
    /// What `doctor --fix` does about it; `None` leaves it to a person.
    pub(crate) remedy: Option<Remedy>,
}

/// Where a directive stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Place {
    /// The file.
    pub(crate) file: PathBuf,
    /// Its line, from 1; 0 is the file as a whole.
    pub(crate) line: usize,
    /// The directive; a secret's value is left out.
    pub(crate) directive: String,
    /// Whether the file is a drop-in.
    pub(crate) drop_in: bool,
}

/// A unit by manager and name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct UnitName {
    /// How its manager is reached.
    #[serde(serialize_with = "as_typed")]
    pub(crate) manager: Manager,
    /// Its name.
    pub(crate) name: String,
}

fn as_typed<S: serde::Serializer>(manager: &Manager, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&manager.command_prefix())
}

impl UnitName {
    /// The name of a unit of the inventory.
    pub(crate) fn of(unit: &Unit) -> Self {
        Self {
            manager: unit.manager.clone(),
            name: unit.name.clone(),
        }
    }
}

/// A change that `doctor --fix` can make and check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub(crate) enum Remedy {
    /// Stop units as planned and disable them, so that one owner is left.
    KeepOne {
        /// The one that stays.
        keep: UnitName,
        /// The others.
        stop: Vec<UnitName>,
    },
    /// Have a manager read its unit files again.
    Reload {
        /// A unit of that manager.
        unit: UnitName,
    },
    /// Forget a failure.
    Reset {
        /// The unit that failed.
        unit: UnitName,
    },
    /// Keep an account's manager after its sessions.
    Linger {
        /// The account.
        account: String,
    },
    /// Take permission bits away.
    Mode {
        /// The file.
        path: PathBuf,
        /// Its new mode.
        mode: u32,
    },
    /// Give files to the account that their profile home belongs to.
    Owner {
        /// The profile home.
        home: PathBuf,
        /// The files.
        paths: Vec<PathBuf>,
        /// That account.
        uid: u32,
    },
    /// Remove files that only a live gateway has, once nobody owns the profile.
    Remove {
        /// The profile home.
        home: PathBuf,
        /// The files.
        paths: Vec<PathBuf>,
    },
}

/// Findings of one rule on their way.
pub(crate) struct Findings {
    rule: &'static str,
    severity: Severity,
    list: Vec<Finding>,
}

impl Findings {
    /// Output something; the rest is added to what this returns.
    fn add(&mut self, what: String, way_out: String) -> &mut Finding {
        let at = self.list.len();
        self.list.push(Finding {
            rule: self.rule,
            severity: self.severity,
            what,
            unit: None,
            home: None,
            place: None,
            way_out,
            remedy: None,
        });
        &mut self.list[at]
    }
}

impl Finding {
    /// It is about a unit. One that nothing starts is only noted.
    fn unit(&mut self, unit: &Unit) -> &mut Self {
        self.unit = Some(unit.title());
        self.home = unit.home().map(Path::to_owned);
        if unit.how().is_none() {
            self.severity = Severity::Note;
        }
        self
    }

    fn home(&mut self, home: &Path) -> &mut Self {
        self.home = Some(home.to_owned());
        self
    }

    /// A directive causes it.
    fn at(&mut self, unit: &Unit, directive: &Directive) -> &mut Self {
        self.place = Some(Place {
            file: directive.file.clone(),
            line: directive.line,
            directive: shown(directive),
            drop_in: unit.files.drop_ins.contains(&directive.file),
        });
        self
    }

    /// What is missing from a unit's file causes it.
    fn at_unit(&mut self, unit: &Unit) -> &mut Self {
        self.place = unit.files.fragment.clone().map(|file| Place {
            file,
            line: 0,
            directive: String::new(),
            drop_in: false,
        });
        self
    }

    fn at_most(&mut self, severity: Severity) -> &mut Self {
        self.severity = self.severity.max(severity);
        self
    }

    fn remedy(&mut self, remedy: Remedy) -> &mut Self {
        self.remedy = Some(remedy);
        self
    }
}

/// A directive for people: on one line, not too long, secrets left out.
fn shown(directive: &Directive) -> String {
    const MOST: usize = 160;
    let mut value: String = match directive.key.as_str() {
        "Environment" => crate::units::unit_file::words(&directive.value)
            .iter()
            .map(|word| match word.split_once('=') {
                Some((name, value)) if syntax::is_secret(name, value) => format!("{name}=(hidden)"),
                _ => word.clone(),
            })
            .collect::<Vec<_>>()
            .join(" "),
        _ => directive.value.clone(),
    };
    value = value
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    if value.chars().count() > MOST {
        value = value.chars().take(MOST).chain(['…']).collect();
    }
    format!("{}={value}", directive.key)
}

/// Judge everything; the worst first, then in the order of the rules.
pub(crate) fn check(facts: &Facts) -> Vec<Finding> {
    let mut all = Vec::new();
    for rule in rules() {
        let mut findings = Findings {
            rule: rule.id,
            severity: rule.severity,
            list: Vec::new(),
        };
        (rule.check)(facts, &mut findings);
        all.extend(findings.list);
    }
    all.sort_by_key(|f| f.severity);
    all
}

/// Units that run a gateway, with what is known of their host.
fn gateways(facts: &Facts) -> impl Iterator<Item = (&Unit, &UnitFacts)> {
    facts
        .inventory
        .units
        .iter()
        .zip(&facts.units)
        .filter(|(unit, _)| !unit.calls.is_empty())
}

/// How a person changes a unit: its own drop-in.
fn edit(unit: &Unit) -> String {
    format!("{} edit {}", unit.manager.command_prefix(), unit.name)
}

/// The command that puts a safe unit in place of somebody else's.
fn install(unit: &Unit) -> String {
    let call = unit.calls.first();
    let named = call.and_then(|r| r.home.as_deref()).and_then(|home| {
        let parent = home.parent()?;
        (parent.file_name()? == "profiles").then(|| home.file_name()?.to_str())?
    });
    let profile = call
        .and_then(|r| r.profile.as_deref())
        .or(named)
        .unwrap_or("default");
    let is_name = profile.parse::<crate::profile::ProfileName>().is_ok();
    let profile = if is_name { profile } else { "NAME" };
    match (&unit.manager, &unit.account) {
        (Manager::System, Some(Account { name, .. })) if name != crate::layout::ACCOUNT => {
            format!("hermes-install --profile {profile} --system --run-as {name} --migrate")
        }
        (Manager::System, _) => format!("hermes-install --profile {profile} --system --migrate"),
        (Manager::User, _) => format!("hermes-install --profile {profile} --user --migrate"),
        (Manager::UserOf(name), _) => {
            format!("runuser -u {name} -- hermes-install --profile {profile} --user --migrate")
        }
    }
}
