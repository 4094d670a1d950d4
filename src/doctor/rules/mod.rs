//! What is wrong with a host's gateways: one rule, one id, one function, one explanation, one fix. Pure: rules judge
//! [`Facts`] and touch nothing.

mod disks;
mod escapes;
mod guard;
mod leftovers;
mod owners;
mod paths;
mod restart;
mod running;
mod sandbox;
mod served;
mod service;
mod starters;
mod state;
mod stop;
mod syntax;
mod tenants;

use serde::Serialize;

use crate::doctor::facts::Facts;
use crate::doctor::facts::units::UnitFacts;
use crate::doctor::finding::{Finding, Findings, Severity};
use crate::host::account::Account;
use crate::host::process::shell_quote;
use crate::host::systemctl::Manager;
use crate::layout::SYSTEMD_FLOOR;
use crate::profile::ProfileName;
use crate::units::origin::Origin;
use crate::units::unit::Unit;

/// A rule.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
pub(crate) struct Rule {
    /// Its name, for ever.
    pub(crate) id: &'static str,
    /// The severity of its findings, where a finding has no lower one.
    pub(crate) severity: Severity,
    /// What it finds, and why that is bad.
    pub(crate) about: &'static str,
    /// What to do about it, in general.
    pub(crate) fix: &'static str,
    /// What backs it: an issue of hermes-agent, a man page, a version that was seen to do it.
    pub(crate) source: &'static str,
    /// The rule itself.
    #[serde(skip)]
    check: fn(&Facts, &mut Findings),
}

impl Rule {
    /// What it finds, in one line: the first sentence of `about`.
    pub(crate) fn summary(&self) -> &'static str {
        self.about
            .split_once(". ")
            .map_or(self.about, |(first, _)| first)
            .trim_end_matches('.')
    }
}

/// All rules, in the order in which they are listed.
pub(crate) fn rules() -> impl Iterator<Item = &'static Rule> {
    [
        owners::RULES,
        served::RULES,
        restart::RULES,
        stop::RULES,
        service::RULES,
        sandbox::RULES,
        starters::RULES,
        paths::RULES,
        escapes::RULES,
        guard::RULES,
        disks::RULES,
        syntax::RULES,
        running::RULES,
        state::RULES,
        leftovers::RULES,
        tenants::RULES,
    ]
    .into_iter()
    .flatten()
}

/// Judge everything; the worst first, then in the order of the rules.
pub(crate) fn check(facts: &Facts) -> Vec<Finding> {
    let mut all = Vec::new();
    for rule in rules() {
        let mut findings = Findings::new(rule.id, rule.severity);
        (rule.check)(facts, &mut findings);
        all.extend(findings.list);
    }
    all.sort_by_key(|f| f.severity);
    all
}

/// Units that run a gateway, with what is known of their host. One that is gone once its gateway has ended is nobody's to
/// mend: the gateway alone counts.
fn gateways(facts: &Facts) -> impl Iterator<Item = (&Unit, &UnitFacts)> {
    let units = facts.inventory.units.iter().zip(&facts.units);
    units.filter(|(unit, _)| !unit.calls.is_empty() && !unit.ends_with_its_gateway())
}

/// How a person changes a unit: its own drop-in. One that is gone once it was stopped is stopped.
fn edit(unit: &Unit) -> String {
    match unit.ends_with_its_gateway() {
        true => unit.disable_command(),
        false => unit.command("edit"),
    }
}

/// The same for what no drop-in takes back: dependencies only grow (systemd.unit(5)).
fn edit_whole(unit: &Unit) -> String {
    match unit.ends_with_its_gateway() {
        true => unit.disable_command(),
        false => unit.command("edit --full"),
    }
}

/// A command of hermes-install for the manager of a unit; the system's needs no flag.
fn installer(unit: &Unit, words: &str) -> String {
    match unit.manager {
        Manager::System => format!("hermes-install {words}"),
        _ => unit.installer_command(|scope| format!("hermes-install {words} {scope}")),
    }
}

/// The profile that a unit runs, for a command.
fn profile(unit: &Unit) -> String {
    let call = unit.calls.first();
    let told = call.and_then(|r| r.profile.as_deref());
    let profile = match (told, call.and_then(|r| r.home.as_deref())) {
        (Some(name), _) => name.parse().ok(),
        (None, Some(home)) => ProfileName::from_home(home).map(|(profile, _)| profile),
        (None, None) => "default".parse().ok(),
    };
    let name = profile.as_ref().map_or("NAME", ProfileName::as_str);
    name.to_owned()
}

/// The command that puts a safe unit in place of somebody else's, where it would work.
fn install(facts: &Facts, unit: &Unit) -> String {
    let is_too_old = facts.systemd.is_some_and(|level| level < SYSTEMD_FLOOR);
    // What is wrong with a unit of hermes-install is in somebody's own drop-in, which no installation touches.
    if is_too_old || unit.runs_contained() || unit.origin == Origin::Ours {
        return edit(unit);
    }
    let mut profile = profile(unit);
    // There is one instance of a name: where it has another home, the unit stays, and is made safe.
    let has_name = |other: &Unit| {
        other.origin == Origin::Ours
            && other.manager == unit.manager
            && other.home() != unit.home()
            && self::profile(other) == profile
            && other.name == format!("hermes-gateway@{profile}.service")
    };
    if unit.home().is_some() && facts.inventory.units.iter().any(has_name) {
        return installer(unit, &format!("shield --unit {}", unit.name));
    }
    if unit.is_copy() {
        return installer(unit, &format!("--profile {profile} --force"));
    }
    if unit.together.len() > 1 {
        let all: Vec<&str> = unit.together.iter().map(ProfileName::as_str).collect();
        profile = all.join(" --profile ");
    }
    match (&unit.manager, &unit.account) {
        (Manager::System, Some(Account { name, .. }))
            if name != crate::layout::ACCOUNT && unit.together.len() < 2 =>
        {
            let name = shell_quote(&[name]);
            format!("hermes-install --profile {profile} --system --run-as {name} --migrate")
        }
        _ => unit.installer_command(|scope| {
            format!("hermes-install --profile {profile} {scope} --migrate")
        }),
    }
}
