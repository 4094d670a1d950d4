//! What `doctor` found, for people: grouped by what it is about, and nothing said twice.

use std::path::Path;

use anstyle::Style;

use super::page::several;
use crate::doctor::finding::{Finding, Place, Severity};
use crate::output::wrap::{sentence, way_out};
use crate::output::{BAD, CARE, visible};

/// How many things were looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) units: usize,
    pub(super) gateways: usize,
}

/// The whole answer, in lines of so many characters.
pub(super) fn text(findings: &[Finding], seen: Seen, width: usize) -> String {
    let looked = format!(
        "{} and {} looked at",
        several(seen.units, "unit"),
        several(seen.gateways, "running gateway")
    );
    if findings.is_empty() {
        return format!("nothing is wrong; {looked}\n");
    }
    let mut out = String::new();
    for ((subject, short), findings) in by(findings.iter(), subject) {
        out += &sentence("", &subject, 2, width);
        // Those with one way out stand together, and it is told once.
        for ((label, hint), findings) in by(findings.into_iter(), remedy) {
            for (rule, findings) in by(findings.into_iter(), |f| (f.rule, f.severity)) {
                out += &about(rule, &findings, (&subject, short), width);
            }
            out += &way_out(label, &hint, 4, width);
        }
        out.push('\n');
    }
    let count = |severity| findings.iter().filter(|f| f.severity == severity).count();
    let counted = [Severity::Error, Severity::Warning, Severity::Note]
        .map(|severity| several(count(severity), severity.name()))
        .join(", ");
    out += &sentence("", &format!("{counted}; {looked}"), 0, width);
    out += "why: hermes-install doctor --explain ID\n";
    let mended = findings.iter().filter(|f| f.fix.is_some()).count();
    if mended > 0 {
        let all = findings.len();
        out += &format!("{mended} of {all} can be mended: hermes-install doctor --fix\n");
    }
    out
}

/// Findings by a key, in the order in which each key comes first.
fn by<'a, K: PartialEq>(
    findings: impl Iterator<Item = &'a Finding>,
    key: impl Fn(&Finding) -> K,
) -> Vec<(K, Vec<&'a Finding>)> {
    let mut groups: Vec<(K, Vec<&Finding>)> = Vec::new();
    for finding in findings {
        let key = key(finding);
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, group)) => group.push(finding),
            None => groups.push((key, vec![finding])),
        }
    }
    groups
}

/// What a finding is about, and what it is called below that: a unit, a profile home, a file, or the host.
fn subject(finding: &Finding) -> (String, &'static str) {
    let quoted = |path: &Path| format!("`{}`", path.display());
    match (&finding.unit, &finding.home, &finding.place) {
        (Some(unit), ..) => (unit.clone(), "this unit"),
        (None, Some(home), _) => (quoted(home), "this home"),
        (None, None, Some(place)) => (quoted(&place.file), "this file"),
        (None, None, None) => ("this host".to_owned(), "this host"),
    }
}

fn remedy(finding: &Finding) -> (&'static str, String) {
    let label = if finding.fix.is_some() { "fix" } else { "hint" };
    (label, finding.hint.clone())
}

/// Findings of one rule: its id, how bad they are, and what each is.
fn about(
    (rule, severity): (&str, Severity),
    findings: &[&Finding],
    (subject, short): (&str, &str),
    width: usize,
) -> String {
    let style = match severity {
        Severity::Error => BAD,
        Severity::Warning => CARE,
        Severity::Note => Style::new(),
    };
    let name = severity.name();
    let mut out = format!("  {rule}  {style}{name}{style:#}\n");
    for finding in findings {
        // It stands above.
        let what = finding.what.replace(subject, short);
        out += &sentence("    ", &what, 4, width);
        if let Some(place) = &finding.place {
            out += &sentence("    at  ", &at(place), 8, width);
        }
    }
    out
}

fn at(place: &Place) -> String {
    let file = visible(&place.file.to_string_lossy());
    match place.line {
        0 => file,
        line => format!("{file}:{line}: {}", place.directive),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::{Findings, Fix};

    #[test]
    fn findings_stand_below_what_they_are_about_and_nothing_is_said_twice() {
        let unit = "system unit `bot.service`".to_owned();
        let mut found = Findings::new("unknown-directive", Severity::Note);
        for key in ["RestartSteps", "RestartMaxDelaySec"] {
            let what = format!("{key} of {unit} is ignored");
            found.add(what, "systemctl edit bot.service".into()).unit = Some(unit.clone());
        }
        let mut other = Findings::new("world-readable", Severity::Error);
        let fix = Fix::Mode {
            path: "/h/.env".into(),
            mode: 0o600,
        };
        other
            .add("`/h` is open".into(), "chmod o-rwx /h".into())
            .home("/h".as_ref())
            .fix(fix);
        let mut all = found.list;
        all.extend(other.list);
        let seen = Seen {
            units: 1,
            gateways: 0,
        };
        let shown = anstream::adapter::strip_str(&text(&all, seen, 80)).to_string();
        let expected = [
            "system unit `bot.service`",
            "  unknown-directive  note",
            "    RestartSteps of this unit is ignored",
            "    RestartMaxDelaySec of this unit is ignored",
            "    hint",
            "        systemctl edit bot.service",
            "",
            "`/h`",
            "  world-readable  error",
            "    this home is open",
            "    fix",
            "        chmod o-rwx /h",
            "",
            "1 error, 0 warnings, 2 notes; 1 unit and 0 running gateways looked at",
            "why: hermes-install doctor --explain ID",
            "1 of 3 can be mended: hermes-install doctor --fix",
        ];
        assert_eq!(shown.lines().collect::<Vec<_>>(), expected);
        assert_eq!(
            text(&[], seen, 80),
            "nothing is wrong; 1 unit and 0 running gateways looked at\n"
        );
    }
}
