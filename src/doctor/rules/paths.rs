//! Rules about what a unit needs of the file system.

use std::cell::OnceCell;
use std::path::Path;

use super::{Rule, edit, gateways, install, installer, profile};
use crate::doctor::facts::Facts;
use crate::doctor::facts::units::Need;
use crate::doctor::finding::Findings;
use crate::doctor::finding::Severity::{Error, Note, Warning};
use crate::host::access::Obstacle;
use crate::host::ownership::opening;
use crate::host::process::shell_quote;
use crate::host::process_text::as_account;
use crate::layout::{PACKAGED_LAUNCHER, hidden_by_protect_home};
use crate::units::origin::Origin;
use crate::units::unit::Unit;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "program-gone",
        severity: Error,
        about: "The program that the unit starts, or the interpreter of its virtual environment, does not exist: the unit \
                fails with 203/EXEC, and with Restart=always for ever. Upgrades of Python and moved checkouts do that.",
        fix: "make the environment anew, or name the hermes that exists",
        source: "systemd.exec(5), 203/EXEC",
        check: program_gone,
    },
    Rule {
        id: "directory-gone",
        severity: Error,
        about: "WorkingDirectory= does not exist: the unit fails with 200/CHDIR before its gateway starts.",
        fix: "create it, or name one that exists",
        source: "systemd.exec(5), WorkingDirectory=",
        check: directory_gone,
    },
    Rule {
        id: "not-reachable",
        severity: Error,
        about: "The account of User= may not go to the program or the working directory of the unit, or may not work in the \
                profile home.",
        fix: "keep the program where that account can run it, such as an environment under /opt; open the home to its account",
        source: "systemd.exec(5), User=",
        check: not_reachable,
    },
    Rule {
        id: "account-gone",
        severity: Error,
        about: "User= names an account that does not exist: the unit fails with 217/USER.",
        fix: "create the account, or name another",
        source: "systemd.exec(5), User=",
        check: account_gone,
    },
    Rule {
        id: "code-in-home",
        severity: Warning,
        about: "A system unit starts a program under /home, /root or /run/user. SELinux forbids that in enforcing mode \
                (203/EXEC), and whoever may write there decides what the service runs.",
        fix: "install hermes-agent outside of homes, such as an environment under /opt",
        source: "systemd.exec(5), ProtectHome=; init_t may not execute user_home_t",
        check: code_in_home,
    },
];

fn program_gone(facts: &Facts, findings: &mut Findings) {
    for (unit, known) in gateways(facts) {
        // One that does not run says it itself when it is started.
        if known.finds_no_hermes && unit.activity() == Some("active") {
            let what = format!(
                "{} runs, and there is no hermes any more at the places where its next start looks",
                unit.title()
            );
            let hint = installer(unit, &format!("--profile {} --hermes PATH", profile(unit)));
            findings.add(what, hint).unit(unit);
        }
        let is_gone = |p: &&Need| p.reach.obstacle == Some(Obstacle::Missing);
        // A unit of another account's can have as many commands as it likes.
        let hint = OnceCell::new();
        for program in known.programs.iter().filter(is_gone) {
            let what = format!(
                "{} starts `{}`, which does not exist",
                unit.title(),
                program.reach.path.display()
            );
            let others = || match unit.origin {
                Origin::Upstream => install(facts, unit),
                Origin::Ours | Origin::Other => edit(unit),
            };
            let hint = match unit.origin {
                Origin::Ours => own_program_gone(unit, program),
                Origin::Upstream | Origin::Other => hint.get_or_init(others).clone(),
            };
            let finding = findings.add(what, hint);
            finding.unit(unit).at(unit, &program.line);
        }
    }
}

