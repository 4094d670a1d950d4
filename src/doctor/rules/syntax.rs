//! Rules about what a unit says: secrets, unknown directives, targets that do not exist.

use std::path::Path;
use std::sync::LazyLock;

use super::{Rule, edit, edit_whole, gateways};
use crate::doctor::facts::Facts;
use crate::doctor::facts::homes::ExposedFile;
use crate::doctor::finding::Severity::{Error, Note, Warning};
use crate::doctor::finding::{Findings, Fix};
use crate::host::process::shell_quote;
use crate::host::process_text::as_account;
use crate::host::systemctl::Manager;
use crate::units::said::Asked;
use crate::units::secret::{is_credential, is_secret, secrets};
use crate::units::unit::Unit;
use crate::units::unit_file::Directive;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "secret-in-unit",
        severity: Error,
        about: "A secret stands in Environment=, SetCredential= or on an Exec line. Everybody on the host can read it, from the file and by `systemctl show`.",
        fix: "move it to the profile's .env, or to a file of mode 0600 that EnvironmentFile= names",
        source: "systemd.exec(5), Environment=",
        check: secret,
    },
    Rule {
        id: "readable-secrets",
        severity: Error,
        about: "Everybody on the host can read a file with the gateway's secrets.",
        fix: "take the permission away",
        source: "hermes-agent keeps tokens in .env and auth.json",
        check: readable,
    },
    Rule {
        id: "network-online-in-user-unit",
        severity: Note,
        about: "A user manager has no network-online.target: the unit starts without waiting for the network. Gateways of \
                0.14 and later retry; older ones end when no platform can be reached.",
        fix: "leave the target out",
        source: "systemd.special(7); user units of 0.13.0 to 0.19.0",
        check: network_online,
    },
    Rule {
        id: "unknown-directive",
        severity: Warning,
        about: "systemd ignores a directive that it does not know, with a line in the journal: a slip of the pen, a directive \
                in the wrong section, or one of a newer systemd than this host has.",
        fix: "correct or remove it",
        source: "systemd.unit(5), systemd.service(5), systemd.exec(5)",
        check: unknown_directive,
    },
    Rule {
        id: "bad-value",
        severity: Warning,
        about: "systemd ignores a value that it cannot read, and the unit runs with the default instead.",
        fix: "correct it",
        source: "systemd.service(5)",
        check: bad_value,
    },
];

fn secret(facts: &Facts, findings: &mut Findings) {
    // Everybody can read that of `systemd-run`, too, as long as its gateway runs.
    let mut lines = Asked::new(holds_secret);
    let units = facts.inventory.units.iter();
    for unit in units.filter(|unit| !unit.calls.is_empty()) {
        if lines.of(&unit.directives).is_empty() {
            continue;
        }
        for (name, (value, line)) in unit.directives.environment(str::to_owned) {
            if is_secret(&name, &value) {
                let what = format!(
                    "`{name}` in Environment= of {} can be read by everybody",
                    unit.title()
                );
                findings.add(what, edit(unit)).unit(unit).at(unit, line);
            }
        }
        secret_on_lines(unit, findings);
    }
}

fn holds_secret(line: &Directive) -> bool {
    let is_secret = |word: &String| {
        let variable = word.split_once('=');
        variable.is_some_and(|(name, value)| is_secret(name, value))
    };
    let is_environment = line.key == "Environment";
    (is_environment && line.words().iter().any(is_secret)) || !secrets_on(line).is_empty()
}

/// The names of the secrets that stand on a line and are no variables.
fn secrets_on(line: &Directive) -> Vec<String> {
    if is_credential(line) {
        line.value.split(':').take(1).map(str::to_owned).collect()
    } else if line.key.starts_with("Exec") {
        secrets(line.words())
    } else {
        Vec::new()
    }
}

fn secret_on_lines(unit: &Unit, findings: &mut Findings) {
    for line in unit.directives.iter().filter(|d| d.section == "Service") {
        for name in secrets_on(line) {
            let what = format!(
                "`{name}` in {}= of {} can be read by everybody",
                line.key,
                unit.title()
            );
            findings.add(what, edit(unit)).unit(unit).at(unit, line);
        }
    }
}

/// The command that keeps everybody out.
fn close(path: &Path) -> [String; 3] {
    ["chmod".into(), "o-rwx".into(), path.display().to_string()]
}

