//! Rules about who is kept from whom.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{Rule, edit, gateways};
use crate::doctor::facts::Facts;
use crate::doctor::facts::units::Steered;
use crate::doctor::finding::Findings;
use crate::doctor::finding::Severity::{Note, Warning};
use crate::profile::ProfileName;
use crate::units::origin::Origin;
use crate::units::unit::Unit;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "shared-account",
        severity: Note,
        about: "Units run the gateways of several profiles as one account. An agent runs what strangers write to it, and \
                what one gateway's tools can do, they can do to every other of that account: read its tokens, change its \
                configuration, stop it.",
        fix: "make profiles tenants, each with an account and a root of its own: a new one is one, and `hermes-install split \
              NAME` moves one that is there, with its data",
        source: "seen: scenario `tenants`",
        check: shared_account,
    },
    Rule {
        id: "steered-file",
        severity: Warning,
        about: "A system unit names a credential or a file of variables that somebody beside root can replace. systemd reads \
                it as root and follows links: at the next start the gateway has whichever file of root's a link there leads \
                to.",
        fix: "keep it where root alone writes, as in /etc/hermes-install, and name it there",
        source: "seen: scenario `atk_credential`",
        check: steered,
    },
];

fn steered(facts: &Facts, findings: &mut Findings) {
    for (unit, known) in gateways(facts) {
        for Steered { line, path, by } in &known.steered {
            let what = format!(
                "systemd reads `{}` as root for {}, and {by}",
                path.display(),
                unit.title()
            );
            let way_out = match unit.origin {
                Origin::Ours => "name it there and install again".to_owned(),
                Origin::Upstream | Origin::Other => edit(unit),
            };
            let way_out =
                format!("keep it where root alone writes, as in /etc/hermes-install; {way_out}");
            findings.add(what, way_out).unit(unit).at(unit, line);
        }
    }
}

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
