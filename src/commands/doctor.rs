//! `doctor`: what is wrong with this host's gateways, and with `--fix` less of it.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Result, bail};

use crate::cli::DoctorArgs;
use crate::commands::findings::{self, Seen};
use crate::commands::json;
use crate::commands::page::{entry, width};
use crate::deploy::interrupt::Hold;
use crate::deploy::lock::Lock;
use crate::doctor::facts::Facts;
use crate::doctor::finding::{Finding, Severity};
use crate::doctor::fix::Fixer;
use crate::doctor::fix_plan;
use crate::doctor::rules::{self, rules};
use crate::error::{Exit, failed, refuse};
use crate::host::{Host, Live};
use crate::output;
use crate::profile::ProfileName;
use crate::units::unit::Unit;

/// Look, and fix where that was asked for.
pub(crate) fn doctor(args: &DoctorArgs) -> Result<Exit> {
    if let Some(id) = &args.explain {
        return explain(id, args.output.json);
    }
    if args.list {
        list(args.output.json);
        return Ok(Exit::Done);
    }
    let (scope, root) = (args.scope.scope(), args.scope.root.as_deref());
    let host = if args.fix {
        Host::new(scope, root)?
    } else {
        Host::observer(scope, root)?
    };
    let facts = Facts::read(&host);
    let findings = chosen(&facts, args);
    if args.fix {
        let Some(live) = host.live() else {
            refuse!(
                "an image is looked at only; run `hermes-install doctor --fix` on the host that it boots on"
            );
        };
        return fix(args, &host, live, &facts, &findings);
    }
    if args.output.json {
        output::json(&checked(&facts, &findings));
    } else if !args.output.quiet {
        print(&facts, &findings);
    }
    Ok(code(&findings))
}

/// The findings about these profiles and managers, and those that are about none.
fn chosen(facts: &Facts, args: &DoctorArgs) -> Vec<Finding> {
    let is_of = |home: &Path, profile: &ProfileName| {
        ProfileName::from_home(home).is_some_and(|(of, _)| of == *profile)
    };
    let is_meant = |unit: &&Unit| match (args.scope.system, args.scope.user) {
        (true, _) => !unit.is_user(),
        (_, true) => unit.is_user(),
        _ => true,
    };
    let units = facts.inventory.units.iter().filter(is_meant);
    let meant: BTreeSet<String> = units.map(Unit::title).collect();
    let mut findings = rules::check(facts);
    findings.retain(|f| match &f.home {
        Some(home) if !args.profiles.is_empty() => args.profiles.iter().any(|p| is_of(home, p)),
        _ => true,
    });
    findings.retain(|f| f.unit.as_ref().is_none_or(|unit| meant.contains(unit)));
    findings
}

/// Notes are no reason to act.
fn code(findings: &[Finding]) -> Exit {
    if findings.iter().any(|f| f.severity != Severity::Note) {
        Exit::Differs
    } else {
        Exit::Done
    }
}

/// Every rule: its id, its severity and the first sentence about it.
fn list(is_json: bool) {
    if is_json {
        let rules = rules().collect();
        return output::json(&json::Rules { rules });
    }
    for rule in rules() {
        let severity = rule.severity.name();
        output::print(format_args!(
            "{:24} {severity:8} {}\n",
            rule.id,
            rule.summary()
        ));
    }
}

fn explain(id: &str, is_json: bool) -> Result<Exit> {
    let Some(rule) = rules().find(|r| r.id == id) else {
        let ids: Vec<&str> = rules().map(|r| r.id).collect();
        bail!("there is no rule `{id}`; there are {}", ids.join(", "));
    };
    if is_json {
        output::json(rule);
        return Ok(Exit::Done);
    }
    output::print(format_args!(
        "{} ({})\n\n{}\n{}{}",
        rule.id,
        rule.severity.name(),
        entry("", rule.about),
        entry("fix     ", rule.fix),
        entry("source  ", rule.source)
    ));
    Ok(Exit::Done)
}

fn count(findings: &[Finding], severity: Severity) -> usize {
    findings.iter().filter(|f| f.severity == severity).count()
}

fn checked<'a>(facts: &Facts, findings: &'a [Finding]) -> json::Checked<'a> {
    json::Checked {
        findings,
        errors: count(findings, Severity::Error),
        warnings: count(findings, Severity::Warning),
        notes: count(findings, Severity::Note),
        units: facts.inventory.units.len(),
        gateways: facts.inventory.gateways.len(),
        plan: None,
        failed: None,
    }
}

fn print(facts: &Facts, findings: &[Finding]) {
    let seen = Seen {
        units: facts.inventory.units.len(),
        gateways: facts.inventory.gateways.len(),
    };
    output::styled(findings::text(findings, seen, width()));
}

fn fix(
    args: &DoctorArgs,
    host: &Host,
    live: &Live,
    facts: &Facts,
    findings: &[Finding],
) -> Result<Exit> {
    let output = args.output.printer();
    let plan = fix_plan::plan(host, findings);
    for fix in &plan.fixes {
        output.step(format!("plan  {}", fix_plan::describe(fix)));
    }
    for fix in &plan.barred {
        output.warn(format!("only root can: {}", fix_plan::describe(fix)));
    }
    let mut failed = Vec::new();
    if plan.fixes.is_empty() {
        if !findings.is_empty() {
            output.step("nothing was changed: what is found here is for a person to mend, and each finding says how");
        }
    } else {
        if !args.yes {
            match output::ask("do this?") {
                Some(true) => {}
                Some(false) => refuse!("nothing was changed"),
                None => {
                    refuse!("nothing was changed: there is no terminal to ask"; "`--yes` agrees")
                }
            }
        }
        let _lock = Lock::take(host, args.wait.limit())?;
        // A unit that was stopped for another would stay so.
        let _hold = Hold::begin(false);
        failed = Fixer::new(host, live, facts, &output)?.run(&plan.fixes);
    }
    // What is true now, seen anew.
    let facts = Facts::read(host);
    let left = chosen(&facts, args);
    if output.json {
        output::json(&json::Checked {
            plan: Some(&plan.fixes),
            failed: Some(&failed),
            ..checked(&facts, &left)
        });
    } else if !output.quiet {
        print(&facts, &left);
    }
    if failed.is_empty() {
        return Ok(code(&left));
    }
    if output.json {
        // They are in the object; an error would be a second one.
        return Ok(Exit::Differs);
    }
    failed!("not everything could be fixed:\n  {}", failed.join("\n  "));
}
