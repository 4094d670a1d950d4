//! Rules about coming back: restart policies, their limits and their exit lists.

use super::{Rule, edit, gateways, install};
use crate::doctor::facts::Facts;
use crate::doctor::finding::Severity::{Error, Note, Warning};
use crate::doctor::finding::{Findings, Fix};
use crate::host::span::seconds;
use crate::units::unit::Unit;
use crate::units::unit_file::Directive;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "restart-always-replace",
        severity: Error,
        about: "The unit starts `gateway run --replace` and comes back whatever happens. A gateway that was replaced on \
                purpose is resurrected and kills its replacement; two such units kill each other's gateway for ever, \
                and each kill can hit a database in the middle of a write.",
        fix: "put a safe unit in its place, or shield it",
        source: "hermes-agent #32951, #27275; units of 0.13.0 to 0.16.0",
        check: always_replace,
    },
    Rule {
        id: "replace",
        severity: Warning,
        about: "The unit starts `gateway run --replace`: at each start it takes the profile from whoever has it, where a \
                refusal would be right.",
        fix: "leave `--replace` to people",
        source: "hermes-agent #23272",
        check: replace,
    },
    Rule {
        id: "restart-always-unlimited",
        severity: Warning,
        about: "Restart=always, no limit that can be reached and no exit status that ends it. A gateway that is refused or \
                cannot be configured starts for ever, every few seconds. One that was replaced comes back as soon as its \
                replacement ends.",
        fix: "put a safe unit in its place, or shield it",
        source: "systemd.service(5), Restart=, RestartPreventExitStatus=; units of 0.17.0 to 0.18.2",
        check: unlimited,
    },
    Rule {
        id: "restart-always",
        severity: Note,
        about: "Restart=always brings a gateway back that ended because it was replaced or stopped on purpose.",
        fix: "Restart=on-failure, as the unit of `hermes-install` has it",
        source: "systemd.service(5), Restart=; unit of 0.19.0",
        check: always,
    },
    Rule {
        id: "ignored-exit-name",
        severity: Warning,
        about: "An exit list has a name that systemd ignores with a warning, or a number that means something else than \
                it looks like: `CONFIG`, not `EX_CONFIG`; `SIGTERM`, not `143`; `SIGKILL`, not `9`. Without it the unit \
                restarts where it should not, or the other way round.",
        fix: "use the names that `systemd-analyze exit-status` prints, and names of signals",
        source: "systemd.service(5), SuccessExitStatus=",
        check: exit_names,
    },
    Rule {
        id: "start-limit-hit",
        severity: Error,
        about: "The unit was started too often and refuses every start, also by hand, until its counter is reset.",
        fix: "find out why it ended so often, then reset it",
        source: "systemd.unit(5), StartLimitIntervalSec=",
        check: start_limit,
    },
    Rule {
        id: "restart-loop",
        severity: Error,
        about: "systemd restarts the unit again and again: its gateway ends soon after each start.",
        fix: "see why it ends: another owner, a fatal configuration, a program that is gone",
        source: "systemd.service(5), NRestarts",
        check: restart_loop,
    },
];

fn is_always(unit: &Unit) -> Option<&Directive> {
    unit.directives
        .last("Service", "Restart")
        .filter(|d| d.value == "always")
}

fn replaces(unit: &Unit) -> bool {
    unit.calls.iter().any(|r| r.replaces)
}

/// Whether a unit that fails at once would ever stop: 5 starts in 10 s is systemd's own limit.
fn is_unlimited(unit: &Unit) -> bool {
    let number = |section: &str, key: &str| unit.directives.value(section, key).and_then(seconds);
    // Until 229 they stood in [Service] by other names, which are still read.
    let interval =
        number("Unit", "StartLimitIntervalSec").or(number("Service", "StartLimitInterval"));
    let interval = interval.unwrap_or(10.0);
    let burst = number("Unit", "StartLimitBurst").or(number("Service", "StartLimitBurst"));
    let delay = number("Service", "RestartSec").unwrap_or(0.1);
    let burst = burst.unwrap_or(5.0);
    interval == 0.0 || burst == 0.0 || delay * burst > interval
}

fn is_endless(unit: &Unit) -> bool {
    is_unlimited(unit)
        && unit
            .directives
            .list("Service", "RestartPreventExitStatus")
            .is_empty()
}

fn always_replace(facts: &Facts, findings: &mut Findings) {
    for (unit, _) in gateways(facts) {
        if let Some(line) = is_always(unit).filter(|_| replaces(unit)) {
            let what = format!(
                "{} starts `gateway run --replace` and always comes back: it kills whoever replaces it",
                unit.title()
            );
            findings
                .add(what, install(facts, unit))
                .unit(unit)
                .at(unit, line);
        }
    }
}

fn replace(facts: &Facts, findings: &mut Findings) {
    for (unit, _) in gateways(facts) {
        let line = unit.directives.last("Service", "ExecStart");
        if let Some(line) = line.filter(|_| replaces(unit) && is_always(unit).is_none()) {
            let what = format!(
                "{} takes the profile from whoever has it at each start",
                unit.title()
            );
            findings.add(what, edit(unit)).unit(unit).at(unit, line);
        }
    }
}

