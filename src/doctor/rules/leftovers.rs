//! Rules about files that a dead gateway left, and files of another account in a home.

use super::Rule;
use crate::doctor::facts::Facts;
use crate::doctor::facts::homes::HomeFacts;
use crate::doctor::facts::leftovers::{MARKER_LIFE, MARKERS};
use crate::doctor::finding::Severity::{Error, Note, Warning};
use crate::doctor::finding::{Findings, Fix};
use crate::gateway::env_file::ENV;
use crate::gateway::owner::PID;
use crate::gateway::running::GATEWAY_LOCK;
use crate::host::ownership::giving_some;
use crate::host::process::shell_quote;
use crate::launcher::lock::RECORD_LOCK;
use std::path::{Path, PathBuf};

pub(super) const RULES: &[Rule] = &[
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
        about: "Files in the profile home belong to another account, root's most often, after a `sudo hermes …` or an editor of \
                root's. A lock file that the gateway cannot open, or a `.env` that it cannot read, keeps it from starting.",
        fix: "give them to the account that the home belongs to",
        source: "PermissionError on gateway.lock in 0.13.0 to 0.19.0",
        check: foreign,
    },
];

fn stale(facts: &Facts, findings: &mut Findings) {
    for known in facts.homes.iter().filter(|h| h.is_owned == Some(false)) {
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
        let finding = findings.add(what, known.typed(&command));
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
    for known in facts.homes.iter() {
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
        let given: Vec<_> = barred
            .clone()
            .filter(|file| file.is_gateways)
            .map(|file| file.path.clone())
            .collect();
        let (what, hint) = if given.len() < paths.len() {
            let what = format!(
                "{what}; `--fix` gives back only what a gateway is sure to have made, so look at the rest first"
            );
            // Any other may have been moved here from anywhere.
            let hint = if barred
                .clone()
                .all(|file| file.is_gateways || file.is_placed)
            {
                let all: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
                giving_some(to, &known.home, &all)
            } else {
                shell_quote(&["ls", "-la", &*known.home.display().to_string()])
            };
            (what, hint)
        } else if known.is_anothers {
            // chown(1) follows the directories on the way, and the account turns them where it likes.
            (what, "hermes-install doctor --fix".to_owned())
        } else {
            let words = [vec!["chown".into(), "-h".into(), to.clone()], shown(&given)];
            (what, shell_quote(&words.concat()))
        };
        let finding = findings.add(what, hint);
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

/// A lock that the gateway cannot open keeps it from starting, and so does a `.env` that it cannot read.
fn is_in_the_way(home: &HomeFacts) -> bool {
    let locks = [GATEWAY_LOCK, RECORD_LOCK];
    let is_lock = |path: &Path| locks.iter().any(|lock| path.ends_with(lock));
    let mut barred = home.foreign.iter().filter(|file| !file.is_writable);
    barred.any(|file| is_lock(&file.path) || (file.is_closed && file.path.ends_with(ENV)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::facts::homes::{ForeignFile, Homes};
    use crate::doctor::facts::leftovers::Leftover;
    use crate::doctor::rules::check;

    fn facts(home: HomeFacts) -> Facts {
        Facts {
            homes: Homes::new(vec![HomeFacts {
                home: "/srv/h".into(),
                uid: 1000,
                ..home
            }]),
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
                is_closed: !is_writable,
                is_gateways: !["/srv/h/.bashrc", "/srv/h/.env"].contains(&name),
                is_placed: name == "/srv/h/.env",
            }];
            check(&facts(HomeFacts {
                account: "alice".into(),
                foreign,
                ..HomeFacts::default()
            }))
        };
        assert_eq!(with("/srv/h/gateway.lock", false)[0].severity, Error);
        assert_eq!(with("/srv/h/logs", false)[0].severity, Warning);
        let env = with("/srv/h/.env", false);
        assert_eq!(env[0].severity, Error);
        assert!(
            env[0].hint.ends_with("chown -Rh alice ./.env"),
            "{}",
            env[0].hint
        );
        assert_eq!(with("/srv/h/gateway.lock", true).len(), 0);
        assert!(with("/srv/h/logs", false)[0].fix.is_some());
        let found = with("/srv/h/.bashrc", false);
        assert!(found[0].fix.is_none(), "nobody gives that away");
        assert_eq!(found[0].hint, "ls -la /srv/h");
    }

    /// Whose directories they are turns them elsewhere between the look and the paste.
    #[test]
    fn root_is_told_to_follow_no_path_of_another_account() {
        let home = |is_anothers| HomeFacts {
            account: "alice".into(),
            is_anothers,
            is_owned: Some(false),
            stale: vec![Leftover {
                path: "/srv/h/gateway.pid".into(),
                age: 5,
            }],
            foreign: vec![ForeignFile {
                path: "/srv/h/state.db".into(),
                account: "root".into(),
                is_writable: false,
                is_closed: true,
                is_gateways: true,
                is_placed: false,
            }],
            ..HomeFacts::default()
        };
        let hints = |is_anothers| -> Vec<String> {
            let found = check(&facts(home(is_anothers)));
            found.into_iter().map(|f| f.hint).collect()
        };
        let own = ["chown -h alice /srv/h/state.db", "rm /srv/h/gateway.pid"];
        assert_eq!(hints(false), own);
        let as_alice = "runuser --pty -u alice -- rm /srv/h/gateway.pid";
        assert_eq!(hints(true), ["hermes-install doctor --fix", as_alice]);
    }
}
