//! Rules about who is kept from whom.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{Rule, gateways};
use crate::doctor::facts::Facts;
use crate::doctor::finding::Findings;
use crate::doctor::finding::Severity::Note;
use crate::profile::ProfileName;
use crate::units::unit::Unit;

pub(super) const RULES: &[Rule] = &[Rule {
    id: "shared-account",
    severity: Note,
    about: "Units run the gateways of several profiles as one account. An agent runs what strangers write to it, and what \
                one gateway's tools can do, they can do to every other of that account: read its tokens, change its \
                configuration, stop it.",
    fix: "make profiles tenants, each with an account and a root of its own: a new one is one, and `hermes-install split \
              NAME` moves one that is there, with its data",
    source: "seen: scenario `tenants`",
    check: shared_account,
}];

fn shared_account(facts: &Facts, findings: &mut Findings) {
    let mut by_account: BTreeMap<&str, Vec<&Unit>> = BTreeMap::new();
    let is_ours = |unit: &Unit| unit.calls.iter().any(|call| call.is_launcher) && !unit.is_masked;
    let is_there = |unit: &Unit| facts.home_of(unit).is_none_or(|home| home.gone.is_none());
    let units = gateways(facts).map(|(unit, _)| unit);
    for unit in units.filter(|unit| !unit.is_user() && is_ours(unit) && is_there(unit)) {
        if let Some(account) = &unit.account {
            by_account.entry(&account.name).or_default().push(unit);
        }
    }
    for (account, units) in by_account {
        let homes: BTreeSet<&Path> = units.iter().filter_map(|unit| unit.home()).collect();
        if homes.len() < 2 {
            continue;
        }
        let names: Vec<String> = units
            .iter()
            .map(|unit| format!("`{}`", unit.name))
            .collect();
        let what = format!("{} share account `{account}`", names.join(", "));
        let profiles = homes.iter().filter_map(|home| ProfileName::from_home(home));
        let mut others = profiles.filter(|(profile, _)| !profile.is_default());
        let way_out = match others.next() {
            Some((profile, _)) => format!(
                "to give `{profile}` an account of its own, with its data: `hermes-install split {profile}`"
            ),
            None => "docs/tenants.md says how each has an account of its own".to_owned(),
        };
        findings.add(what, way_out);
    }
}