/// What helps where a program of a unit of ours is gone. What was chosen is forgotten only where it is what is gone.
fn own_program_gone(unit: &Unit, program: &Need) -> String {
    let path = &program.reach.path;
    let words = program.line.command();
    if words
        .first()
        .is_some_and(|launcher| Path::new(launcher) == path)
    {
        return match path == Path::new(PACKAGED_LAUNCHER) {
            true => "install the package hermes-gateway again".to_owned(),
            false => installer(unit, "upgrade"),
        };
    }
    let value = program.line.value.trim_end_matches('"');
    let is_chosen = value.ends_with(&*path.to_string_lossy());
    let profile = profile(unit);
    match is_chosen {
        true => installer(unit, &format!("--profile {profile} --reset hermes")),
        // The interpreter of an environment.
        false => format!(
            "make its environment anew, or {}",
            installer(unit, &format!("--profile {profile} --hermes PATH"))
        ),
    }
}

fn directory_gone(facts: &Facts, findings: &mut Findings) {
    for (unit, known) in gateways(facts) {
        let Some(directory) = &known.directory else {
            continue;
        };
        if directory.reach.obstacle == Some(Obstacle::Missing)
            && !directory.line.value.starts_with('-')
        {
            let what = format!(
                "{} works in `{}`, which does not exist",
                unit.title(),
                directory.reach.path.display()
            );
            findings
                .add(what, edit(unit))
                .unit(unit)
                .at(unit, &directory.line);
        }
    }
}

fn not_reachable(facts: &Facts, findings: &mut Findings) {
    for (unit, known) in gateways(facts) {
        let mut report = |need: &Need| {
            if let Some(Obstacle::Denied(way)) = &need.reach.obstacle {
                let account = &need.account;
                let what = format!(
                    "{} needs `{}`, and `{account}` is stopped at `{}`",
                    unit.title(),
                    need.reach.path.display(),
                    way.display()
                );
                let path = need.reach.path.display().to_string();
                let test = as_account(account, &shell_quote(&["test", "-x", &path]));
                let hint = format!("{test} && echo ok");
                findings.add(what, hint).unit(unit).at(unit, &need.line);
            }
        };
        known.programs.iter().for_each(&mut report);
        known.directory.iter().for_each(&mut report);
        for home in &known.shut {
            let (Some(account), shown) = (&unit.account, home.display().to_string()) else {
                continue;
            };
            let what = format!(
                "{} needs `{shown}`, and `{}` cannot work there",
                unit.title(),
                account.name
            );
            let own = facts
                .homes
                .get(home)
                .filter(|known| known.uid == account.uid);
            let hint = match own.is_some() {
                true => opening(account.uid, home),
                false => shell_quote(&["ls", "-ld", &shown]),
            };
            findings.add(what, hint).unit(unit).home(home);
        }
    }
}

fn account_gone(facts: &Facts, findings: &mut Findings) {
    for unit in facts
        .inventory
        .units
        .iter()
        .filter(|u| u.account.is_none() && !u.is_masked)
    {
        let line = unit.directives.last("Service", "User");
        let Some(line) = line.filter(|_| !unit.is_dynamic()) else {
            continue;
        };
        let what = format!(
            "{} runs as `{}`, and there is no such account",
            unit.title(),
            line.value
        );
        findings.add(what, edit(unit)).unit(unit).at(unit, line);
    }
}

fn code_in_home(facts: &Facts, findings: &mut Findings) {
    for (unit, known) in gateways(facts).filter(|(unit, _)| !unit.is_user()) {
        let program = known.programs.iter().find(|p| {
            hidden_by_protect_home(&p.reach.path) || hidden_by_protect_home(&p.reach.real)
        });
        if let Some(program) = program.filter(|p| p.reach.obstacle != Some(Obstacle::Missing)) {
            let what = format!(
                "{} starts `{}`, which is in a home",
                unit.title(),
                program.reach.path.display()
            );
            let finding = findings.add(
                what,
                "python3 -m venv /opt/hermes && /opt/hermes/bin/pip install hermes-agent"
                    .to_owned(),
            );
            finding.unit(unit).at(unit, &program.line);
            if !facts.is_selinux_enforcing {
                finding.at_most(Note);
            }
        }
    }
}
