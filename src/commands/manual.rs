//! Manual pages: written by hand in `docs/man/`; commands, options and settings are put in from the types that parse them.

use std::fmt::Write as _;
use std::path::Path;

use clap::{Arg, ArgAction, Args, Command, CommandFactory as _};

use crate::cli::{self, Cli, OutputArgs, Page, ScopeArgs, WaitArgs};
use crate::host::search::hermes_search;
use crate::settings::{GUARD_SETTING, SETTINGS, Setting};

/// The longest line of roff, as mandoc(1) asks for it.
const WIDTH: usize = 79;

/// A page as roff.
pub(super) fn page(page: Page) -> String {
    match page {
        Page::Program => {
            let manual = Manual::new();
            include_str!("../../docs/man/hermes-install.1.in")
                .replace("@COMMANDS@\n", &manual.commands())
                .replace(
                    "@SHARED@\n",
                    &manual.shared.iter().map(option).collect::<String>(),
                )
                .replace("@UNITS@\n", &manual.units())
                .replace("@PLACES@\n", &places())
        }
        Page::Settings => {
            let keys: String = SETTINGS.iter().map(setting).collect();
            include_str!("../../docs/man/hermes-install.toml.5.in")
                .replace("@KEYS@\n", &keys)
                .replace("@HOST@\n", &setting(&GUARD_SETTING))
        }
        Page::Unit => include_str!("../../docs/man/hermes-gateway@.service.8").to_owned(),
    }
}

/// The commands, and the options that are explained once for all of them.
struct Manual {
    program: Command,
    shared: Vec<Arg>,
}

impl Manual {
    fn new() -> Self {
        let mut program = Cli::command().disable_help_subcommand(true);
        program.build();
        let shared = WaitArgs::augment_args(OutputArgs::augment_args(ScopeArgs::augment_args(
            Command::new("shared"),
        )));
        let help = program.get_arguments().filter(|a| a.get_id() == "help");
        let shared = shared.get_arguments().chain(help).cloned().collect();
        Self { program, shared }
    }

    /// The commands that people type, in the groups of `--help`.
    fn commands(&self) -> String {
        let mut out = String::new();
        for (group, commands) in cli::groups() {
            let _ = writeln!(out, ".SS \"{group}\"");
            for name in commands {
                if let Some(command) = self.program.find_subcommand(name) {
                    out.push_str(&self.command(command));
                }
            }
        }
        out
    }

    /// The hidden ones.
    fn units(&self) -> String {
        let hidden = self.program.get_subcommands().filter(|c| c.is_hide_set());
        hidden.map(|c| self.command(c)).collect()
    }

    /// One command with the options that are its own.
    fn command(&self, command: &Command) -> String {
        let mut out = format!(".TP\n\\fB{}\\fR", code(command.get_name()));
        for positional in command.get_positionals() {
            let (open, close) = if positional.is_required_set() {
                ("", "")
            } else {
                ("[", "]")
            };
            let more = match positional.get_action() {
                ArgAction::Append => "...",
                _ => "",
            };
            let name = code(&value(positional));
            let _ = write!(out, " {open}\\fI{name}\\fR{close}{more}");
        }
        let about = command.get_long_about().or(command.get_about());
        let about = about.map(ToString::to_string).unwrap_or_default();
        let paragraphs = about.split("\n\n").map(|p| prose(&sentence(p)));
        let _ = write!(out, "\n{}", paragraphs.collect::<String>());
        let install = self.program.find_subcommand("install");
        let install = install.filter(|i| i.get_name() != command.get_name());
        let is_installs =
            |arg: &Arg| install.is_some_and(|i| i.get_arguments().any(|a| same(a, arg)));
        let takes_installs = command
            .get_arguments()
            .any(|a| a.get_id() == "migrate" && is_installs(a));
        if takes_installs {
            out.push_str("It takes the options of \\fBinstall\\fR.\n");
        }
        let own: String = command
            .get_arguments()
            .filter(|arg| !self.shared.iter().any(|s| same(s, arg)))
            .filter(|arg| !(takes_installs && is_installs(arg)))
            .map(option)
            .collect();
        let subcommands: String = command.get_subcommands().map(|c| self.command(c)).collect();
        if !own.is_empty() || !subcommands.is_empty() {
            let _ = write!(out, ".RS\n{own}{subcommands}.RE\n");
        }
        out
    }
}

/// Where hermes is looked for, in this order.
fn places() -> String {
    let places = hermes_search(Path::new("ROOT"), Path::new("~"));
    let shown = places
        .iter()
        .map(|place| format!(".br\n\\fI{}\\fR\n", code(&place.display().to_string())));
    shown.collect()
}

