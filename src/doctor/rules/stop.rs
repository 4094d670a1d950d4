//! Rules about stopping: what kills, and what does not wait.

use std::time::Duration;

use super::{Rule, edit, gateways};
use crate::doctor::facts::Facts;
use crate::doctor::finding::Findings;
use crate::doctor::finding::Severity::{self, Error, Note, Warning};
use crate::gateway::version::Rules;
use crate::host::span::{self, seconds};
use crate::units::said::Asked;
use crate::units::unit_file::Directive;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "kills-on-stop",
        severity: Error,
        about: "An Exec line kills instead of stopping: by name, then gateways of other profiles and users die too; with \
                SIGKILL, then running turns and writes are lost; or it removes the files by which gateways know each \
                other, and then two run.",
        fix: "leave stopping to systemd: KillSignal=, KillMode=, TimeoutStopSec=",
        source: "systemd.service(5), ExecStop=; systemd.kill(5)",
        check: kills,
    },
    Rule {
        id: "stop-timeout",
        severity: Warning,
        about: "TimeoutStopSec= is shorter than the gateway's drain and the 30s that it takes to close down: systemd \
                kills it in the middle of a turn.",
        fix: "TimeoutStopSec= of the drain and 30s",
        source: "shutdown_forensics.py of hermes-agent 0.13.0 to 0.19.0; systemd.service(5)",
        check: stop_timeout,
    },
    Rule {
        id: "kill-mode",
        severity: Warning,
        about: "KillMode=process or none leaves what the gateway started running after a stop, and with none the gateway \
                itself: the next start meets it.",
        fix: "KillMode=mixed",
        source: "systemd.kill(5), KillMode=",
        check: kill_mode,
    },
];

fn kills(facts: &Facts, findings: &mut Findings) {
    const LINES: [&str; 6] = [
        "ExecStartPre",
        "ExecStartPost",
        "ExecStop",
        "ExecStopPost",
        "ExecReload",
        "ExecCondition",
    ];
    let mut lines = Asked::new(|line| LINES.contains(&&*line.key) && kill_on(line).is_some());
    for (unit, _) in gateways(facts) {
        if lines.of(&unit.directives).is_empty() {
            continue;
        }
        for key in LINES {
            for line in unit.directives.list("Service", key) {
                let Some((what, severity)) = kill_on(line) else {
                    continue;
                };
                let finding = findings.add(format!("{key} of {} {what}", unit.title()), edit(unit));
                finding.unit(unit).at(unit, line).at_most(severity);
            }
        }
    }
}

/// What a command line does to gateways that it should not, and how bad that is.
fn kill_on(line: &Directive) -> Option<(&'static str, Severity)> {
    let words = line.command().iter();
    let words = words.flat_map(|w| w.split([' ', ';', '&', '|']));
    let base = |word| str::rsplit(word, '/').next().unwrap_or(word);
    let names: Vec<&str> = words.map(base).collect();
    let has = |name: &str| names.contains(&name);
    let hard = [
        "-9",
        "-KILL",
        "-SIGKILL",
        "KILL",
        "SIGKILL",
        "--signal=KILL",
        "--signal=SIGKILL",
    ];
    // Upstream's own, since 0.18: within the unit's control group, where nothing else should be left.
    let is_cleanup = has("gateway.cgroup_cleanup");
    let (what, severity) = if has("pkill") || has("killall") || has("fuser") || has("skill") {
        ("kills by name, other gateways included", Error)
    } else if (has("kill") || has("systemctl")) && hard.iter().any(|h| has(h)) {
        ("kills with SIGKILL instead of stopping", Warning)
    } else if (has("rm") || has("unlink")) && line.value.contains("gateway") {
        let what = "removes the files by which gateways know each other";
        (what, Error)
    } else if is_cleanup {
        ("kills what is left in its control group", Note)
    } else {
        return None;
    };
    Some((what, if is_cleanup { Note } else { severity }))
}

/// systemd's own timeout, where nothing sets another (systemd-system.conf(5)).
const DEFAULT: f64 = 90.0;
/// What a gateway takes to close down after its drain.
const CLEANUP: u32 = 30;

fn stop_timeout(facts: &Facts, findings: &mut Findings) {
    for (unit, known) in gateways(facts) {
        // Both set the same value, so the last one in the text wins.
        let is_timeout = |d: &&Directive| {
            d.section == "Service" && matches!(d.key.as_str(), "TimeoutStopSec" | "TimeoutSec")
        };
        let line = unit.directives.iter().filter(is_timeout).last();
        let default = if unit.is_user() {
            facts.default_stop.user
        } else {
            facts.default_stop.system
        };
        let timeout = match line.filter(|d| !d.value.is_empty()) {
            Some(line) => seconds(&line.value),
            None => Some(default.unwrap_or(DEFAULT)),
        };
        let environment = unit.directives.environment(|v| unit.expand(v));
        let told = environment
            .get("HERMES_RESTART_DRAIN_TIMEOUT")
            .and_then(|(value, _)| value.parse::<u32>().ok());
        let turns = facts.home_of(unit).and_then(|h| h.drain).or(told);
        let needed = match (known.version, turns) {
            (Some(version), _) => Rules::of(Some(version)).stop_timeout(turns),
            (None, Some(turns)) => turns.saturating_add(CLEANUP),
            // Of any version: what the close-down takes.
            (None, None) => CLEANUP,
        };
        let Some(timeout) = timeout else { continue };
        if timeout == 0.0 || timeout >= f64::from(needed) {
            continue;
        }
        let drain = match needed.saturating_sub(CLEANUP) {
            0 => String::new(),
            drain => format!("may drain for {} and ", span::written(u64::from(drain))),
        };
        let more = if drain.is_empty() {
            "to close down"
        } else {
            "more"
        };
        let what = format!(
            "{} is killed {} after its stop, and its gateway {drain}needs {} {more}",
            unit.title(),
            span::took(Duration::from_secs_f64(timeout)),
            span::written(u64::from(CLEANUP))
        );
        let finding = findings.add(
            what,
            format!("`{}`, with `TimeoutStopSec={needed}`", edit(unit)),
        );
        finding.unit(unit).at_unit(unit);
        if let Some(line) = line {
            finding.at(unit, line);
        }
    }
}

fn kill_mode(facts: &Facts, findings: &mut Findings) {
    for (unit, _) in gateways(facts) {
        if let Some(line) = unit.directives.last("Service", "KillMode") {
            if matches!(line.value.as_str(), "process" | "none") {
                let what = format!("a stop of {} leaves processes behind", unit.title());
                findings.add(what, edit(unit)).unit(unit).at(unit, line);
            }
        }
    }
}
