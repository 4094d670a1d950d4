//! Rules about what kind of service a unit is: what systemd refuses to load, never sees active, or ends by itself.

use super::{Rule, edit, gateways};
use crate::doctor::facts::Facts;
use crate::doctor::finding::Severity::{Error, Note, Warning};
use crate::doctor::finding::{Finding, Findings};
use crate::units::load_problem::load_problems;
use crate::units::unit::Unit;
use crate::units::unit_file::{Directive, words};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "cannot-load",
        severity: Error,
        about: "systemd refuses the unit, or ignores the line: a path that is not absolute (it knows neither `~` nor \
                `$HOME`) or quoted, more than one ExecStart=, a policy that the type does not allow.",
        fix: "write absolute paths without quotes, and one ExecStart=",
        source: "systemd.service(5), systemd.exec(5); `bad-setting` of systemd 252",
        check: cannot_load,
    },
    Rule {
        id: "not-a-plain-service",
        severity: Error,
        about: "A gateway is one process that stays and tells nobody that it is ready. As forking, notify or oneshot it is \
                never active: systemd kills it when the start's time is over, and starts it again.",
        fix: "Type=exec or simple",
        source: "systemd.service(5), Type=",
        check: kind,
    },
    Rule {
        id: "ends-by-itself",
        severity: Warning,
        about: "The unit ends a gateway that is well: a watchdog that it does not feed, a longest run time; or it stops in a \
                way that a gateway cannot survive: SIGKILL at once, or never.",
        fix: "leave WatchdogSec=, RuntimeMaxSec=, KillSignal=SIGKILL and SendSIGKILL=no out",
        source: "systemd.service(5), WatchdogSec=, RuntimeMaxSec=; systemd.kill(5)",
        check: ends,
    },
    Rule {
        id: "restarts-the-wrong-end",
        severity: Warning,
        about: "Restart=on-success starts a gateway again that was replaced or stopped on purpose, and leaves one down that \
                crashed; an ExecStopPost= that starts its own unit brings back whatever was stopped.",
        fix: "Restart=on-failure",
        source: "systemd.service(5), Restart=, ExecStopPost=",
        check: wrong_end,
    },
    Rule {
        id: "stops-other-gateways",
        severity: Warning,
        about: "`hermes gateway stop` on an Exec line stops gateways of hermes' own unit, and with `--all` those of every \
                profile, whoever runs them.",
        fix: "leave stopping to systemd",
        source: "hermes_cli/gateway.py of 0.13.0 to 0.22.2",
        check: stops_others,
    },
    Rule {
        id: "starts-another-unit",
        severity: Warning,
        about: "`hermes gateway start` asks a manager to start hermes' own unit and ends: this unit is no gateway's main \
                process, and starts the other one again after every stop.",
        fix: "disable one of the two",
        source: "hermes_cli/gateway.py of 0.13.0 to 0.22.2",
        check: starts_another,
    },
    Rule {
        id: "may-run-a-gateway",
        severity: Note,
        about: "The unit starts a program that may run a gateway, and its command line does not say so clearly. It is not \
                counted as an owner, and nothing touches it.",
        fix: "see what it runs",
        source: "observed",
        check: unclear,
    },
    Rule {
        id: "runs-in-a-cluster",
        severity: Note,
        about: "The unit has a cluster run a gateway in a container, on this host or another. Its profile home is that \
                container's. It is not counted as an owner, and nothing touches it.",
        fix: "see that no other gateway has the same bot tokens",
        source: "kubectl exec",
        check: in_clusters,
    },
];

pub(super) fn report<'a>(
    unit: &Unit,
    line: &Directive,
    what: &str,
    findings: &'a mut Findings,
) -> &'a mut Finding {
    findings
        .add(format!("{} {what}", unit.title()), edit(unit))
        .unit(unit)
        .at(unit, line)
}

fn cannot_load(facts: &Facts, findings: &mut Findings) {
    for (unit, _) in gateways(facts) {
        let problems = load_problems(&unit.name, &unit.directives);
        for (line, why) in &problems {
            report(unit, line, &format!("cannot be loaded: {why}"), findings);
        }
        if unit.cannot_load && problems.is_empty() {
            let what = format!("{} cannot be loaded: its manager refuses it", unit.title());
            let finding = findings.add(what, unit.verify_command());
            finding.unit(unit).at_unit(unit);
        }
        for line in unit.directives.list("Service", "EnvironmentFile") {
            if !line.value.trim_start_matches('-').starts_with(['/', '%']) {
                let what = "has an EnvironmentFile= that is no absolute path: systemd ignores it";
                report(unit, line, what, findings).at_most(Warning);
            }
        }
    }
}

