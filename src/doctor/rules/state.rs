//! Rules about how things stand: loaded texts, lingering, profiles that are gone, platforms.

use crate::doctor::finding::Severity::{Error, Note, Warning};

use super::owners::start_after;
use super::{Rule, gateways, installer};
use crate::doctor::facts::{Facts, GatewayFacts};
use crate::doctor::finding::{Findings, Fix};
use crate::gateway::gone::Gone;
use crate::gateway::version::Rules;
use crate::host::service_state::Exit;
use crate::profile::ProfileName;
use crate::units::origin::Origin;
use crate::units::unit::Unit;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "not-reloaded",
        severity: Warning,
        about: "The unit's files changed and its manager has not read them: it runs by the old text until the next reload \
                or boot, and then by another.",
        fix: "daemon-reload",
        source: "systemctl(1), daemon-reload; NeedDaemonReload",
        check: not_reloaded,
    },
    Rule {
        id: "hermes-changed",
        severity: Warning,
        about: "hermes on disk is newer than what runs: a gateway goes on with the code that it started with, over files of \
                another version, and fails at the first module that it loads late. `hermes update` of 0.20.4 to 0.21.3 \
                restarts no unit called `hermes-gateway@…`. Or it is a version that needs more of its unit: 0.16 and 0.17 \
                end a planned restart with exit status 0, which looks like a takeover.",
        fix: "`hermes-install restart --outdated`, or a reload: both let it finish its turns first; install the profile again \
              where its unit lacks something",
        source: "hermes-agent #88654; hermes_cli/update_cmd.py of 0.20.4 to 0.22.2",
        check: hermes_changed,
    },
    Rule {
        id: "profile-gone",
        severity: Warning,
        about: "The unit is for a profile that is gone, renamed or deleted by hermes, which knows nothing of it: it fails at \
                every boot. The profile has a new name and no unit, or nobody needs the unit any more.",
        fix: "remove the unit; install the profile under its new name",
        source: "hermes profile rename, hermes profile delete (hermes_cli/profiles.py)",
        check: profile_gone,
    },
    Rule {
        id: "unit-failed",
        severity: Error,
        about: "The unit failed and systemd does not start it again: nobody runs the profile. Its journal says why.",
        fix: "mend what the journal says, and start it",
        source: "systemd.service(5), RestartPreventExitStatus=; exit status 69 and 78 of hermes-install(1)",
        check: unit_failed,
    },
    Rule {
        id: "no-platform",
        severity: Warning,
        about: "The gateway runs and does not speak on a platform that it is configured for: nobody can reach the bot there. \
                Most often the platform's library is missing, and hermes could not install it; or its token is missing or a \
                placeholder, and hermes did not start it.",
        fix: "install the library, let hermes reach a package index, or set the token, and restart the gateway",
        source: "gateway/run.py of 0.13 to 0.21, `No adapter available for`; gateway/run_startup.py and gateway/config.py of 0.22",
        check: no_platform,
    },
    Rule {
        id: "drifted",
        severity: Warning,
        about: "A file that hermes-install wrote was edited or removed, a run of it was cut short, or its receipt cannot be \
                read: upgrades stop at it, and what it promised may no longer hold.",
        fix: "move the edit into a drop-in of your own, then `upgrade --force`, which keeps a backup",
        source: "the receipt of hermes-install",
        check: drifted,
    },
    Rule {
        id: "masked",
        severity: Note,
        about: "The unit is masked: nothing can start it.",
        fix: "unmask it if it may run again",
        source: "systemctl(1), mask",
        check: masked,
    },
    Rule {
        id: "linger-off",
        severity: Warning,
        about: "Lingering is off: the user's manager, and the gateway with it, ends at logout and does not start at boot.",
        fix: "enable lingering, or use a system unit",
        source: "loginctl(1), enable-linger",
        check: linger_off,
    },
];

fn not_reloaded(facts: &Facts, findings: &mut Findings) {
    for unit in facts.inventory.units.iter().filter(|u| u.is_stale()) {
        let what = format!(
            "the files of {} changed and its manager has not read them",
            unit.title()
        );
        let hint = format!("{} daemon-reload", unit.manager.command_prefix());
        findings
            .add(what, hint)
            .unit(unit)
            .at_unit(unit)
            .fix(Fix::Reload { unit: unit.id() });
    }
}

