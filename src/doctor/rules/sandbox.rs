//! Rules about what a unit shuts its gateway out of.

use super::service::report;
use super::{Rule, gateways};
use crate::doctor::facts::Facts;
use crate::doctor::finding::Findings;
use crate::doctor::finding::Severity::Error;
use crate::layout::hidden_by_protect_home;
use crate::units::unit::is_true;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "sandbox-shuts-the-home",
        severity: Error,
        about: "The unit's sandbox hides the profile home from its gateway, or makes it read-only: the gateway cannot take \
                its lock or write its databases.",
        fix: "ReadWritePaths= of the hermes root, and ProtectHome=no where it lies in a home",
        source: "systemd.exec(5), ProtectHome=, ProtectSystem=, DynamicUser=, ReadOnlyPaths=",
        check: sandbox,
    },
    Rule {
        id: "home-of-the-manager",
        severity: Error,
        about: "`%h` is the home of the account that the manager runs as, root's in a system unit, whatever User= says.",
        fix: "write the path",
        source: "systemd.unit(5), SPECIFIERS",
        check: home_of_the_manager,
    },
];

fn sandbox(facts: &Facts, findings: &mut Findings) {
    for (unit, _) in gateways(facts).filter(|(unit, _)| !unit.is_user()) {
        let Some(home) = unit.home() else { continue };
        let contains = |key: &'static str| {
            let lines = unit.directives.list("Service", key);
            lines.into_iter().find(|line| {
                let paths = line.words();
                let mut paths = paths
                    .iter()
                    .map(|p| unit.expand(p.trim_start_matches(['-', '+'])));
                paths.any(|path| home.starts_with(path))
            })
        };
        let is_writable = ["ReadWritePaths", "BindPaths"]
            .map(contains)
            .iter()
            .any(Option::is_some)
            || ["StateDirectory", "CacheDirectory", "LogsDirectory"]
                .iter()
                .any(|key| {
                    home.starts_with("/var") && unit.directives.last("Service", key).is_some()
                });
        let is_private = hidden_by_protect_home(home);
        let line = |key: &str| unit.directives.last("Service", key);
        let hides = line("ProtectHome").filter(|d| {
            is_private
                && (is_true(&d.value)
                    || d.value == "tmpfs"
                    || (d.value == "read-only" && !is_writable))
        });
        let strict = line("ProtectSystem").filter(|d| d.value == "strict" && !is_writable);
        let dynamic = line("DynamicUser").filter(|d| is_true(&d.value) && !is_writable);
        let read_only = ["ReadOnlyPaths", "InaccessiblePaths"]
            .map(contains)
            .into_iter()
            .flatten()
            .next();
        let read_only = read_only.filter(|_| !is_writable);
        let found = hides.or(strict).or(dynamic).or(read_only);
        // A home that a bind mount brings in is another one.
        if let Some(line) = found.filter(|_| contains("BindPaths").is_none()) {
            let what = format!(
                "cannot use its profile home `{}`: {}= shuts it",
                home.display(),
                line.key
            );
            report(unit, line, &what, findings);
        }
    }
}

fn home_of_the_manager(facts: &Facts, findings: &mut Findings) {
    for (unit, _) in gateways(facts).filter(|(unit, _)| !unit.is_user()) {
        if unit.account.as_ref().is_none_or(|account| account.uid == 0) {
            continue;
        }
        for (name, (value, line)) in unit.directives.environment(str::to_owned) {
            if matches!(name.as_str(), "HERMES_HOME" | "HOME") && value.contains("%h") {
                let account = unit.account.as_ref().map_or("", |a| a.name.as_str());
                let what =
                    format!("means the home of `{account}` by `%h`, and systemd reads root's");
                report(unit, line, &what, findings);
            }
        }
    }
}
