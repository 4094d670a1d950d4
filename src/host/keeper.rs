//! What would start a process again when it ends: the process that started it, where that is a loop, a process manager or
//! another service's own program. Reads only.

use std::path::{Path, PathBuf};

use crate::host::process::Process;
use crate::host::read::{JSON, read_small_text};

/// See the module.
#[derive(Debug, Clone)]
pub(crate) enum Keeper {
    /// A shell that goes round and round, or a program that keeps others alive.
    Loop(Process),
    /// The main program of a service that is not the process's own.
    Service(Process),
}

impl Keeper {
    /// The process itself.
    pub(crate) fn process(&self) -> &Process {
        let (Self::Loop(process) | Self::Service(process)) = self;
        process
    }
}

/// Programs that keep others alive, by their names.
const MANAGERS: [&str; 14] = [
    "PM2",
    "pm2",
    "supervisord",
    "runsv",
    "s6-supervise",
    "supervise",
    "circusd",
    "forever",
    "nodemon",
    "monit",
    "watchexec",
    "entr",
    "immortal",
    "perpd",
];

/// Programs that stay only as long as the one command that they run.
const WRAPPERS: [&str; 27] = [
    "uv",
    "uvx",
    "poetry",
    "pipx",
    "conda",
    "direnv",
    "mise",
    "nix",
    "flock",
    "timeout",
    "script",
    "sudo",
    "su",
    "runuser",
    "doas",
    "setpriv",
    "env",
    "setsid",
    "tini",
    "dumb-init",
    "catatonit",
    "xvfb-run",
    "unbuffer",
    "bwrap",
    "firejail",
    "hermes",
    "start-stop-daemon",
];

/// Who would start this process again.
pub(crate) fn keeper(process: &Process) -> Option<Keeper> {
    let parent = Process::read(process.parent).filter(|parent| parent.pid > 1)?;
    let program = base(parent.argv.first()?);
    if program.starts_with("systemd") || program == "(sd-pam)" || WRAPPERS.contains(&program) {
        return None;
    }
    let unit = process.unit().filter(|unit| unit.is_service());
    let is_shared = unit.is_some() && parent.unit() == unit;
    let names = parent
        .argv
        .iter()
        .take(2)
        .flat_map(|word| word.split_whitespace());
    let is_manager = names.map(base).any(|name| MANAGERS.contains(&name));
    match (is_shared, is_shell(program)) {
        // The unit's own shell; stopping the unit ends both.
        (true, true) if is_main(&parent) => None,
        (true, false) => Some(Keeper::Service(parent)),
        (_, true) if goes_round(&parent) => Some(Keeper::Loop(parent)),
        (false, false) if is_manager => Some(Keeper::Loop(parent)),
        _ => None,
    }
}

/// Whether a manager of systemd has started it.
fn is_main(process: &Process) -> bool {
    let parent = Process::read(process.parent);
    let program = parent.as_ref().and_then(|p| p.argv.first());
    process.parent == 1 || program.is_some_and(|word| base(word).starts_with("systemd"))
}

/// Whether a shell was given a loop, as its text or in its script.
fn goes_round(shell: &Process) -> bool {
    let text = match shell.argv.get(1).map(String::as_str) {
        Some(options) if options.starts_with('-') && options.contains('c') => {
            shell.argv.get(2).cloned()
        }
        Some(script) if !script.starts_with('-') => {
            let directory = shell.working_directory().unwrap_or_default();
            let path: PathBuf = directory.join(Path::new(script));
            read_small_text(&path, JSON).ok().flatten()
        }
        _ => None,
    };
    text.is_some_and(|text| {
        let mut words = text.split(|c: char| c.is_whitespace() || c == ';');
        words.any(|word| ["while", "until", "for"].contains(&word))
    })
}

fn is_shell(program: &str) -> bool {
    let name = program.trim_start_matches('-');
    ["sh", "bash", "dash", "zsh", "ksh", "ash", "fish", "busybox"].contains(&name)
}

fn base(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use super::*;
    use crate::host::process::started;

    /// A shell that was started in a directory for a script of it.
    fn shell(directory: &Path, script: &str) -> (Child, Process) {
        let mut command = Command::new("sh");
        command.arg(script).current_dir(directory);
        let child = command
            .stdin(std::process::Stdio::piped())
            .spawn()
            .expect("started");
        let process = started(&child);
        (child, process)
    }

    #[test]
    fn a_script_is_looked_for_where_its_shell_works_and_nobody_waits_for_it() {
        let directory = tempfile::tempdir().expect("a directory");
        let script = |name: &str| directory.path().join(name);
        std::fs::write(script("loop"), "while read -r line; do :; done\n").expect("written");
        std::fs::write(script("once"), "read -r line\n").expect("written");
        // Its shell waits for a writer for ever.
        nix::unistd::mkfifo(&script("fifo"), nix::sys::stat::Mode::S_IRWXU).expect("made");
        for (name, is_loop) in [("loop", true), ("once", false), ("fifo", false)] {
            let (mut child, process) = shell(directory.path(), name);
            let told = goes_round(&process);
            child.kill().expect("ended");
            child.wait().expect("gone");
            assert_eq!(told, is_loop, "{name}");
        }
    }
}
