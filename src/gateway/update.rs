//! A hermes that changes on disk while its gateway runs: whether it has, and whether somebody changes it just now.

use std::path::Path;
use std::time::Duration;

use crate::gateway::installation::Installation;
use crate::host::process::Process;
use crate::host::read::{self, read_small_text};
use crate::profile::root_for;

/// What `hermes update` leaves while it works, in the hermes root or, up to 0.21, in the home of the profile that it was
/// called for: its PID, when it began, and in 0.22 a line for one that finishes its work, `delegate:PID …`
/// (hermes_cli/update_lock.py of 0.20.6 to 0.22.2). It stays behind when that was killed.
const MARK: &str = ".hermes-update-in-progress";

/// How exact the start of a process is.
const MARGIN: Duration = Duration::from_secs(2);

/// Whether the code of this gateway changed on disk after it had started.
pub(crate) fn is_outdated(process: &Process) -> bool {
    let hermes = Installation::of_process(process);
    hermes.is_some_and(|hermes| hermes.changed_after(process.started()))
}

/// The live process that updates the hermes of this profile home.
pub(crate) fn updater(home: &Path) -> Option<i32> {
    let root = root_for(Some(home), Path::new("/nonexistent"));
    [home, &*root].into_iter().find_map(named_by)
}

fn named_by(directory: &Path) -> Option<i32> {
    let mark = directory.join(MARK);
    let text = read_small_text(&mark, read::JSON).ok()??;
    let written = mark.metadata().ok()?.modified().ok()?;
    let all = text.lines().enumerate().filter(|(number, _)| *number != 1);
    let mut pids = all.filter_map(|(_, line)| {
        let first = line.split_whitespace().next()?;
        let pid: i32 = first
            .strip_prefix("delegate:")
            .unwrap_or(first)
            .parse()
            .ok()?;
        (pid > 0).then_some(pid)
    });
    // One that is younger than the mark has a PID that was somebody else's.
    let wrote = |process: Process| process.started() <= written + MARGIN;
    pids.find(|pid| Process::read(*pid).is_some_and(wrote))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_goes_on_while_one_of_the_processes_that_it_names_lives() {
        let root = tempfile::tempdir().expect("a directory");
        let home = root.path().join("profiles/coder");
        std::fs::create_dir_all(&home).expect("made");
        let with = |text: &str| {
            std::fs::write(root.path().join(MARK), text).expect("written");
            updater(&home)
        };
        let me = std::process::id();
        assert_eq!(updater(&home), None);
        assert_eq!(with("garbage\n"), None);
        assert_eq!(
            with(&format!("2147483646\n{me}\n")),
            None,
            "a time is no PID"
        );
        assert_eq!(with(&format!("{me}\n1764120000\n")), Some(me as i32));
        let delegated = format!("2147483646\n1764120000\nct:1.000\ndelegate:{me} ct:2.000\n");
        assert_eq!(with(&delegated), Some(me as i32));

        let mark = std::fs::File::options()
            .write(true)
            .open(root.path().join(MARK));
        let long_ago = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1);
        mark.and_then(|file| file.set_modified(long_ago))
            .expect("set");
        assert_eq!(updater(&home), None, "this PID was another's then");
    }
}
