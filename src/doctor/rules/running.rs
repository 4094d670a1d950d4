//! Rules about gateways that do not do their work: their manager is not there or does not answer, they start again and
//! again, a signal has stopped them.

use super::{Rule, gateways};
use crate::doctor::facts::Facts;
use crate::doctor::finding::Findings;
use crate::doctor::finding::Severity::{Error, Note, Warning};
use crate::host::service_state::{Exit, ServiceState};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "manager-down",
        severity: Error,
        about: "The unit is enabled and lingering is on for its account, and the account's manager does not run: nobody runs \
                the profile, up to the next boot or login. Somebody ended all of the account's processes, or it has expired.",
        fix: "start the manager; where it does not stay, see `chage -l` and the journal of its user@.service",
        source: "loginctl(1), terminate-user; user@.service(5); chage(1), -E",
        check: manager_down,
    },
    Rule {
        id: "restarts-again",
        severity: Warning,
        about: "The unit ends soon after each start, and systemd starts it again and again: nobody speaks with the bot. Its \
                journal says why.",
        fix: "mend what the journal says; systemd tries again by itself",
        source: "systemd.service(5), Restart=; NRestarts of org.freedesktop.systemd1(5)",
        check: restarts_again,
    },
    Rule {
        id: "stopped-by-signal",
        severity: Error,
        about: "A signal has stopped the gateway (SIGSTOP; ^Z in a terminal): it has the profile, systemd takes it for active, and \
                it does nothing until another signal lets it go on.",
        fix: "let it go on (SIGCONT)",
        source: "signal(7); state T of proc_pid_stat(5)",
        check: stopped_by_signal,
    },
    Rule {
        id: "silent-manager",
        severity: Note,
        about: "A manager did not answer, or a file of its units cannot be read: what runs there is not known.",
        fix: "see why",
        source: "observed",
        check: silent,
    },
];

fn manager_down(facts: &Facts, findings: &mut Findings) {
    for (unit, _) in gateways(facts).filter(|(unit, _)| unit.is_user() && !unit.has_manager) {
        let account = &unit.manager_account;
        if unit.how().is_some() && facts.lingering.contains(&account.name) {
            let what = format!(
                "nobody runs {}: the manager of `{}` does not run, which lingering should keep up",
                unit.title(),
                account.name
            );
            let start = format!("systemctl start user@{}.service", account.uid);
            findings.add(what, start).unit(unit).at_unit(unit);
        }
    }
}

fn stopped_by_signal(facts: &Facts, findings: &mut Findings) {
    for home in facts.homes.iter() {
        if let Some((who, what, go_on)) = &home.halted {
            let what = format!("the gateway of `{}` is {what}: {who}", home.home.display());
            findings.add(what, go_on.clone()).home(&home.home);
        }
    }
}

/// So many restarts are no single crash, and no planned restart or two.
const AGAIN: u32 = 3;

fn restarts_again(facts: &Facts, findings: &mut Findings) {
    for (unit, _) in gateways(facts) {
        let home = facts.home_of(unit);
        let is_owned = home.is_some_and(|home| home.is_owned == Some(true));
        let loaded = unit.loaded.as_ref();
        let Some(state) = loaded.filter(|s| restarts(s, is_owned, facts.now)) else {
            continue;
        };
        let what = format!(
            "{} starts again and again, {} times by itself since somebody started it: {}",
            unit.title(),
            state.restarts,
            state.ending()
        );
        let hint = format!("{} -n 20", unit.manager.journal_command(&unit.name));
        findings.add(what, hint).unit(unit);
    }
}

/// Whether a unit was started again often, and has not come up since; `is_owned` says whether its home has a gateway.
fn restarts(state: &ServiceState, is_owned: bool, now: u64) -> bool {
    /// So many seconds after its start, a gateway that is still there has loaded what it needs.
    const LOADED: u64 = 60;
    let is_young = |since: u64| now.saturating_sub(since) <= LOADED;
    let is_ending = match state.active_state.as_str() {
        "active" => !is_owned && state.active_since.is_some_and(is_young),
        _ => state.is_started(),
    };
    // 75 is a restart that was asked for.
    state.restarts >= AGAIN && is_ending && state.exit != Some(Exit::Status(75))
}

