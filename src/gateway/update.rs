//! A hermes that changes on disk while its gateway runs: whether it has, and whether somebody changes it just now.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::gateway::command_line::executable;
use crate::gateway::installation::Installation;
use crate::host::process::Process;
use crate::host::read::{self, read_small_text};
use crate::profile::root_of;

/// What `hermes update` leaves while it works, in the hermes root or, up to 0.21, in the home of the profile that it was
/// called for: its PID, when it began, and in 0.22 a line for one that finishes its work, `delegate:PID …`
/// (hermes_cli/update_lock.py of 0.20.6 to 0.22.2). It stays behind when that was killed.
const MARK: &str = ".hermes-update-in-progress";

/// How exact the start of a process is.
const MARGIN: Duration = Duration::from_secs(2);

/// Whether the code of this gateway changed on disk after it had started, or its executable is another one's by now.
pub(crate) fn is_outdated(process: &Process) -> bool {
    Installation::of_process(process)
        .is_some_and(|now| now.changed_after(process.started()) || left(process, &now).is_some())
}

/// What a gateway runs.
pub(crate) enum Left {
    /// An installation beside the one that its executable leads to now.
    There(Installation),
    /// One that is gone.
    Gone,
}

/// What a gateway runs where its executable leads to another installation by now, as after `ln -sfn hermes-0.22 current`.
/// The kernel keeps the interpreter of the script that was executed (execve(2)), which is in the environment of that script.
/// Something on the way must be younger than the gateway: so a restart always ends this. `now` is what it leads to.
pub(crate) fn left(process: &Process, now: &Installation) -> Option<Left> {
    let [own, script, ..] = process.argv.as_slice() else {
        return None;
    };
    let (own, next) = (Path::new(own), now.interpreter.as_deref()?);
    // `-m` and `-c` execute no script.
    if next == own || !own.is_absolute() || script.starts_with('-') {
        return None;
    }
    let view = process.view().ok()?;
    let seen = |path: &Path| view.at(path);
    let hermes = executable(&process.argv, |path| seen(path).exists())?;
    if !seen(next).is_file() || !turned_after(&hermes, &seen, process.started()) {
        return None;
    }
    if !seen(own).exists() {
        return Some(Left::Gone);
    }
    let then = Installation::of_prefix(own, &seen)?;
    let place = |found: &Installation| std::fs::canonicalize(seen(&found.library)).ok();
    (place(&then)? != place(now)?).then_some(Left::There(then))
}

/// Whether an executable, or a link on the way to it, was placed after that moment.
fn turned_after(hermes: &Path, seen: &dyn Fn(&Path) -> PathBuf, start: SystemTime) -> bool {
    /// As many as the kernel follows (path_resolution(7)).
    const LINKS: usize = 40;
    let is_younger = |meta: &Metadata| {
        let changed = Duration::from_secs(u64::try_from(meta.ctime()).unwrap_or_default());
        SystemTime::UNIX_EPOCH + changed > start + MARGIN
    };
    let mut at: Vec<PathBuf> = hermes.ancestors().map(Path::to_owned).collect();
    for _ in 0..LINKS {
        let Some(path) = at.pop() else {
            return false;
        };
        let Ok(meta) = std::fs::symlink_metadata(seen(&path)) else {
            continue;
        };
        let is_last = path == hermes;
        if (meta.is_symlink() || is_last) && is_younger(&meta) {
            return true;
        }
        if let Ok(target) = std::fs::read_link(seen(&path)) {
            at.push(path.parent().unwrap_or(&path).join(target));
        }
    }
    false
}

/// The live process that updates the hermes of this profile home.
pub(crate) fn updater(home: &Path) -> Option<i32> {
    let root = root_of(home);
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

    #[test]
    fn a_gateway_whose_executable_leads_elsewhere_by_now_runs_what_it_was_started_from() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let disk = tempfile::tempdir().expect("a directory");
        let at = |path: &str| disk.path().join(path);
        for version in ["0.21.3", "0.22.2"] {
            let site = format!("{version}/lib/python3.13/site-packages");
            let record = at(&format!("{site}/hermes_agent-{version}.dist-info"));
            std::fs::create_dir_all(record).expect("made");
            let bin = at(&format!("{version}/bin"));
            std::fs::create_dir(&bin).expect("made");
            std::fs::copy("/bin/sh", bin.join("python3")).expect("copied");
            let script = format!("#!{}\nread line\n", bin.join("python3").display());
            std::fs::write(bin.join("hermes"), script).expect("written");
            let rights = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(bin.join("hermes"), rights).expect("set");
        }
        let lead = |to: &str| {
            let _ = std::fs::remove_file(at("current"));
            symlink(to, at("current")).expect("a link");
        };
        lead("0.21.3");
        let mut gateway = std::process::Command::new(at("current/bin/hermes"))
            .args(["gateway", "run"])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .expect("started");
        // execve(2) lets the parent go on before the new arguments are there.
        let deadline = std::time::Instant::now() + Duration::from_secs(60);
        let mut process = loop {
            let process = Process::read(gateway.id() as i32).expect("it runs");
            if !process.argv.is_empty() {
                break process;
            }
            assert!(std::time::Instant::now() < deadline, "{process:?}");
            std::thread::yield_now();
        };
        let left = |process: &Process| left(process, &Installation::of_process(process)?);
        assert!(left(&process).is_none() && !is_outdated(&process));
        lead("0.22.2");
        assert!(
            left(&process).is_none(),
            "a gateway that is as young has it"
        );
        // An hour ago, at 100 ticks a second, as far as this host was up by then.
        process.start = process.start.saturating_sub(360_000);
        let version = |left: Option<Left>| match left {
            Some(Left::There(found)) => found.version.map(|version| version.to_string()),
            _ => None,
        };
        assert_eq!(version(left(&process)).as_deref(), Some("0.21.3"));
        assert!(is_outdated(&process));
        std::fs::remove_dir_all(at("0.21.3")).expect("removed");
        assert!(matches!(left(&process), Some(Left::Gone)));
        drop(gateway.stdin.take());
        gateway.wait().expect("its end");
    }
}