/// Whether two options read the same.
fn same(a: &Arg, b: &Arg) -> bool {
    let help = |arg: &Arg| arg.get_help().map(ToString::to_string);
    a.get_id() == b.get_id() && (help(a) == help(b) || a.get_id() == "help")
}

/// How the value of an option is called.
fn value(arg: &Arg) -> String {
    let names = arg.get_value_names().unwrap_or_default();
    names
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(" ")
}

/// An option or a positional argument, its help, and the values that it can have.
fn option(arg: &Arg) -> String {
    let mut names: Vec<String> = Vec::new();
    names.extend(arg.get_short().map(|c| format!("\\fB\\-{c}\\fR")));
    names.extend(arg.get_long().map(|l| format!("\\fB\\-\\-{}\\fR", code(l))));
    let mut name = names.join(", ");
    if arg.get_action().takes_values() {
        let gap = if name.is_empty() { "" } else { " " };
        let _ = write!(name, "{gap}\\fI{}\\fR", code(&value(arg)));
    }
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let values = arg.get_possible_values();
    let mut text = sentence(&help);
    if arg.get_action().takes_values() && !values.is_empty() {
        let values: Vec<String> = values
            .iter()
            .map(|v| format!("`{}`", v.get_name()))
            .collect();
        let _ = write!(text, " One of {}.", values.join(", "));
    }
    let defaults: Vec<String> = arg
        .get_default_values()
        .iter()
        .map(|v| format!("`{}`", v.to_string_lossy()))
        .collect();
    if !defaults.is_empty() && arg.get_action().takes_values() {
        let _ = write!(text, " Default: {}.", defaults.join(", "));
    }
    format!(".TP\n{name}\n{}", prose(&text))
}

/// A setting, with a value.
fn setting(setting: &Setting) -> String {
    let (key, example) = (code(&setting.key()), code(setting.example));
    format!(
        ".TP\n\\fB{key}\\fR = {example}\n{}",
        prose(&setting.about())
    )
}

/// With a full stop.
fn sentence(text: &str) -> String {
    format!("{}.", text.trim_end_matches('.'))
}

/// Characters that a reader may copy: none of them becomes a typographic one.
fn code(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\e"),
            '-' => out.push_str("\\-"),
            '\'' => out.push_str("\\(aq"),
            '~' => out.push_str("\\(ti"),
            '^' => out.push_str("\\(ha"),
            c => out.push(c),
        }
    }
    out
}

/// A paragraph in lines that are no requests; what stands in backquotes is bold.
fn prose(text: &str) -> String {
    let mut shown = String::new();
    for (at, part) in text.split('`').enumerate() {
        if at % 2 == 1 {
            let _ = write!(shown, "\\fB{}\\fR", code(part));
        } else {
            shown.push_str(&code(part).replace("\\(aq", "'"));
        }
    }
    let (mut out, mut line) = (String::new(), String::new());
    for word in shown.split_whitespace() {
        if !line.is_empty() && line.len() + 1 + word.len() > WIDTH {
            out.push_str(&line);
            out.push('\n');
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        } else if word.starts_with(['.', '\'']) {
            line.push_str("\\&");
        }
        line.push_str(word);
    }
    out + &line + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_of_every_command_is_explained() {
        let manual = Manual::new();
        let page = page(Page::Program);
        for command in manual.program.get_subcommands() {
            let section = manual.command(command);
            assert!(page.contains(&section), "{}", command.get_name());
            for arg in command.get_arguments() {
                let explained = option(arg);
                let is_there = section.contains(&explained)
                    || manual.shared.iter().any(|s| same(s, arg))
                    || section.contains("the options of \\fBinstall\\fR");
                assert!(is_there, "{} {}", command.get_name(), arg.get_id());
            }
        }
        for shared in &manual.shared {
            assert!(page.contains(&option(shared)), "{}", shared.get_id());
        }
    }

    #[test]
    fn no_mark_is_left_and_no_line_is_a_request_by_accident() {
        for name in [Page::Program, Page::Settings, Page::Unit] {
            let text = page(name);
            let text = text.lines().filter(|line| !line.starts_with(".\\\""));
            let marks: Vec<&str> = text.filter(|line| line.starts_with('@')).collect();
            assert_eq!(marks, [""; 0]);
        }
        assert_eq!(
            prose("it's `a-b` and 'c'\u{2026} .d ~/x"),
            "it's \\fBa\\-b\\fR and 'c'\u{2026} .d \\(ti/x\n"
        );
        assert_eq!(prose(".d"), "\\&.d\n");
        assert!(
            prose(&"word ".repeat(99))
                .lines()
                .all(|line| line.len() <= WIDTH)
        );
    }
}
