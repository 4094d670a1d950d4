//! The rule about what systemd reads otherwise than it is written: specifiers and variables.

use super::{Rule, edit, gateways};
use crate::doctor::facts::Facts;
use crate::doctor::finding::Findings;
use crate::doctor::finding::Severity::{Error, Warning};
use crate::units::said::Asked;
use crate::units::unit::Unit;

pub(super) const RULES: &[Rule] = &[Rule {
    id: "unescaped-specifier",
    severity: Error,
    about: "A `%` in a path begins a specifier, and `${NAME}` a variable: systemd reads another path than the one that \
                is meant, without a word.",
    fix: "write `%%` for `%`, and `$$` for `$` on Exec lines",
    source: "systemd.unit(5), SPECIFIERS; systemd.service(5), COMMAND LINES",
    check: unescaped,
}];

/// Variables that systemd itself sets for a service (systemd.exec(5), ENVIRONMENT VARIABLES IN SPAWNED PROCESSES).
const SET: [&str; 15] = [
    "MAINPID",
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "INVOCATION_ID",
    "XDG_RUNTIME_DIR",
    "RUNTIME_DIRECTORY",
    "STATE_DIRECTORY",
    "CACHE_DIRECTORY",
    "LOGS_DIRECTORY",
    "CONFIGURATION_DIRECTORY",
    "CREDENTIALS_DIRECTORY",
];

fn unescaped(facts: &Facts, findings: &mut Findings) {
    let mut lines = Asked::new(|line| {
        let mut variables = line.words().iter().filter_map(|word| word.split_once('='));
        line.key == "Environment" && variables.any(|(_, value)| has_bad_specifier(value))
    });
    for (unit, known) in gateways(facts) {
        for percent in &known.percents {
            let word = &percent.word;
            let expanded = unit.expand(word);
            // What stays as it is names no specifier, and systemd refuses the line.
            let is_unknown = expanded.replace("%%", "%").contains('%') && !word.contains("%%");
            let is_meant = percent.exists_as_written && !percent.exists_expanded;
            if is_meant || is_unknown {
                let what = format!(
                    "{} means `{word}`, and systemd reads `{expanded}`; write `%%` for `%`",
                    unit.title()
                );
                let finding = findings.add(what, edit(unit));
                finding.unit(unit).at(unit, &percent.line);
            }
        }
        if !lines.of(&unit.directives).is_empty() {
            bad_specifiers(unit, findings);
        }
        variables(unit, findings);
    }
}

/// The letters of specifiers (systemd.unit(5), SPECIFIERS); after another character systemd drops the assignment.
const SPECIFIERS: &str = "aAbBCdDEfgGhHiIjJlLmMnNoPpqsStTuUvVwWyY%";

fn has_bad_specifier(value: &str) -> bool {
    let mut rest = value;
    while let Some(at) = rest.find('%') {
        let next = rest[at + 1..].chars().next();
        if next.is_none_or(|c| !SPECIFIERS.contains(c)) {
            return !value.starts_with('/');
        }
        rest = &rest[at + 1 + next.map_or(0, char::len_utf8)..];
    }
    false
}

fn bad_specifiers(unit: &Unit, findings: &mut Findings) {
    for (name, (value, line)) in unit.directives.environment(str::to_owned) {
        if has_bad_specifier(&value) {
            let what = format!(
                "`{name}` in Environment= of {} has a `%` that begins no specifier, and systemd drops it; write `%%`",
                unit.title()
            );
            findings.add(what, edit(unit)).unit(unit).at(unit, line);
        }
    }
}

fn variables(unit: &Unit, findings: &mut Findings) {
    let lines = unit.directives.list("Service", "ExecStart");
    if !lines.iter().any(|line| line.value.contains("${")) {
        return;
    }
    let environment = unit.directives.environment(|v| unit.expand(v));
    let is_set = |name: &str| environment.contains_key(name) || SET.contains(&name);
    // A file or the manager may set any.
    let has_more = ["EnvironmentFile", "PassEnvironment"]
        .iter()
        .any(|key| !unit.directives.list("Service", key).is_empty());
    for line in lines {
        let text = line.value.replace("$$", "");
        let names = text
            .split("${")
            .skip(1)
            .filter_map(|rest| rest.split_once('}'))
            .map(|(name, _)| name);
        let plain = |name: &&str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        for name in names
            .filter(plain)
            .filter(|name| !is_set(name) && !has_more)
        {
            let what = format!(
                "`${{{name}}}` in ExecStart of {} is not set, and systemd drops it",
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
