//! What stands behind a program on a command line: the script that it is or is given, the text that it reads, the command
//! of a container. Pure but for the readers.

use std::path::Path;

use crate::gateway::command_line::Command;
use crate::units::exec_line::gateway_call::in_container;
use crate::units::exec_line::script_text::{
    is_shell, is_shell_script, script_of, speaks_of_running,
};
use crate::units::exec_line::shell_text::{shell_text, typed};
use crate::units::exec_line::wrappers::{Becoming, base};
use crate::units::exec_line::{SCRIPT, Search};
use crate::units::shell::directory::located;
use crate::units::shell::items::Shell;

/// Programs that only speak of what stands on their command line, or have another host run it.
const SPEAKERS: [&str; 8] = [
    "echo", "printf", "logger", "grep", "pgrep", "pkill", "ssh", "mosh",
];

impl Search<'_> {
    /// A shell that runs what it reads.
    pub(super) fn reading(
        &mut self,
        parameters: &[String],
        becoming: Option<Becoming>,
        depth: usize,
    ) {
        if let Some(text) = self.input.take() {
            self.within(becoming, |search| {
                search.shell(&text, Shell::Posix, Some(parameters), depth - 1);
            });
        }
    }

    /// A script is the program itself, or what a shell is given.
    pub(super) fn script(&mut self, argv: &[String], depth: usize) {
        let Some((path, parameters)) = script_of(argv) else {
            return;
        };
        // What has no `/` is looked for among programs.
        let is_path = path.contains('/') || path != &argv[0];
        let execution = &self.execution;
        let directory = execution.directory.as_deref();
        let file = located(path, directory, &execution.user_home).filter(|_| is_path);
        let is_read_here = matches!(base(&argv[0]), "." | "source");
        let is_given = is_read_here || is_shell(base(&argv[0]));
        let read = if is_given {
            self.context.text
        } else {
            self.context.script
        };
        if file.is_some() && !self.spend(SCRIPT) {
            return;
        }
        if let Some(text) = file.as_deref().and_then(read) {
            if is_given || is_shell_script(&text) {
                let file = file.unwrap_or_default();
                let has_own = !is_read_here || !parameters.is_empty();
                let run = |search: &mut Self| {
                    let was = search.execution.enter_script(&file);
                    let own = has_own.then_some(parameters);
                    search.shell(&text, shell_of(&file), own, depth - 1);
                    search.execution.leave_script(was);
                };
                if is_read_here {
                    run(self)
                } else {
                    self.within(None, run)
                }
            } else if speaks_of_running(&text) {
                self.found().unclear.push(path.clone());
            }
            return;
        }
        // A variable that nobody set may be hermes, and a program may run what stands behind its `--`.
        let mut behind = argv.splitn(2, |word| word == "--").skip(1);
        let is_variable = path.contains('$')
            && Command::parse(&[&["hermes".to_owned()], &argv[1..]].concat()).is_some();
        let may_run = !SPEAKERS.contains(&base(&argv[0]))
            && behind.any(|inner| Command::parse(inner).is_some());
        if is_variable || may_run {
            self.found().unclear.push(argv[0].clone());
        }
    }

    /// A gateway in a container: its words are those of hermes, its home is another there.
    pub(super) fn container(&mut self, argv: &[String], depth: usize) {
        let was = std::mem::replace(&mut self.execution.is_elsewhere, true);
        let words = 1..argv.len();
        if let Some((at, command)) = words
            .clone()
            .find_map(|at| Some((at, in_container(argv, at)?)))
        {
            let call = self.call_in_container(argv, at, &command);
            self.add(call);
        } else if let Some(shell) = words.clone().find_map(|at| shell_text(&argv[at..])) {
            self.shell(&shell.text, Shell::Posix, Some(shell.parameters), depth - 1);
        } else if words.into_iter().any(|at| typed(&argv[at..]).is_some()) {
            self.reading(&[], None, depth);
        }
        self.execution.is_elsewhere = was;
    }
}

/// Whose grammar a file has, by its name.
pub(super) fn shell_of(file: &Path) -> Shell {
    if file.extension().is_some_and(|end| end == "fish") {
        Shell::Fish
    } else {
        Shell::Posix
    }
}