fn hermes_changed(facts: &Facts, findings: &mut Findings) {
    for home in facts.homes.iter() {
        if let Some(outdated) = &home.outdated {
            let what = format!(
                "hermes changed on disk after the gateway of `{}` had started: {}",
                home.home.display(),
                outdated.who
            );
            findings
                .add(what, outdated.restart.clone())
                .home(&home.home);
        }
    }
    for (unit, about) in gateways(facts) {
        let exits_zero = about
            .version
            .is_some_and(|version| Rules::of(Some(version)).planned_restart == 0);
        let mut after = unit.directives.list("Service", "ExecStopPost").into_iter();
        let is_told = after.any(|line| line.words().iter().any(|word| word == "post-stop"));
        let (Some(profile), true) = (profile_of_ours(unit), exits_zero && !is_told) else {
            continue;
        };
        let what = format!(
            "{} was installed for another version of hermes than {} on disk: after a planned restart nobody starts it again",
            unit.title(),
            about
                .version
                .map(|version| version.to_string())
                .unwrap_or_default()
        );
        let hint = installer(unit, &format!("--profile {profile}"));
        findings.add(what, hint).unit(unit).at_unit(unit);
    }
}

/// The profile of a unit that hermes-install made.
fn profile_of_ours(unit: &Unit) -> Option<ProfileName> {
    let home = unit.home().filter(|_| unit.origin == Origin::Ours)?;
    Some(ProfileName::from_home(home)?.0)
}

fn profile_gone(facts: &Facts, findings: &mut Findings) {
    for (unit, _) in gateways(facts) {
        let Some(home) = facts.home_of(unit) else {
            continue;
        };
        let became = match &home.gone {
            None => continue,
            Some(Gone::Deleted) => "; hermes deleted it".to_owned(),
            Some(Gone::Renamed(name)) => format!("; it is called `{name}` now"),
            Some(Gone::Unknown) => String::new(),
        };
        let name = ProfileName::from_home(&home.home).map(|(name, _)| name.to_string());
        let name = name.unwrap_or_default();
        let hint = match unit.origin {
            Origin::Ours => installer(unit, &format!("uninstall --profile {name}")),
            _ => unit.disable_command(),
        };
        let what = format!(
            "{} is for profile `{name}`, which is gone: there is no `{}`{became}",
            unit.title(),
            home.home.display()
        );
        findings.add(what, hint).unit(unit).at_unit(unit);
    }
}

fn unit_failed(facts: &Facts, findings: &mut Findings) {
    for (unit, _) in gateways(facts) {
        let loaded = unit.loaded.as_ref();
        let Some(failed) = loaded.filter(|state| state.has_failed()) else {
            continue;
        };
        let home = facts.home_of(unit);
        // Rules of their own say it better.
        if failed.result == "start-limit-hit" || home.is_some_and(|home| home.gone.is_some()) {
            continue;
        }
        let what = format!("{} failed: {}", unit.title(), failed.ending());
        // It declined beside another gateway: its journal says no more.
        let start = (failed.exit == Some(Exit::Status(69)) && unit.is_kept_safe())
            .then(|| start_command(facts, unit))
            .flatten();
        let journal = || format!("{} -n 20", unit.manager.journal_command(&unit.name));
        let hint = start.unwrap_or_else(journal);
        let finding = findings.add(what, hint).unit(unit);
        // The profile has a gateway, another one.
        if home.is_some_and(|home| home.is_owned == Some(true)) {
            finding.at_most(Warning);
        }
    }
}

/// What starts a unit whose profile nobody has, or somebody who was started by hand.
fn start_command(facts: &Facts, unit: &Unit) -> Option<String> {
    let home = facts.home_of(unit)?;
    let is_of_home = |gateway: &&GatewayFacts| facts.known_as(&gateway.home) == home.home;
    match facts.gateways.iter().find(is_of_home) {
        Some(gateway) => start_after(gateway, unit),
        None => (home.is_owned != Some(true)).then(|| unit.command("start")),
    }
}

