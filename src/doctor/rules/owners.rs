//! Rules about who has a profile.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{Rule, edit, gateways, install};
use crate::doctor::facts::homes::{Holder, HomeFacts};
use crate::doctor::facts::{Facts, GatewayFacts};
use crate::doctor::finding::Severity::{Error, Note, Warning};
use crate::doctor::finding::{Findings, Fix};
use crate::profile::ProfileName;
use crate::units::origin::Origin;
use crate::units::unit::Unit;
use crate::units::unit_file::Directive;
use crate::units::unit_id::UnitId;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "duplicate-owners",
        severity: Error,
        about: "More than one unit, or a unit and a process, run or would run the gateway of one profile: by other names, \
                in other managers, of other users. Whoever starts second is refused for ever or takes the profile, and \
                two at a time destroy its data.",
        fix: "keep one; `doctor --fix` keeps one, and disables the rest after a planned stop: a system unit comes before a \
              user's, then one whose account owns the home, then an installed one, then hermes' own",
        source: "hermes-agent #32951, #21915",
        check: duplicates,
    },
    Rule {
        id: "follows-active-profile",
        severity: Warning,
        about: "`gateway run` without `--profile` runs whichever profile is active when it starts: `hermes profile use` \
                moves the unit to another profile at its next start, beside that profile's own unit.",
        fix: "name the profile: `--profile default`",
        source: "hermes_cli/main.py of 0.13.0 to 0.19.0",
        check: follows_active,
    },
    Rule {
        id: "unknown-home",
        severity: Note,
        about: "The unit runs a gateway and does not say of which profile home, so nobody can tell whether it has one that \
                another unit has.",
        fix: "name HERMES_HOME and `--profile` in the unit",
        source: "observed",
        check: unknown_home,
    },
    Rule {
        id: "hidden-gateway",
        severity: Error,
        about: "Other gateways do not know this one for a gateway: by its name in the process list, or because the unit \
                hides processes from each other. They remove its lock and start beside it.",
        fix: "start an executable called `hermes`, and hide no processes",
        source: "gateway/status.py of 0.13.0 to 0.19.0; systemd.exec(5), ProtectProc=, PrivatePIDs=",
        check: hidden,
    },
    Rule {
        id: "legacy-name",
        severity: Warning,
        about: "`hermes gateway install` stops, disables and deletes a gateway's unit of this name without asking.",
        fix: "use another name",
        source: "hermes_cli/gateway.py of 0.19.0, legacy cleanup",
        check: legacy_name,
    },
];

/// The order in which one of several owners is kept; the first wins. A system unit always before a user's, whatever they
/// are called: names are for anybody to take. Then one whose account owns the home, then by who wrote it, then one that
/// runs.
fn preference(unit: &Unit, home: Option<&HomeFacts>) -> (bool, bool, u8, bool) {
    let rank = match unit.origin {
        Origin::Ours => 0,
        Origin::Upstream => 1,
        Origin::Other => 2,
    };
    let is_owners = home.is_some_and(|h| unit.account.as_ref().is_some_and(|a| a.uid == h.uid));
    (unit.is_user(), !is_owners, rank, unit.activity().is_none())
}

fn duplicates(facts: &Facts, findings: &mut Findings) {
    let mut of_home: BTreeMap<&Path, Vec<&Unit>> = BTreeMap::new();
    for (unit, known) in gateways(facts).filter(|(unit, _)| unit.how().is_some()) {
        let homes = unit.calls.iter().filter_map(|r| r.home.as_ref());
        let homes = homes.filter(|home| !known.out_of_reach.contains(home));
        let homes: BTreeSet<&Path> = homes.map(|home| facts.known_as(home)).collect();
        for home in homes {
            of_home.entry(home).or_default().push(unit);
        }
    }
    let mut running: BTreeMap<&Path, Vec<&GatewayFacts>> = BTreeMap::new();
    for gateway in &facts.gateways {
        let home = facts.known_as(&gateway.home);
        running.entry(home).or_default().push(gateway);
    }
    for (home, mut units) in of_home {
        let known = facts.homes.get(home);
        units.sort_by_key(|unit| preference(unit, known));
        if let Some((keep, others)) = units.split_first().filter(|(_, o)| !o.is_empty()) {
            more_than_one(home, keep, others, findings);
        }
        let running = running.get(home).into_iter().flatten();
        for gateway in running.clone() {
            stray(gateway, home, &units, findings);
        }
        let holder = known.and_then(|known| known.holder.as_ref());
        let is_told = |holder: &Holder| {
            let is_its = |unit: &&Unit| holder.unit.as_ref().is_some_and(|by| unit.is(by));
            units.iter().any(is_its) || running.clone().any(|g| g.stop_command == holder.stop)
        };
        if let Some(holder) = holder.filter(|holder| !is_told(holder)) {
            let what = format!(
                "{} holds the lock of `{}`, whose gateway {} would run as well",
                holder.who,
                home.display(),
                units[0].title()
            );
            findings.add(what, holder.stop.clone()).home(home);
        }
    }
}