fn silent(facts: &Facts, findings: &mut Findings) {
    for silent in &facts.inventory.silent {
        let who = &silent.account.name;
        findings.add(
            format!("a manager of `{who}` did not answer: {}", silent.why),
            "loginctl list-users".to_owned(),
        );
    }
    for file in &facts.inventory.unread {
        findings.add(
            format!(
                "what runs as `{}` is not known: {}",
                file.account.name, file.why
            ),
            "see why it cannot be read".to_owned(),
        );
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::doctor::facts::homes::{HomeFacts, Homes};
    use crate::doctor::facts::units::UnitFacts;
    use crate::doctor::finding::Finding;
    use crate::doctor::rules::check;
    use crate::host::Host;
    use crate::host::account::Account;
    use crate::host::systemctl::Manager;
    use crate::layout::Scope;
    use crate::units::inventory::Inventory;
    use crate::units::unit::Unit;

    /// What is found of an enabled unit that was changed so, at second 1000.
    fn found(change: impl Fn(&mut Unit)) -> Vec<Finding> {
        let top = tempfile::tempdir().expect("a directory");
        let place = top.path().join("etc/systemd/system");
        let wants = place.join("multi-user.target.wants");
        fs::create_dir_all(&wants).expect("made");
        let unit = "[Service]\nExecStart=/opt/hermes -p default gateway run\n";
        fs::write(place.join("bot.service"), unit).expect("written");
        std::os::unix::fs::symlink("../bot.service", wants.join("bot.service")).expect("linked");
        let host = Host::observer(Scope::System, Some(top.path())).expect("a host");
        let mut inventory = Inventory::of_own_manager(&host);
        change(&mut inventory.units[0]);
        let facts = Facts {
            inventory,
            units: vec![UnitFacts::default()],
            lingering: ["alice".to_owned()].into(),
            now: 1000,
            ..Facts::default()
        };
        let mut found = check(&facts);
        found.retain(|f| RULES.iter().any(|rule| rule.id == f.rule));
        found
    }

    #[test]
    fn a_unit_of_a_lingering_account_without_a_manager_is_found() {
        let of = |name: &str, has_manager| {
            found(|unit| {
                unit.manager = Manager::UserOf(name.to_owned());
                unit.manager_account = Account {
                    name: name.to_owned(),
                    uid: 1000,
                    ..Account::root()
                };
                unit.has_manager = has_manager;
            })
        };
        let [down] = &of("alice", false)[..] else {
            panic!("one finding");
        };
        assert_eq!((down.rule, down.severity), ("manager-down", Error));
        assert!(down.what.contains("the manager of `alice` does not run"));
        assert_eq!(down.hint, "systemctl start user@1000.service");
        assert_eq!(of("alice", true).len(), 0);
        assert_eq!(of("bob", false).len(), 0, "it ends at logout");
    }

    #[test]
    fn a_unit_that_is_started_again_and_again_is_found_and_one_that_came_up_is_not() {
        let of = |state: &str| {
            found(|unit| unit.loaded = ServiceState::parse_all(state).pop())
                .into_iter()
                .map(|f| (f.what, f.hint))
                .collect::<Vec<_>>()
        };
        let waits = "ActiveState=activating\nSubState=auto-restart\nResult=exit-code\nNRestarts=7\nExecMainCode=1\n";
        let [(what, hint)] = &of(&format!("{waits}ExecMainStatus=216"))[..] else {
            panic!("one finding");
        };
        assert!(what.contains("7 times by itself") && what.contains("exit status 216, systemd"));
        assert_eq!(hint, "journalctl -u bot.service -n 20");
        assert_eq!(of(&format!("{waits}ExecMainStatus=75")).len(), 0, "planned");
        for (state, is_found) in [
            (
                "ActiveState=activating\nSubState=start-pre\nNRestarts=3",
                true,
            ),
            (
                "ActiveState=activating\nSubState=start-pre\nNRestarts=2",
                false,
            ),
            (
                "ActiveState=active\nNRestarts=9\nActiveEnterTimestamp=@990",
                true,
            ),
            (
                "ActiveState=active\nNRestarts=9\nActiveEnterTimestamp=@900",
                false,
            ),
            ("ActiveState=failed\nNRestarts=9", false),
            ("ActiveState=deactivating\nNRestarts=9", false),
        ] {
            assert_eq!(of(state).len(), usize::from(is_found), "{state}");
        }
    }

    #[test]
    fn a_gateway_that_a_signal_has_stopped_is_found() {
        let facts = Facts {
            homes: Homes::new(vec![HomeFacts {
                home: "/srv/h".into(),
                halted: Some(("pid 7".into(), "stopped by a signal", "kill -CONT 7".into())),
                ..HomeFacts::default()
            }]),
            ..Facts::default()
        };
        let [found] = &check(&facts)[..] else {
            panic!("one finding");
        };
        let said = (found.rule, &*found.what, &*found.hint);
        let what = "the gateway of `/srv/h` is stopped by a signal: pid 7";
        assert_eq!(said, ("stopped-by-signal", what, "kill -CONT 7"));
    }
}
