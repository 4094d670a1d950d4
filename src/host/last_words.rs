//! The last words of one start of a unit: what its process, its launcher and its manager wrote to the journal.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::host::journal::{field, journalctl};
use crate::host::service_state::Start;
use crate::host::systemctl::{Manager, Systemctl};

/// The time between two looks at a journal that lacks a line.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// Which start an entry is of, as journald says.
const OF_START: &str = "_SYSTEMD_INVOCATION_ID";

impl Systemctl {
    /// The last journal lines of one start of a unit. A line of its main process is waited for as long as `patience` says, as
    /// journald writes down later what was said.
    pub(crate) fn last_words(
        &self,
        unit: &str,
        start: &Start,
        lines: usize,
        patience: Duration,
    ) -> Vec<String> {
        let arguments = self.journal_of(unit, start, lines);
        let begin = Instant::now();
        loop {
            let said = journalctl(&arguments);
            let mut said: Vec<Value> = (said.iter())
                .filter_map(|line| serde_json::from_str(line).ok())
                .collect();
            said.retain(|entry| !is_of_another(entry, start));
            let is_late = start.pid.is_some() && !said.iter().any(|e| is_of_process(e, start));
            if !is_late || begin.elapsed() >= patience {
                let text: Vec<String> = said.iter().filter_map(message).collect();
                let mut text: Vec<_> = text.iter().flat_map(|t| t.lines()).collect();
                let last = text.split_off(text.len().saturating_sub(lines));
                return last.into_iter().map(str::to_owned).collect();
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    /// What processes of a system unit wrote between these times, in seconds since 1970, and journald knows no start of: it asks
    /// for that when it reads a line, and of a unit that has ended by then it knows the name alone, by the stream.
    pub(crate) fn late_words(
        &self,
        unit: &str,
        start: &Start,
        since: u64,
        until: Option<u64>,
    ) -> Vec<String> {
        if self.manager != Manager::System {
            return Vec::new();
        }
        let mut arguments = vec![
            "--output=json".to_owned(),
            "--all".to_owned(),
            format!("--since=@{since}"),
            format!("_SYSTEMD_UNIT={unit}"),
        ];
        arguments.extend(until.map(|until| format!("--until=@{}", until.saturating_add(1))));
        let said = journalctl(&arguments);
        let said = said
            .iter()
            .filter_map(|line| serde_json::from_str(line).ok());
        let late = said.filter(|entry| is_late(entry, start));
        late.filter_map(|entry| message(&entry)).collect()
    }

    /// What journalctl is asked for.
    fn journal_of(&self, unit: &str, start: &Start, lines: usize) -> Vec<String> {
        let (of_unit, named) = match self.manager {
            Manager::System => ("_SYSTEMD_UNIT", "INVOCATION_ID"),
            Manager::User | Manager::UserOf(_) => ("_SYSTEMD_USER_UNIT", "USER_INVOCATION_ID"),
        };
        let of_unit = format!("{of_unit}={unit}");
        // The system's manager has none.
        let account = self.manager.uid_match();
        let mut words = vec![
            "--output=json".to_owned(),
            "--all".to_owned(),
            format!("--lines={lines}"),
        ];
        let Start { invocation, pid } = start;
        if invocation.is_empty() {
            words.push(of_unit);
            return words;
        }
        // What the service wrote, and what its manager or its launcher wrote about this start of it.
        words.extend([
            format!("{OF_START}={invocation}"),
            "+".to_owned(),
            account.clone().unwrap_or_else(|| "_PID=1".to_owned()),
            format!("{named}={invocation}"),
        ]);
        // journald asks /proc which start a line is of, when it reads the line. Of a process that is gone by then it knows the
        // account, and the unit where that is of the system's manager.
        if let (Some(pid), Some(boot)) = (pid, boot_id()) {
            words.extend([
                "+".to_owned(),
                format!("_PID={pid}"),
                format!("_BOOT_ID={boot}"),
                account.unwrap_or(of_unit),
            ]);
        }
        words
    }
}

/// Whether an entry has the process ID of a start.
fn is_of_process(entry: &Value, start: &Start) -> bool {
    (start.pid).is_some_and(|pid| field(entry, "_PID") == pid.to_string())
}

/// Whether an entry has the process ID of a start and is of another one.
fn is_of_another(entry: &Value, start: &Start) -> bool {
    let id = field(entry, OF_START);
    is_of_process(entry, start) && !id.is_empty() && id != start.invocation
}

/// Whether journald knows no start of an entry, and its process is not the one of this start, whose words are known by that.
fn is_late(entry: &Value, start: &Start) -> bool {
    field(entry, OF_START).is_empty() && !is_of_process(entry, start)
}

/// What an entry says; journalctl gives the bytes where that is no plain text.
fn message(entry: &Value) -> Option<String> {
    match entry.get("MESSAGE")? {
        Value::String(text) => Some(text.clone()),
        Value::Array(bytes) => {
            let bytes = bytes
                .iter()
                .filter_map(|byte| byte.as_u64()?.try_into().ok());
            Some(String::from_utf8_lossy(&bytes.collect::<Vec<u8>>()).into_owned())
        }
        _ => None,
    }
}

/// This boot's ID, as journald writes it.
fn boot_id() -> Option<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().replace('-', ""))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_process_id_that_another_start_had_is_of_that_start() {
        let start = Start {
            invocation: "new".to_owned(),
            pid: Some(7),
        };
        let of = |pid: &str, id: Option<&str>| {
            let entry = json!({"_PID": pid, OF_START: id});
            (is_of_process(&entry, &start), is_of_another(&entry, &start))
        };
        assert_eq!(of("7", Some("new")), (true, false));
        assert_eq!(of("7", Some("old")), (true, true));
        assert_eq!(of("7", None), (true, false), "journald was late");
        assert_eq!(of("1", Some("init")), (false, false), "its manager");
        let late =
            |pid: &str, id: Option<&str>| is_late(&json!({"_PID": pid, OF_START: id}), &start);
        assert!(late("8", None), "a helper's");
        assert!(!late("7", None), "known by its process");
        assert!(!late("8", Some("old")), "of another start");
    }

    #[test]
    fn a_line_with_control_characters_comes_as_bytes() {
        assert_eq!(
            message(&json!({"MESSAGE": "plain"})).as_deref(),
            Some("plain")
        );
        let red = json!({"MESSAGE": [27, 91, 51, 49, 109, 114, 195, 169]});
        assert_eq!(message(&red).as_deref(), Some("\u{1b}[31mr\u{e9}"));
        assert_eq!(message(&json!({})), None);
    }
}