fn more_than_one(home: &Path, keep: &Unit, others: &[&Unit], findings: &mut Findings) {
    let list: Vec<String> = [keep]
        .iter()
        .chain(others)
        .map(|u| format!("{} ({})", u.title(), u.how().unwrap_or_default()))
        .collect();
    let what = format!(
        "`{}` has {} owners: {}",
        home.display(),
        list.len(),
        list.join(", ")
    );
    let stop: Vec<UnitId> = others.iter().map(|u| u.id()).collect();
    let hint: Vec<String> = others.iter().map(|u| u.disable_command()).collect();
    // A fix disables services; what a timer, a container engine or `systemd-run` starts is a person's to decide.
    let is_fixed = others.iter().all(|u| u.activators.is_empty())
        && !others
            .iter()
            .chain([&keep])
            .any(|u| u.runs_contained() || u.is_transient);
    let finding = findings.add(what, hint.join(" && "));
    finding.at_unit(others[0]).home(home);
    if is_fixed {
        finding.fix(Fix::KeepOne {
            keep: keep.id(),
            stop,
        });
    }
}

/// A gateway of a home that units have, which runs in none of them.
fn stray(gateway: &GatewayFacts, home: &Path, units: &[&Unit], findings: &mut Findings) {
    let is_of = |known: &&Unit| gateway.service.as_ref().is_some_and(|by| known.is(by));
    if !units.iter().any(is_of) {
        let what = format!(
            "{} runs the gateway of `{}`, which {} would run as well",
            gateway.title,
            home.display(),
            units[0].title()
        );
        let adopt = gateway.is_by_hand.then(|| adopt(home, units[0])).flatten();
        let start = || start_after(gateway, units[0]).filter(|_| units[0].is_kept_safe());
        let hint = adopt
            .or_else(start)
            .unwrap_or_else(|| gateway.stop_command.clone());
        findings.add(what, hint).home(home);
    }
}

/// The commands that have a unit run the profile of a gateway which somebody started by hand.
pub(super) fn start_after(gateway: &GatewayFacts, unit: &Unit) -> Option<String> {
    let (stop, start) = (&gateway.stop_command, unit.command("start"));
    let is_by_hand = gateway.is_by_hand;
    is_by_hand.then(|| format!("`{stop}`, and when it has ended: `{start}`"))
}

/// The command that brings a gateway of this home under an installed unit.
fn adopt(home: &Path, unit: &Unit) -> Option<String> {
    let (profile, _) = ProfileName::from_home(home).filter(|_| unit.origin == Origin::Ours)?;
    Some(
        unit.installer_command(|scope| format!("hermes-install adopt --profile {profile} {scope}")),
    )
}

fn follows_active(facts: &Facts, findings: &mut Findings) {
    for (unit, _) in gateways(facts) {
        if !unit.calls.iter().any(|r| r.follows_active) {
            continue;
        }
        let line = unit.directives.last("Service", "ExecStart");
        let active = facts.home_of(unit).and_then(|h| h.active.as_deref());
        let named = active.filter(|a| *a != "default");
        let what = match named {
            Some(active) => format!(
                "{} names no profile, and runs `{active}` because that is the active one",
                unit.title()
            ),
            None => format!(
                "{} names no profile: `hermes profile use` would move it to another",
                unit.title()
            ),
        };
        let finding = findings.add(what, install(facts, unit));
        finding.unit(unit);
        if let Some(line) = line {
            finding.at(unit, line);
        }
        if named.is_none() {
            finding.at_most(Note);
        }
    }
}

