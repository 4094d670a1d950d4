//! The journal of this host: what a manager records of a unit, and who asked for it. Reads only; what may not be read is
//! not there.

use std::path::Path;
use std::time::Duration;

use nix::unistd::geteuid;
use serde_json::Value;

use crate::host::account::Account;
use crate::host::systemctl::{Manager, output, plain};
use crate::output::printable;

/// Most lines that are read for one answer.
const MOST: usize = 2000;

/// Something that a manager recorded of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    /// The start that it belongs to.
    pub(crate) invocation: String,
    /// When, in seconds since 1970.
    pub(crate) at: u64,
    /// What.
    pub(crate) kind: Kind,
}

/// What a manager records (sd-messages.h).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It was started.
    Started,
    /// A stop was begun.
    Stopping,
    /// A reload was begun, which is a planned restart of a gateway.
    Reloading,
    /// Its main process ended: `exited`, `killed` or `dumped`, and with what.
    Exited {
        /// How.
        code: String,
        /// The exit status, or the name of the signal.
        status: String,
    },
    /// The OOM killer took a process of it.
    OomKill,
    /// It ended well; a user's manager does not write that down.
    Succeeded,
    /// It ended, in whatever way: the manager says what it has used. The last of these events is of a second later where it is
    /// started again.
    Ended,
    /// It failed.
    Failed,
}

impl Kind {
    fn of(entry: &Value) -> Option<Self> {
        Some(match entry.get("MESSAGE_ID")?.as_str()? {
            "39f53479d3a045ac8e11786248231fbf" => Self::Started,
            "de5b426a63be47a7b6ac3eaac82e2f6f" => Self::Stopping,
            "d34d037fff1847e6ae669a370e694725" => Self::Reloading,
            "98e322203f7a4ed290d09fe03c09fe15" => Self::Exited {
                code: field(entry, "EXIT_CODE"),
                status: field(entry, "EXIT_STATUS"),
            },
            "fe6faa94e7774663a0da52717891d8ef" => Self::OomKill,
            "7ad2d189f7e94e70a38c781354912448" => Self::Succeeded,
            // What it has used, which is not told of little; that it is started again.
            "ae8f7b866b0347b9af31fe1c80b127c0" | "5eb03494b6584870a536b337290809b3" => Self::Ended,
            "d9b373ed55a64feb8242e02dbe79a49c" => Self::Failed,
            _ => return None,
        })
    }
}

/// The last so many events of a unit, the oldest first.
pub(crate) fn events(manager: &Manager, unit: &str, most: usize) -> Vec<Event> {
    let (unit_field, invocation) = match manager {
        Manager::System => ("UNIT", "INVOCATION_ID"),
        Manager::User | Manager::UserOf(_) => ("USER_UNIT", "USER_INVOCATION_ID"),
    };
    let mut arguments = vec![
        "--output=json".to_owned(),
        format!("--lines={most}"),
        format!("{unit_field}={unit}"),
    ];
    // Fields without `_` are what a sender says of itself; journald writes the others (systemd.journal-fields(7)).
    let account = match manager {
        Manager::System => None,
        Manager::User => Some(geteuid().as_raw()),
        Manager::UserOf(name) => match Account::find(name, Path::new("/")) {
            Ok(Some(account)) => Some(account.uid),
            _ => return Vec::new(),
        },
    };
    arguments.extend(match account {
        None => vec!["_PID=1".to_owned()],
        Some(uid) => vec![
            format!("_UID={uid}"),
            "_SYSTEMD_USER_UNIT=init.scope".to_owned(),
        ],
    });
    let said = journalctl(&arguments);
    let entries = said
        .iter()
        .filter_map(|line| serde_json::from_str(line).ok());
    entries
        .filter_map(|entry: Value| {
            Some(Event {
                kind: Kind::of(&entry)?,
                at: seconds(&entry)?,
                invocation: field(&entry, invocation),
            })
        })
        .collect()
}

