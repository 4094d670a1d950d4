//! Scripts: which file a command line names as one, and what its text is.

use crate::units::exec_line::wrappers::base;

/// Whether the kernel hands a script to a shell.
pub(super) fn is_shell_script(text: &str) -> bool {
    let line = text.lines().next().unwrap_or_default();
    let mut words = line.trim_start_matches("#!").split_whitespace();
    let program = words.next().map(base).unwrap_or_default();
    let program = match program {
        "env" | "with-contenv" => words
            .find(|w| !w.starts_with('-'))
            .map(base)
            .unwrap_or_default(),
        program => program,
    };
    is_shell(program)
}

/// Whether a program's text has the words of which it could make a gateway's command line.
pub(super) fn speaks_of_running(text: &str) -> bool {
    text.contains("hermes")
        && (text.contains("gateway run")
            || (text.contains("gateway") && (text.contains("\"run\"") || text.contains("'run'"))))
}

/// The script that a command line runs, and its parameters: the program itself, or what an interpreter is given.
pub(super) fn script_of(argv: &[String]) -> Option<(&String, &[String])> {
    let program = base(argv.first()?);
    let is_given_one = is_shell(program)
        || matches!(program, "." | "source")
        // What other interpreters are given is read for its words only.
        || matches!(
            program,
            "node" | "nodejs" | "bun" | "ruby" | "perl" | "php" | "python" | "python3"
        );
    let at = if is_given_one {
        argv.iter().skip(1).position(|w| !w.starts_with('-'))? + 1
    } else {
        0
    };
    Some((&argv[at], &argv[at + 1..]))
}

pub(super) fn is_shell(program: &str) -> bool {
    matches!(program, "sh" | "bash" | "dash" | "zsh" | "ksh" | "ash")
}
