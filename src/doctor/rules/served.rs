//! Rules about a gateway that serves several profiles.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{Rule, gateways, installer};
use crate::doctor::facts::Facts;
use crate::doctor::finding::Findings;
use crate::doctor::finding::Severity::Error;
use crate::gateway::env_file::ENV;
use crate::profile::is_named_home;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "multiplexed-profile",
        severity: Error,
        about: "The root's gateway serves all profiles: `gateway.multiplex_profiles` says so, which hermes 0.21.4 and later \
                set by themselves. A profile has a unit of its own, which is refused while the other runs. A profile with \
                `gateway.standalone: true` is left out and keeps its unit.",
        fix: "take the profile's unit away, or have hermes leave the profile out: `hermes-install --profile NAME \
              --standalone`",
        source: "hermes_cli/gateway.py of 0.17.0 to 0.22.2",
        check: multiplexed,
    },
    Rule {
        id: "served-twice",
        severity: Error,
        about: "Two live gateways serve one profile: its own, and one that serves all profiles of its root, as after \
                `gateway run --force`. Both poll its bots and write its data.",
        fix: "stop one of them",
        source: "gateway/host_attach.py of 0.21.4 to 0.22.2",
        check: served_twice,
    },
    Rule {
        id: "same-token",
        severity: Error,
        about: "Two profiles have one bot: the same token is in the `.env` of both. Gateways of one account notice, and the \
                second one does not speak. Those of two accounts, such as tenants, both ask the platform for messages, and \
                each message reaches one of them, or both.",
        fix: "give each profile a bot of its own",
        source: "gateway/status.py of 0.22.2, `acquire_scoped_lock`; seen: scenario `same_token`",
        check: same_token,
    },
];

fn multiplexed(facts: &Facts, findings: &mut Findings) {
    for (unit, _) in gateways(facts) {
        let Some(home) = facts.home_of(unit).filter(|h| h.is_multiplexed) else {
            continue;
        };
        if is_named_home(&home.home) && unit.how().is_some() {
            let what = format!(
                "{} runs a profile that the gateway of its root serves already (`gateway.multiplex_profiles`)",
                unit.title()
            );
            let profile = home.home.file_name().unwrap_or_default();
            let keep = format!("--profile {} --standalone", profile.to_string_lossy());
            let hint = format!(
                "{}, or keep it with: {}",
                unit.disable_command(),
                installer(unit, &keep)
            );
            findings.add(what, hint).unit(unit).at_unit(unit);
        }
    }
}

fn served_twice(facts: &Facts, findings: &mut Findings) {
    for home in facts.homes.iter() {
        if let Some(other) = &home.also_served_by {
            let what = format!(
                "`{}` has a gateway of its own and is served by {other}, too",
                home.home.display()
            );
            let hint = "hermes-install status".to_owned();
            findings.add(what, hint).home(&home.home);
        }
    }
}

fn same_token(facts: &Facts, findings: &mut Findings) {
    let units = gateways(facts).map(|(unit, _)| unit);
    let started: BTreeSet<&Path> = units
        .filter(|unit| unit.how().is_some())
        .filter_map(|unit| Some(facts.home_of(unit)?.home.as_path()))
        .collect();
    let mut by_token: BTreeMap<_, Vec<&Path>> = BTreeMap::new();
    for home in facts.homes.iter() {
        if home.is_owned == Some(true) || started.contains(home.home.as_path()) {
            for token in &home.tokens {
                by_token.entry(token).or_default().push(&home.home);
            }
        }
    }
    for ((variable, _), homes) in by_token {
        for pair in homes.windows(2) {
            let what = format!(
                "`{}` has the {variable} of `{}`: two gateways would serve one bot",
                pair[1].display(),
                pair[0].display()
            );
            let file = pair[1].join(ENV);
            let hint = format!("give it a bot of its own, in `{}`", file.display());
            findings.add(what, hint).home(pair[1]);
        }
    }
}