/// The last command that sudo ran in this time and that is about services or hermes, with the person who typed it.
pub(crate) fn asked_by(since: u64, until: u64) -> Option<String> {
    let said = journalctl(&[
        "--output=json".to_owned(),
        format!("--since=@{since}"),
        format!("--until=@{}", until.saturating_add(1)),
        "--grep=COMMAND=.*(systemctl|hermes)".to_owned(),
        // The kernel names the file, a process its `_COMM=`.
        "_EXE=/usr/bin/sudo".to_owned(),
    ]);
    let entries = said
        .iter()
        .filter_map(|line| serde_json::from_str(line).ok());
    let uid_of = |name: &str| Some(Account::find(name, Path::new("/")).ok()??.uid);
    let mut asked = entries.filter_map(|entry: Value| {
        let sender = entry.get("_UID")?.as_str()?.parse().ok()?;
        let line = entry.get("MESSAGE")?.as_str()?;
        is_accepted(line, sender, uid_of).then(|| printable(line))
    });
    asked.next_back()
}

/// Whether a line says that sudo ran something, and is by root or by whom it names. journald looks at a sender's executable
/// when it reads what was sent: whoever becomes sudo in time has sent it as sudo, but not as somebody else.
fn is_accepted(line: &str, sender: u32, uid_of: impl Fn(&str) -> Option<u32>) -> bool {
    let Some((name, rest)) = line.trim().split_once(" : ") else {
        return false;
    };
    // A refusal begins with its reason.
    let key = rest.split_once('=').map(|(key, _)| key);
    let is_run = key.is_some_and(|k| k.chars().all(|c| c.is_ascii_uppercase()));
    is_run && (sender == 0 || uid_of(name.trim()) == Some(sender))
}

/// A field of an entry, on one line.
pub(super) fn field(entry: &Value, name: &str) -> String {
    let value = entry.get(name).and_then(Value::as_str);
    printable(value.unwrap_or_default())
}

fn seconds(entry: &Value) -> Option<u64> {
    let micros: u64 = entry.get("__REALTIME_TIMESTAMP")?.as_str()?.parse().ok()?;
    Some(micros / 1_000_000)
}

/// What a process wrote to the journal between two times since 1970, as far as it matches a pattern (journalctl(1),
/// `--grep`); nothing where the journal may not be read.
pub(crate) fn journal_of_process(
    pid: i32,
    since: Duration,
    until: Duration,
    pattern: &str,
) -> Vec<String> {
    journalctl(&[
        "--output=cat".to_owned(),
        format!("--since=@{}", since.as_secs()),
        format!("--until=@{}", until.as_secs()),
        format!("--grep={pattern}"),
        format!("_PID={pid}"),
    ])
}

/// The last lines that journalctl prints, the oldest first; none where it fails. Anybody writes to the journal, as much as
/// journald takes.
pub(super) fn journalctl(arguments: &[String]) -> Vec<String> {
    let mut command = plain("journalctl");
    // `--grep` with `--lines` has the newest first in any case.
    command.args([
        "--quiet",
        "--no-pager",
        "--reverse",
        &format!("--lines={MOST}"),
    ]);
    let said = output(command.args(arguments)).unwrap_or_default();
    said.lines().rev().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_sudo_is_of_whom_it_names_and_no_refusal() {
        let uid_of = |name: &str| Some(if name == "alice" { 1000 } else { 1001 });
        let ran = "   alice : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/usr/bin/systemctl stop x";
        assert!(is_accepted(ran, 1000, uid_of) && is_accepted(ran, 0, uid_of));
        assert!(!is_accepted(ran, 1001, uid_of), "mallory's");
        let refused = "alice : user NOT in sudoers ; TTY=pts/0 ; COMMAND=/usr/bin/systemctl stop x";
        assert!(!is_accepted(refused, 1000, uid_of));
        assert!(!is_accepted("COMMAND=systemctl", 0, uid_of));
    }
}
