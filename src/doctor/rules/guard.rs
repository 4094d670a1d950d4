//! Rules about units under the guard.

use super::Rule;
use crate::doctor::facts::Facts;
use crate::doctor::finding::Findings;
use crate::doctor::finding::Severity::Error;
use crate::host::access::open_command;
use crate::units::readable::told;

pub(super) const RULES: &[Rule] = &[Rule {
    id: "guard-unreadable",
    severity: Error,
    about: "The account of User= cannot read a file of its unit, and the unit is under the guard: the launcher, which runs as \
            that account, reads there what it is to run. Without a file the next start ends with exit status 78; drop-ins in a \
            directory that it cannot list are passed over. A umask of 027 or 077 makes such files.",
    fix: "let everybody read the files; secrets go into the files of EnvironmentFile=",
    source: "docs/guard.md; systemd.exec(5), User=",
    check: unreadable,
}];

fn unreadable(facts: &Facts, findings: &mut Findings) {
    for (unit, known) in facts.inventory.units.iter().zip(&facts.units) {
        let Some(closed) = &known.closed else {
            continue;
        };
        let what = format!(
            "{} {}: at its next start the launcher cannot tell what it runs",
            unit.title(),
            told(closed)
        );
        findings.add(what, open_command(closed.1.iter())).unit(unit);
    }
}