fn unknown_home(facts: &Facts, findings: &mut Findings) {
    for (unit, _) in gateways(facts) {
        if unit.calls.iter().any(|r| r.home.is_none()) {
            let what = format!(
                "{} runs a gateway and does not say of which profile",
                unit.title()
            );
            let finding = findings.add(what, edit(unit));
            finding.unit(unit);
            if let Some(line) = unit.directives.last("Service", "ExecStart") {
                finding.at(unit, line);
            }
        }
    }
}

fn hidden(facts: &Facts, findings: &mut Findings) {
    for (unit, known) in gateways(facts) {
        for program in &known.programs {
            if program.reach.path.ends_with(".hermes-wrapped") {
                let what = format!("{} starts `{}`", unit.title(), program.reach.path.display());
                findings
                    .add(what, edit(unit))
                    .unit(unit)
                    .at(unit, &program.line);
            }
        }
        for (key, values) in [
            ("ProtectProc", &["invisible", "noaccess"][..]),
            ("PrivatePIDs", &["yes", "true", "on", "1"][..]),
        ] {
            // The home of a tenant is closed to every other account.
            let is_tenant = unit.home().is_some_and(ProfileName::is_tenants);
            let is_meant = key == "ProtectProc" && is_tenant;
            let line = unit.directives.last("Service", key);
            let hides = |d: &&Directive| values.contains(&d.value.as_str()) && !is_meant;
            if let Some(line) = line.filter(hides) {
                let what = format!(
                    "{} cannot see other gateways, and they cannot see its own",
                    unit.title()
                );
                findings
                    .add(what, edit(unit))
                    .unit(unit)
                    .at(unit, line)
                    .at_most(Warning);
            }
        }
    }
}

fn legacy_name(facts: &Facts, findings: &mut Findings) {
    for (unit, _) in gateways(facts).filter(|(unit, _)| unit.name == "hermes.service") {
        let what = format!(
            "{} has a name that `hermes gateway install` deletes",
            unit.title()
        );
        findings
            .add(what, install(facts, unit))
            .unit(unit)
            .at_unit(unit);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::doctor::facts::homes::Homes;
    use crate::doctor::facts::units::UnitFacts;
    use crate::doctor::rules::check;
    use crate::host::Host;
    use crate::layout::Scope;
    use crate::units::inventory::Inventory;

    #[test]
    fn a_gateway_in_a_container_is_a_second_owner_and_is_named_once() {
        let top = tempfile::tempdir().expect("a directory");
        let place = top.path().join("etc/systemd/system");
        let wants = place.join("multi-user.target.wants");
        fs::create_dir_all(&wants).expect("made");
        let unit = "[Service]\nEnvironment=HERMES_HOME=/srv/h\nExecStart=/opt/hermes -p default gateway run\n";
        fs::write(place.join("bot.service"), unit).expect("written");
        std::os::unix::fs::symlink("../bot.service", wants.join("bot.service")).expect("linked");
        let host = Host::observer(Scope::System, Some(top.path())).expect("a host");
        let stop = "docker stop abc".to_owned();
        let who = "pid 7 of `root` (in container `docker-abc`, for 1min)".to_owned();
        let mut facts = Facts {
            inventory: Inventory::of_own_manager(&host),
            units: vec![UnitFacts::default()],
            homes: Homes::new(vec![HomeFacts {
                home: "/srv/h".into(),
                is_owned: Some(true),
                holder: Some(Holder {
                    who: who.clone(),
                    stop: stop.clone(),
                    unit: None,
                }),
                ..HomeFacts::default()
            }]),
            ..Facts::default()
        };
        let found = |facts: &Facts| -> Vec<(String, String)> {
            let mut found = check(facts);
            found.retain(|f| f.rule == "duplicate-owners");
            found.into_iter().map(|f| (f.what, f.hint)).collect()
        };
        let held = format!(
            "{who} holds the lock of `/srv/h`, whose gateway system unit `bot.service` would run as well"
        );
        assert_eq!(found(&facts), [(held, stop.clone())]);
        facts.gateways.push(GatewayFacts {
            title: who,
            home: "/srv/h".into(),
            service: None,
            stop_command: stop,
            is_by_hand: false,
            keeper: None,
        });
        assert_eq!(found(&facts).len(), 1, "it was found under its name");
    }
}