fn readable(facts: &Facts, findings: &mut Findings) {
    for known in facts.homes.iter() {
        for ExposedFile { path, mode } in &known.exposed {
            let what = format!(
                "`{}` (mode {mode:04o}) can be read by everybody",
                path.display()
            );
            let finding = findings.add(what, known.typed(&close(path)));
            finding.home(&known.home).fix(Fix::Mode {
                path: path.clone(),
                mode: mode & !0o007,
            });
        }
    }
    for (unit, known) in gateways(facts) {
        for path in &known.exposed {
            let what = format!(
                "`{}`, the environment of {}, can be read by everybody",
                path.display(),
                unit.title()
            );
            // It may hold nothing secret, such as a proxy.
            let close = shell_quote(&close(path));
            let hint = match &unit.manager {
                Manager::UserOf(name) => as_account(name, &close),
                Manager::System | Manager::User => close,
            };
            findings.add(what, hint).unit(unit).at_most(Note);
        }
    }
}

fn network_online(facts: &Facts, findings: &mut Findings) {
    for (unit, _) in gateways(facts).filter(|(unit, _)| unit.is_user()) {
        let lines = ["After", "Wants", "Requires"].map(|key| unit.directives.list("Unit", key));
        let mut lines = lines.into_iter().flatten();
        let is_named = |value: &str| {
            value
                .split_whitespace()
                .any(|t| t == "network-online.target")
        };
        if let Some(line) = lines.find(|d| is_named(&d.value)) {
            let what = format!(
                "{} waits for network-online.target, which a user manager does not have",
                unit.title()
            );
            let hint = edit_whole(unit);
            findings.add(what, hint).unit(unit).at(unit, line);
        }
    }
}

/// Section, name and first version of every directive.
static KNOWN: LazyLock<std::collections::HashMap<(&str, &str), u32>> = LazyLock::new(|| {
    include_str!("directives.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let mut words = line.split(' ');
            let key = (words.next()?, words.next()?);
            Some((key, words.next().and_then(|v| v.parse().ok()).unwrap_or(0)))
        })
        .collect()
});

/// The first version of systemd that knows a directive.
fn known_since(line: &Directive) -> Option<u32> {
    KNOWN
        .get(&(line.section.as_str(), line.key.as_str()))
        .copied()
}

fn unknown_directive(facts: &Facts, findings: &mut Findings) {
    let level = facts.systemd.unwrap_or(u32::MAX);
    let mut lines = Asked::new(|line| {
        let is_own = line.key.is_empty() || line.key.starts_with("X-");
        let is_own = is_own || line.section.starts_with("X-");
        !is_own && known_since(line).is_none_or(|version| version > level)
    });
    for (unit, _) in gateways(facts) {
        for line in lines.of(&unit.directives) {
            let since = known_since(line);
            let elsewhere = || {
                ["Unit", "Service", "Install"]
                    .into_iter()
                    .find(|s| KNOWN.contains_key(&(*s, line.key.as_str())))
            };
            let what = match (since, elsewhere()) {
                (Some(version), _) => format!(
                    "{} of {} is for systemd {version}, and this is {level}: it is ignored",
                    line.key,
                    unit.title()
                ),
                (None, Some(section)) => format!(
                    "{} of {} belongs in [{section}]: it is ignored",
                    line.key,
                    unit.title()
                ),
                (None, None) => format!(
                    "systemd does not know {} of {}: it is ignored",
                    line.key,
                    unit.title()
                ),
            };
            let finding = findings.add(what, edit(unit));
            finding.unit(unit).at(unit, line);
            if since.is_some() {
                finding.at_most(Note);
            }
        }
    }
}

fn bad_value(facts: &Facts, findings: &mut Findings) {
    const RESTART: [&str; 7] = [
        "no",
        "always",
        "on-success",
        "on-failure",
        "on-abnormal",
        "on-watchdog",
        "on-abort",
    ];
    const TIMES: [&str; 5] = [
        "RestartSec",
        "TimeoutStopSec",
        "TimeoutStartSec",
        "TimeoutSec",
        "RestartMaxDelaySec",
    ];
    for (unit, _) in gateways(facts) {
        for line in unit.directives.list("Service", "Restart") {
            if !RESTART.contains(&line.value.as_str()) {
                let what = format!(
                    "`{}` of {} is no restart policy: it is ignored",
                    line.key,
                    unit.title()
                );
                findings.add(what, edit(unit)).unit(unit).at(unit, line);
            }
        }
        for key in TIMES {
            for line in unit.directives.list("Service", key) {
                if crate::host::span::seconds(&line.value).is_none() {
                    let what = format!(
                        "`{}` of {} is no time span: it is ignored",
                        line.key,
                        unit.title()
                    );
                    findings.add(what, edit(unit)).unit(unit).at(unit, line);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_directive_of_ours_is_known() {
        assert_eq!(KNOWN.get(&("Service", "RestartSteps")), Some(&254));
        assert_eq!(KNOWN.get(&("Service", "Restart")), Some(&0));
        assert!(KNOWN.len() > 350);
    }
}
