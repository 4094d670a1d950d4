//! `doctor`: what is wrong with this host's gateways, and with `--fix` less of it.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Result, bail};

use super::{DIFFERS, DONE};
use crate::cli::DoctorArgs;
use crate::deploy::lock::Lock;
use crate::doctor::facts::Facts;
use crate::doctor::finding::{Finding, Severity};
use crate::doctor::fix::{self, Fixer};
use crate::doctor::fix_plan;
use crate::doctor::rules::{self, rules};
use crate::error::refuse;
use crate::host::{Host, Live};
use crate::output::{self, Output};
use crate::profile::ProfileName;

/// Look, and fix where that was asked for.
pub(crate) fn doctor(args: &DoctorArgs) -> Result<u8> {
    if let Some(id) = &args.explain {
        return explain(id);
    }
    if args.list {
        for rule in rules() {
            output::print(format_args!("{:24} {}\n", rule.id, rule.severity.name()));
        }
        return Ok(DONE);
    }
    let host = Host::observer(fix::scope(), args.root.as_deref())?;
    let facts = Facts::read(&host)?;
    let findings = chosen(&facts, &args.profiles);
    if args.fix {
        let Some(live) = host.live() else {
            refuse!(
                "an image is looked at only; run `hermes-install doctor --fix` on the host that it boots on"
            );
        };
        return fix(args, &host, live, &facts, &findings);
    }
    if args.json {
        output::json(&json(&facts, &findings));
    } else {
        output::print(text(&facts, &findings));
    }
    Ok(code(&findings))
}

/// The findings about these profiles, and those that are about no profile.
fn chosen(facts: &Facts, profiles: &[ProfileName]) -> Vec<Finding> {
    let is_of = |home: &Path, profile: &ProfileName| {
        ProfileName::from_home(home).is_some_and(|(of, _)| of == *profile)
    };
    let mut findings = rules::check(facts);
    findings.retain(|f| match &f.home {
        Some(home) if !profiles.is_empty() => profiles.iter().any(|p| is_of(home, p)),
        _ => true,
    });
    findings
}

/// Notes are no reason to act.
fn code(findings: &[Finding]) -> u8 {
    match findings.iter().any(|f| f.severity != Severity::Note) {
        true => DIFFERS,
        false => DONE,
    }
}

fn explain(id: &str) -> Result<u8> {
    let Some(rule) = rules().find(|r| r.id == id) else {
        let ids: Vec<&str> = rules().map(|r| r.id).collect();
        bail!("there is no rule `{id}`; there are {}", ids.join(", "));
    };
    output::print(format_args!(
        "{} ({})\n\n{}\n\nfix     {}\nsource  {}\n",
        rule.id,
        rule.severity.name(),
        rule.about,
        rule.fix,
        rule.source
    ));
    Ok(DONE)
}

fn count(findings: &[Finding], severity: Severity) -> usize {
    findings.iter().filter(|f| f.severity == severity).count()
}

fn json(facts: &Facts, findings: &[Finding]) -> serde_json::Value {
    serde_json::json!({
        "findings": findings,
        "errors": count(findings, Severity::Error),
        "warnings": count(findings, Severity::Warning),
        "notes": count(findings, Severity::Note),
        "units": facts.inventory.units.len(),
        "gateways": facts.inventory.gateways.len(),
    })
}

fn text(facts: &Facts, findings: &[Finding]) -> String {
    let mut out = String::new();
    for finding in findings {
        let _ = writeln!(
            out,
            "{}: {} [{}]",
            finding.severity.name(),
            finding.what,
            finding.rule
        );
        if let Some(place) = &finding.place {
            let kind = if place.drop_in { "drop-in" } else { "at" };
            let line = match place.line {
                0 => String::new(),
                line => format!(":{line}: {}", place.directive),
            };
            let _ = writeln!(out, "  {kind:7} {}{line}", place.file.display());
        }
        let label = if finding.fix.is_some() { "fix" } else { "hint" };
        let _ = writeln!(out, "  {label:7} {}", finding.hint);
    }
    let several = |n: usize, what: &str| match n {
        1 => format!("1 {what}"),
        n => format!("{n} {what}s"),
    };
    let looked = format!(
        "{} and {} looked at",
        several(facts.inventory.units.len(), "unit"),
        several(facts.inventory.gateways.len(), "running gateway")
    );
    if findings.is_empty() {
        let _ = writeln!(out, "nothing is wrong; {looked}");
        return out;
    }
    let _ = writeln!(
        out,
        "{}, {}, {}; {looked}",
        several(count(findings, Severity::Error), "error"),
        several(count(findings, Severity::Warning), "warning"),
        several(count(findings, Severity::Note), "note")
    );
    out + "`hermes-install doctor --explain ID` says why, `hermes-install doctor --fix` does what is marked `fix`\n"
}

fn fix(
    args: &DoctorArgs,
    host: &Host,
    live: &Live,
    facts: &Facts,
    findings: &[Finding],
) -> Result<u8> {
    let output = Output {
        quiet: false,
        json: args.json,
    };
    let plan = fix_plan::plan(host, findings);
    for fix in &plan.fixes {
        output.step(format!("plan  {}", fix_plan::describe(fix)));
    }
    for fix in &plan.barred {
        output.warn(format!("only root can: {}", fix_plan::describe(fix)));
    }
    let mut failed = Vec::new();
    if !plan.fixes.is_empty() {
        if !args.yes {
            match output::ask("do this?") {
                Some(true) => {}
                Some(false) => refuse!("nothing was changed"),
                None => refuse!("nothing was changed; say `--yes` to have this done"),
            }
        }
        let _lock = Lock::take(&host.lock_directory())?;
        failed = Fixer::new(host, live, facts, &output)?.run(&plan.fixes);
    }
    // What is true now, seen anew.
    let facts = Facts::read(host)?;
    let left = chosen(&facts, &args.profiles);
    if args.json {
        let mut value = json(&facts, &left);
        value["plan"] = serde_json::json!(plan.fixes);
        value["failed"] = serde_json::json!(failed);
        output::json(&value);
    } else {
        output::print(text(&facts, &left));
    }
    if failed.is_empty() {
        return Ok(code(&left));
    }
    refuse!("not everything could be fixed:\n  {}", failed.join("\n  "));
}
