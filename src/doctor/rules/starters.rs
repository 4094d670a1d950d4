//! Rules about what starts gateways outside of systemd's units.

use super::Rule;
use crate::doctor::facts::Facts;
use crate::doctor::finding::Severity::{Error, Note, Warning};
use crate::doctor::finding::{Findings, Place};
use crate::units::starters::starter::Starter;
use crate::units::unit::Unit;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "started-elsewhere",
        severity: Error,
        about: "A line of cron, of a start script, of a shell's own file or of a process manager starts a gateway. systemd knows \
                nothing of it: it runs beside the profile's unit, or takes the profile from it with `--replace`. A `pgrep` for \
                `hermes gateway run` does not find a gateway whose command line names its profile.",
        fix: "take the line out, and let the unit restart the gateway",
        source: "observed; crontab(5), supervisord.conf",
        check: elsewhere,
    },
    Rule {
        id: "container-on-the-home",
        severity: Warning,
        about: "A container's file binds a profile home of this host. A gateway inside works on the same databases, and its \
                processes look dead to a gateway outside.",
        fix: "give the container a home of its own, or leave the profile to it",
        source: "podman-systemd.unit(5), docker compose",
        check: containers,
    },
    Rule {
        id: "kept-alive",
        severity: Warning,
        about: "A gateway was started by something that starts it again when it ends: a loop in a shell, a process manager, \
                the program of another service. A stop does not last, and a unit of the profile never gets it for long.",
        fix: "have that start no gateway, then `hermes-install adopt`",
        source: "observed",
        check: kept,
    },
];

fn kept(facts: &Facts, findings: &mut Findings) {
    for gateway in &facts.gateways {
        if let Some((what, way_out)) = &gateway.keeper {
            let what = format!(
                "{} runs the gateway of `{}`: {what}",
                gateway.title,
                gateway.home.display()
            );
            findings.add(what, way_out.clone()).home(&gateway.home);
        }
    }
}

fn place(starter: &Starter) -> Place {
    Place {
        file: starter.file.clone(),
        line: starter.line,
        directive: starter.text.clone(),
        drop_in: false,
    }
}

/// A unit that runs the gateway of this starter's home, or would.
fn unit_of<'a>(facts: &'a Facts, starter: &Starter) -> Option<&'a Unit> {
    let home = facts.known_as(starter.home.as_deref()?);
    let mut units = facts
        .inventory
        .units
        .iter()
        .filter(|unit| unit.stays().is_some());
    units.find(|unit| {
        let mut homes = unit.calls.iter().filter_map(|call| call.home.as_deref());
        homes.any(|theirs| facts.known_as(theirs) == home)
    })
}

fn elsewhere(facts: &Facts, findings: &mut Findings) {
    for starter in facts.starters.iter().filter(|s| !s.is_container) {
        let unit = unit_of(facts, starter);
        let home = starter.home.as_ref();
        let what = format!(
            "`{}` starts a gateway{}{}{}",
            starter.file.display(),
            home.map(|home| format!(" of `{}`", home.display()))
                .unwrap_or_default(),
            starter
                .account
                .as_ref()
                .map(|a| format!(" as `{a}`"))
                .unwrap_or_default(),
            match (unit, starter.replaces) {
                (Some(unit), true) => format!(" and takes the profile from {}", unit.title()),
                (Some(unit), false) => format!(" beside {}", unit.title()),
                (None, _) => ", outside of systemd".to_owned(),
            }
        );
        let finding = findings.add(what, starter.way_out.clone());
        finding.place = Some(place(starter));
        finding.home.clone_from(&starter.home);
        if unit.is_none() || !starter.replaces {
            finding.at_most(Warning);
        }
    }
}

fn containers(facts: &Facts, findings: &mut Findings) {
    for starter in facts.starters.iter().filter(|s| s.is_container) {
        let Some(home) = &starter.home else { continue };
        let unit = unit_of(facts, starter);
        let beside = unit.map_or(String::new(), |unit| {
            format!(", which {} runs", unit.title())
        });
        let what = format!(
            "`{}` has a container work on `{}`{beside}",
            starter.file.display(),
            home.display()
        );
        let finding = findings.add(what, starter.way_out.clone()).home(home);
        finding.place = Some(place(starter));
        if unit.is_none() {
            finding.at_most(Note);
        }
    }
}
