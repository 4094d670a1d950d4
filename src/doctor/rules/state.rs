//! Rules about how things stand: loaded texts, lingering, files that a dead gateway left.

use crate::doctor::finding::Severity::{Error, Note, Warning};
use std::path::{Path, PathBuf};

use super::{Rule, gateways};
use crate::doctor::facts::Facts;
use crate::doctor::facts::homes::{HomeFacts, MARKER_LIFE, MARKERS};
use crate::doctor::finding::{Findings, Fix};
use crate::gateway::gone::Gone;
use crate::gateway::owner::{GATEWAY_LOCK, PID};
use crate::host::process::shell_quote;
use crate::launcher::lock::RECORD_LOCK;
use crate::profile::ProfileName;
use crate::units::unit::Origin;

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
                restarts no unit called `hermes-gateway@…`.",
        fix: "`hermes-install restart --outdated`, or a reload: both let it finish its turns first",
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
        about: "The gateway runs and has no adapter for a platform that it is configured for: nobody can speak with the bot \
                there. Most often the platform's library is missing, and hermes could not install it.",
        fix: "install the library, or let hermes reach a package index, and restart the gateway",
        source: "gateway/run.py of 0.13 to 0.21, `No adapter available for`; gateway/run_startup.py of 0.22",
        check: no_platform,
    },
    Rule {
        id: "drifted",
        severity: Warning,
        about: "A file that hermes-install wrote was edited or removed: upgrades stop at it, and what it promised may no \
                longer hold.",
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
    Rule {
        id: "stale-files",
        severity: Note,
        about: "Files of a gateway that is gone: a PID file after a kill, a marker that nobody took away. A reused PID can \
                make them look alive; gateways of 0.15 end at a planned-stop marker that names another.",
        fix: "remove them while no gateway runs",
        source: "gateway/status.py; hermes-agent #34597",
        check: stale,
    },
    Rule {
        id: "foreign-files",
        severity: Error,
        about: "Files in the profile home belong to another account, root's most often, after a `sudo hermes …`. A lock file \
                that the gateway cannot open ends every start with a traceback.",
        fix: "give them to the account that the home belongs to",
        source: "PermissionError on gateway.lock in 0.13.0 to 0.19.0",
        check: foreign,
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
    for home in facts.homes.values() {
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
            Origin::Ours if unit.is_user() => {
                format!("hermes-install uninstall --user --profile {name}")
            }
            Origin::Ours => format!("hermes-install uninstall --profile {name}"),
            _ => format!(
                "{} disable --now {}",
                unit.manager.command_prefix(),
                unit.name
            ),
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
        let Some(failed) = loaded.filter(|state| state.active_state == "failed") else {
            continue;
        };
        let home = facts.home_of(unit);
        // Rules of their own say it better.
        if failed.result == "start-limit-hit" || home.is_some_and(|home| home.gone.is_some()) {
            continue;
        }
        let what = format!("{} failed: {}", unit.title(), failed.ending());
        let hint = format!("{} -n 20", unit.manager.journal_command(&unit.name));
        let finding = findings.add(what, hint).unit(unit);
        // The profile has a gateway, another one.
        if home.is_some_and(|home| home.is_owned == Some(true)) {
            finding.at_most(Warning);
        }
    }
}

fn no_platform(facts: &Facts, findings: &mut Findings) {
    for home in facts.homes.values() {
        if let Some(mute) = &home.mute {
            let what = format!(
                "the gateway of `{}` cannot speak on {}: hermes has no adapter for it; {}",
                home.home.display(),
                mute.platforms.join(", "),
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
        let hint = format!("{} unmask {}", unit.manager.command_prefix(), unit.name);
        findings
            .add(format!("{} is masked", unit.title()), hint)
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

fn stale(facts: &Facts, findings: &mut Findings) {
    for known in facts.homes.values().filter(|h| h.is_owned == Some(false)) {
        let is_marker = |name: &str| MARKERS.contains(&name);
        let left = known.stale.iter().filter(|left| {
            let name = left
                .path
                .file_name()
                .and_then(|n| n.to_str())
                .unwrap_or_default();
            name == PID || (is_marker(name) && left.age > MARKER_LIFE)
        });
        let paths: Vec<_> = left.map(|left| left.path.clone()).collect();
        if paths.is_empty() {
            continue;
        }
        let list: Vec<String> = paths.iter().map(|p| format!("`{}`", p.display())).collect();
        let what = format!("{} of a gateway that is gone", list.join(" and "));
        let has_marker = paths.iter().any(|p| !p.ends_with(PID));
        let command = [vec!["rm".to_owned()], shown(&paths)].concat();
        let finding = findings.add(what, shell_quote(&command));
        finding.home(&known.home).fix(Fix::Remove {
            home: known.home.clone(),
            paths,
        });
        if has_marker {
            finding.severity = Warning;
        }
    }
}

fn foreign(facts: &Facts, findings: &mut Findings) {
    for known in facts.homes.values() {
        // A home that belongs to root is root's own business; a shared one has writable files of many.
        let barred = known.foreign.iter().filter(|file| !file.is_writable);
        let paths: Vec<_> = barred.clone().map(|file| file.path.clone()).collect();
        let Some(first) = barred.clone().next().filter(|_| known.uid != 0) else {
            continue;
        };
        let list: Vec<String> = paths
            .iter()
            .take(5)
            .map(|p| format!("`{}`", p.display()))
            .collect();
        let more = match paths.len() {
            0..=5 => String::new(),
            n => format!(" and {} more", n - 5),
        };
        let to = &known.account;
        let what = format!(
            "{}{more} in a home of `{to}` belong to `{}`",
            list.join(", "),
            first.account
        );
        // The rest may have been moved here from anywhere: a person looks at it.
        let given: Vec<_> = barred
            .filter(|file| file.is_gateways)
            .map(|file| file.path.clone())
            .collect();
        let hint = match given.is_empty() {
            true => vec!["ls".into(), "-la".into(), known.home.display().to_string()],
            false => [vec!["chown".into(), "-h".into(), to.clone()], shown(&given)].concat(),
        };
        let finding = findings.add(what, shell_quote(&hint));
        finding.home(&known.home);
        if !is_in_the_way(known) {
            finding.at_most(Warning);
        }
        if !given.is_empty() {
            finding.fix(Fix::Owner {
                home: known.home.clone(),
                paths: given,
                account: to.clone(),
                uid: known.uid,
            });
        }
    }
}

fn shown(paths: &[PathBuf]) -> Vec<String> {
    paths.iter().map(|p| p.display().to_string()).collect()
}

/// A lock that the gateway cannot open keeps it from starting.
fn is_in_the_way(home: &HomeFacts) -> bool {
    let locks = [GATEWAY_LOCK, RECORD_LOCK];
    let is_lock = |path: &Path| locks.iter().any(|lock| path.ends_with(lock));
    let mut barred = home.foreign.iter().filter(|file| !file.is_writable);
    barred.any(|file| is_lock(&file.path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    use crate::doctor::facts::homes::{ForeignFile, Leftover};
    use crate::doctor::rules::check;

    fn facts(home: HomeFacts) -> Facts {
        Facts {
            homes: BTreeMap::from([(
                "/srv/h".into(),
                HomeFacts {
                    home: "/srv/h".into(),
                    uid: 1000,
                    ..home
                },
            )]),
            ..Facts::default()
        }
    }

    #[test]
    fn what_a_live_gateway_has_is_stale_only_when_nobody_is_known_to_own_the_profile() {
        let with = |is_owned| {
            let stale = vec![Leftover {
                path: "/srv/h/gateway.pid".into(),
                age: 5,
            }];
            check(&facts(HomeFacts {
                is_owned,
                stale,
                ..HomeFacts::default()
            }))
        };
        assert_eq!(with(Some(true)).len(), 0);
        assert_eq!(with(None).len(), 0, "what cannot be told is left alone");
        let found = with(Some(false));
        assert_eq!((found.len(), found[0].severity), (1, Note));
        assert!(matches!(&found[0].fix, Some(Fix::Remove { paths, .. }) if paths.len() == 1));
    }

    #[test]
    fn a_marker_is_stale_after_its_time() {
        let with = |age| {
            let stale = vec![Leftover {
                path: "/srv/h/.gateway-planned-stop.json".into(),
                age,
            }];
            check(&facts(HomeFacts {
                is_owned: Some(false),
                stale,
                ..HomeFacts::default()
            }))
        };
        assert_eq!(with(MARKER_LIFE).len(), 0);
        assert_eq!(with(MARKER_LIFE + 1)[0].severity, Warning);
    }

    #[test]
    fn a_lock_of_root_s_is_an_error_and_other_files_a_warning() {
        let with = |name: &str, is_writable| {
            let foreign = vec![ForeignFile {
                path: name.into(),
                account: "root".into(),
                is_writable,
                is_gateways: name != "/srv/h/.bashrc",
            }];
            check(&facts(HomeFacts {
                foreign,
                ..HomeFacts::default()
            }))
        };
        assert_eq!(with("/srv/h/gateway.lock", false)[0].severity, Error);
        assert_eq!(with("/srv/h/logs", false)[0].severity, Warning);
        assert_eq!(with("/srv/h/gateway.lock", true).len(), 0);
        assert!(with("/srv/h/logs", false)[0].fix.is_some());
        let found = with("/srv/h/.bashrc", false);
        assert!(found[0].fix.is_none(), "nobody gives that away");
        assert_eq!(found[0].hint, "ls -la /srv/h");
    }
}