fn kind(facts: &Facts, findings: &mut Findings) {
    for (unit, _) in gateways(facts).filter(|(unit, _)| !is_restarter(unit)) {
        let line = unit.directives.last("Service", "Type");
        let never = ["forking", "notify", "notify-reload", "oneshot", "dbus"];
        if let Some(line) = line.filter(|d| never.contains(&d.value.as_str())) {
            let what = format!(
                "is of Type={}: its gateway never makes it active",
                line.value
            );
            report(unit, line, &what, findings);
        }
    }
}

/// Whether a unit only restarts gateways, as timers do, and may end.
fn is_restarter(unit: &Unit) -> bool {
    let line = unit
        .directives
        .value("Service", "ExecStart")
        .unwrap_or_default();
    words(line).iter().any(|word| word == "restart")
}

fn ends(facts: &Facts, findings: &mut Findings) {
    for (unit, _) in gateways(facts) {
        let line = |key: &str| unit.directives.last("Service", key);
        let none = |d: &&Directive| !matches!(d.value.as_str(), "0" | "infinity");
        if let Some(line) = line("WatchdogSec").filter(none) {
            report(
                unit,
                line,
                "has a watchdog that its gateway does not feed",
                findings,
            );
        }
        if let Some(line) = line("RuntimeMaxSec").filter(none) {
            report(
                unit,
                line,
                "ends its gateway after a time, in the middle of a turn",
                findings,
            );
        }
        let kills = ["SIGKILL", "KILL", "9"];
        if let Some(line) = line("KillSignal").filter(|d| kills.contains(&d.value.as_str())) {
            report(
                unit,
                line,
                "is stopped by SIGKILL, without a drain",
                findings,
            );
        }
        let never = ["no", "false", "off", "0"];
        if let Some(line) = line("SendSIGKILL").filter(|d| never.contains(&d.value.as_str())) {
            report(
                unit,
                line,
                "leaves a gateway running that does not end in time",
                findings,
            );
        }
    }
}

fn wrong_end(facts: &Facts, findings: &mut Findings) {
    for (unit, _) in gateways(facts) {
        let line = unit.directives.last("Service", "Restart");
        if let Some(line) = line.filter(|d| d.value == "on-success") {
            let what = "comes back when it was stopped or replaced, and not when it crashed";
            report(unit, line, what, findings);
        }
        for line in unit.directives.list("Service", "ExecStopPost") {
            let words = line.command();
            let is_systemctl = words.first().is_some_and(|w| w.ends_with("systemctl"));
            let starts = words
                .iter()
                .any(|w| matches!(w.as_str(), "start" | "restart"));
            if is_systemctl && starts && words.contains(&unit.name) {
                report(unit, line, "starts itself when it was stopped", findings);
            }
        }
    }
}

fn stops_others(facts: &Facts, findings: &mut Findings) {
    for (unit, _) in gateways(facts) {
        for key in [
            "ExecStartPre",
            "ExecStartPost",
            "ExecStop",
            "ExecStopPost",
            "ExecReload",
        ] {
            for line in unit.directives.list("Service", key) {
                let verb = crate::gateway::command_line::gateway_verb(line.command());
                if verb.as_deref() == Some("stop") {
                    let what = format!("stops gateways that others run, in {key}=");
                    report(unit, line, &what, findings);
                }
            }
        }
    }
}

fn starts_another(facts: &Facts, findings: &mut Findings) {
    for unit in &facts.inventory.units {
        let line = unit.directives.last("Service", "ExecStart");
        if let Some(line) = line.filter(|_| unit.verbs.iter().any(|verb| verb == "start")) {
            let what =
                "starts hermes' own unit (`hermes gateway start`), and runs no gateway itself";
            report(unit, line, what, findings);
        }
    }
}

fn unclear(facts: &Facts, findings: &mut Findings) {
    for unit in &facts.inventory.units {
        let line = unit.directives.last("Service", "ExecStart");
        for program in unit.unclear.iter().filter(|_| unit.calls.is_empty()) {
            let finding = findings.add(
                format!("{} may run a gateway: `{program}`", unit.title()),
                format!(
                    "{}; if it does: {}",
                    unit.command("cat"),
                    unit.disable_command()
                ),
            );
            finding.unit(unit);
            if let Some(line) = line {
                finding.at(unit, line);
            }
        }
    }
}

fn in_clusters(facts: &Facts, findings: &mut Findings) {
    for unit in &facts.inventory.units {
        for program in &unit.in_clusters {
            let line = unit.directives.last("Service", "ExecStart");
            let finding = findings.add(
                format!("{} has a cluster run a gateway: `{program}`", unit.title()),
                unit.command("cat"),
            );
            finding.unit(unit);
            if let Some(line) = line {
                finding.at(unit, line);
            }
        }
    }
}