fn unlimited(facts: &Facts, findings: &mut Findings) {
    for (unit, _) in gateways(facts) {
        if let Some(line) = is_always(unit).filter(|_| !replaces(unit) && is_endless(unit)) {
            let what = format!(
                "{} always comes back, without a limit and whatever its exit status",
                unit.title()
            );
            findings
                .add(what, install(facts, unit))
                .unit(unit)
                .at(unit, line);
        }
    }
}

fn always(facts: &Facts, findings: &mut Findings) {
    for (unit, _) in gateways(facts) {
        if let Some(line) = is_always(unit).filter(|_| !replaces(unit) && !is_endless(unit)) {
            let what = format!(
                "{} comes back after it was stopped or replaced on purpose",
                unit.title()
            );
            findings
                .add(what, install(facts, unit))
                .unit(unit)
                .at(unit, line);
        }
    }
}

fn exit_names(facts: &Facts, findings: &mut Findings) {
    for (unit, _) in gateways(facts) {
        for key in [
            "RestartPreventExitStatus",
            "RestartForceExitStatus",
            "SuccessExitStatus",
        ] {
            for line in unit.directives.list("Service", key) {
                for word in line.value.split_whitespace() {
                    if let Some(meant) = misread(word) {
                        let what = format!("`{word}` in {key} of {} {meant}", unit.title());
                        findings.add(what, edit(unit)).unit(unit).at(unit, line);
                    }
                }
            }
        }
    }
}

/// What is wrong with a word of an exit list, if anything is.
fn misread(word: &str) -> Option<String> {
    if let Ok(number) = word.parse::<u32>() {
        return match number {
            256.. => Some("is no exit status and is ignored".to_owned()),
            // Statuses that shells make of signals; the gateway itself ends with none of them.
            9 | 15 => Some(format!(
                "is exit status {number}; the signal is `{}`",
                signal(number)
            )),
            129 | 130 | 137 | 143 => Some(format!(
                "is exit status {number}; death by a signal is written `{}`",
                signal(number - 128)
            )),
            _ => None,
        };
    }
    let name = word.strip_prefix("SIG").unwrap_or(word);
    if names().any(|n| n == word) || SIGNALS.contains(&name) || name.starts_with("RTM") {
        return None;
    }
    let upper = word.to_uppercase();
    let meant = upper.strip_prefix("EX_").unwrap_or(&upper).replace('_', "");
    Some(match names().find(|n| n.replace('_', "") == meant) {
        Some(name) => format!("is ignored; the name is `{name}`"),
        None => "is ignored: it is neither an exit status nor a signal".to_owned(),
    })
}

fn signal(number: u32) -> &'static str {
    match number {
        1 => "SIGHUP",
        2 => "SIGINT",
        9 => "SIGKILL",
        _ => "SIGTERM",
    }
}

/// Names of exit statuses.
fn names() -> impl Iterator<Item = &'static str> {
    include_str!("exit-status.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(' ').next())
}

/// Names of signals without `SIG` (signal(7)).
const SIGNALS: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
    "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
    "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];

fn start_limit(facts: &Facts, findings: &mut Findings) {
    for (unit, _) in gateways(facts) {
        let state = unit.loaded.as_ref();
        if state.is_some_and(|s| s.result == "start-limit-hit") {
            let what = format!(
                "{} was started too often and refuses to start",
                unit.title()
            );
            let unit_name = unit.id();
            findings
                .add(what, unit.command("reset-failed"))
                .unit(unit)
                .fix(Fix::Reset { unit: unit_name });
        }
    }
}

/// How many automatic restarts make a loop; a gateway that was updated a few times has restarted as often.
const LOOP: u32 = 5;

fn restart_loop(facts: &Facts, findings: &mut Findings) {
    for (unit, _) in gateways(facts) {
        let state = unit.loaded.as_ref();
        let looping = state.filter(|s| s.restarts >= LOOP && s.active_state == "activating");
        if let Some(restarts) = looping.map(|s| s.restarts) {
            let what = format!(
                "{} was restarted {restarts} times and is about to start again",
                unit.title()
            );
            let journal = unit.manager.journal_command(&unit.name);
            findings.add(what, format!("{journal} -n 50")).unit(unit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_lists_are_read_as_systemd_reads_them() {
        for good in [
            "75", "78", "CONFIG", "TEMPFAIL", "SIGKILL", "KILL", "RTMIN+1", "0", "255",
        ] {
            assert_eq!(misread(good), None, "{good}");
        }
        for (bad, part) in [
            ("EX_CONFIG", "`CONFIG`"),
            ("config", "`CONFIG`"),
            ("143", "`SIGTERM`"),
            ("9", "`SIGKILL`"),
            ("SIGFOO", "ignored"),
            ("300", "ignored"),
        ] {
            assert!(misread(bad).is_some_and(|m| m.contains(part)), "{bad}");
        }
    }
}