fn no_platform(facts: &Facts, findings: &mut Findings) {
    for home in facts.homes.iter() {
        if let Some(mute) = &home.mute {
            let what = format!(
                "the gateway of `{}` cannot speak on {}: {}; {}",
                home.home.display(),
                mute.platforms.join(", "),
                mute.why,
                mute.who
            );
            findings.add(what, mute.way_out.clone()).home(&home.home);
        }
    }
}

fn drifted(facts: &Facts, findings: &mut Findings) {
    for drift in &facts.drift {
        findings.add(drift.what.clone(), drift.hint.clone());
    }
}

fn masked(facts: &Facts, findings: &mut Findings) {
    for unit in facts.inventory.units.iter().filter(|u| u.is_masked) {
        findings
            .add(
                format!("{} is masked", unit.title()),
                unit.command("unmask"),
            )
            .unit(unit);
    }
}

fn linger_off(facts: &Facts, findings: &mut Findings) {
    for (unit, _) in gateways(facts).filter(|(unit, _)| unit.is_user()) {
        let name = &unit.manager_account.name;
        if unit.how().is_some() && !facts.lingering.contains(name) {
            let what = format!(
                "{} ends when `{name}` logs out, and does not start at boot",
                unit.title()
            );
            let finding = findings.add(what, format!("loginctl enable-linger {name}"));
            finding.unit(unit).fix(Fix::Linger {
                account: name.clone(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::doctor::finding::Finding;
    use crate::doctor::rules::check;
    use crate::host::Host;
    use crate::host::service_state::ServiceState;
    use crate::layout::{GUARD, Scope};

    #[test]
    fn a_unit_under_the_guard_that_declined_is_started_once_the_other_gateway_has_gone() {
        let top = tempfile::tempdir().expect("a directory");
        let place = top.path().join("etc/systemd/system");
        let (unit, guard) = ("hermes-gateway.service", "hermes-gateway.service.d");
        fs::create_dir_all(place.join(guard)).expect("made");
        let text = "[Service]\nEnvironment=HERMES_HOME=/var/lib/hermes\nExecStart=/opt/hermes gateway run\n";
        fs::write(place.join(unit), text).expect("written");
        let text = "[Service]\nExecStart=\nExecStart=/usr/bin/hermes-install exec --unit %n\n";
        fs::write(place.join(guard).join(GUARD), text).expect("written");
        let host = Host::observer(Scope::System, Some(top.path())).expect("a host");
        let mut facts = Facts::read(&host);
        let state = "ActiveState=failed\nResult=exit-code\nExecMainCode=1\nExecMainStatus=69";
        facts.inventory.units[0].loaded = ServiceState::parse_all(state).pop();
        let hint = |facts: &Facts| {
            let is_it = |found: &Finding| found.rule == "unit-failed";
            check(facts).into_iter().find(is_it).expect("found").hint
        };
        assert_eq!(hint(&facts), format!("systemctl start {unit}"));
        facts.gateways.push(GatewayFacts {
            title: "pid 7".into(),
            home: "/var/lib/hermes".into(),
            service: None,
            stop_command: "kill -INT 7".into(),
            is_by_hand: true,
            keeper: None,
        });
        let both = format!("`kill -INT 7`, and when it has ended: `systemctl start {unit}`");
        assert_eq!(hint(&facts), both);
        facts.inventory.units[0].is_wanted = true;
        let is_it = |found: &Finding| found.rule == "duplicate-owners";
        let found = check(&facts).into_iter().find(is_it).expect("found");
        assert_eq!(found.hint, both);
        facts.gateways[0].is_by_hand = false;
        let journal = format!("journalctl -u {unit} -n 20");
        assert_eq!(hint(&facts), journal, "another service has it");
        facts.gateways.clear();
        let crashed = state.replace("69", "1");
        facts.inventory.units[0].loaded = ServiceState::parse_all(&crashed).pop();
        assert_eq!(hint(&facts), journal);
    }
}
