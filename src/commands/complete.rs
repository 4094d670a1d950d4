//! What a shell offers when somebody presses the tab key: commands and options of the parser, names of profiles, rules,
//! settings and units.
//!
//! It runs as whoever types, at every press of a key: it reads names in a few directories, asks no manager, and says
//! nothing of what it cannot read. What it offers is one word to every shell: bash puts it on the line as it is, and in a
//! directory of everybody's anybody makes files. The scripts of `generate completions` call this program with [`VARIABLE`].

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::{Arg, Command, CommandFactory as _, ValueHint};
use clap_complete::engine::{
    ArgValueCandidates, ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter as _,
};
use clap_complete::env::{EnvCompleter, Shells};

use crate::cli::{Cli, Shell};
use crate::doctor::rules::{self, Rule};
use crate::layout::{SYSTEM_ROOT, Scope, TARGET, TEMPLATE};
use crate::output;
use crate::profile::{ProfileName, discover, discover_tenants, root_for};
use crate::settings::SETTINGS;

/// Set to the name of a shell by its script, with the words of the command line behind `--`.
const VARIABLE: &str = "HERMES_INSTALL_COMPLETE";
/// Most names that are read of one directory, and offered.
const MOST: usize = 1000;

/// What zsh runs when it loads the script as a function, at the first press of the key.
const ZSH_FIRST: &str = r#"
if [[ "$funcstack[1]" == "_hermes-install" ]]; then
    _clap_dynamic_completer_hermes_install "$@"
fi
"#;

/// Where units lie that people make, and hermes.
const UNITS: &str = "/etc/systemd/system";
const OWN_UNITS: &str = ".config/systemd/user";

/// The script for a shell.
pub(crate) fn script(shell: Shell) -> Vec<u8> {
    let name = match shell {
        Shell::Bash => "bash",
        Shell::Elvish => "elvish",
        Shell::Fish => "fish",
        Shell::Zsh => "zsh",
    };
    let mut out = Vec::new();
    let shells = Shells::builtins();
    if let Some(completer) = shells.completer(name) {
        let program = env!("CARGO_PKG_NAME");
        // Nothing that is written to memory fails.
        let _ = completer.write_registration(VARIABLE, program, program, program, &mut out);
    }
    if matches!(shell, Shell::Zsh) {
        out.extend(ZSH_FIRST.as_bytes());
    }
    out
}

/// Answer a shell, where one asks.
pub(crate) fn answered() -> bool {
    let Some(name) = std::env::var_os(VARIABLE) else {
        return false;
    };
    let shells = Shells::builtins();
    let Some(shell) = name.to_str().and_then(|name| shells.completer(name)) else {
        return true;
    };
    let words = std::env::args_os().skip_while(|word| word != "--").skip(1);
    if let Some(answer) = answer(shell, words.collect()) {
        output::bytes(&answer);
    }
    true
}

/// What a shell offers after these words; `None` where the parser finds nothing to offer.
fn answer(shell: &dyn EnvCompleter, words: Vec<OsString>) -> Option<Vec<u8>> {
    // The program itself is the first word.
    if words.is_empty() {
        return None;
    }
    let directory = std::env::current_dir().ok();
    let mut command = Cli::command();
    command.build();
    let mut command = with_names(command);
    let mut out = Vec::new();
    shell
        .write_complete(&mut command, words, directory.as_deref(), &mut out)
        .ok()?;
    Some(out)
}

/// The parser, whose arguments know what they may be by what stands for them in the help.
fn with_names(command: Command) -> Command {
    let command = command.mut_args(|argument| match candidates(&argument) {
        Some(candidates) => argument.add(ArgValueCandidates::new(candidates)),
        None if argument.get_value_hint() == ValueHint::AnyPath => {
            argument.add(ArgValueCompleter::new(paths))
        }
        None => argument,
    });
    command.mut_subcommands(with_names)
}

fn candidates(argument: &Arg) -> Option<fn() -> Vec<CompletionCandidate>> {
    let value = argument.get_value_names()?.first()?;
    Some(match value.as_str() {
        "NAME" | "PROFILE" => profiles,
        "ID" => rules,
        "SETTING" => settings,
        "UNIT" => units,
        _ => return None,
    })
}

/// Files and directories whose path every shell takes as one word.
fn paths(typed: &OsStr) -> Vec<CompletionCandidate> {
    let mut found = PathCompleter::any().complete(typed);
    found.retain(|path| path.get_value().to_str().is_some_and(is_plain));
    found
}

fn rules() -> Vec<CompletionCandidate> {
    let candidate =
        |rule: &Rule| CompletionCandidate::new(rule.id).help(Some(rule.summary().into()));
    rules::rules().map(candidate).collect()
}

fn settings() -> Vec<CompletionCandidate> {
    let keys = SETTINGS.iter().map(crate::settings::Setting::key);
    keys.map(CompletionCandidate::new).collect()
}

fn units() -> Vec<CompletionCandidate> {
    let mut found = BTreeSet::new();
    for directory in unit_directories() {
        found.extend(names(&directory).filter(|name| is_unit(name)));
    }
    found.into_iter().map(CompletionCandidate::new).collect()
}

fn profiles() -> Vec<CompletionCandidate> {
    let mut found: BTreeSet<ProfileName> = BTreeSet::new();
    for directory in unit_directories() {
        let targets = [
            TARGET,
            Scope::System.boot_target(),
            Scope::User.boot_target(),
        ];
        let wants = targets.map(|target| directory.join(format!("{target}.wants")));
        for directory in wants.into_iter().chain([directory]) {
            found.extend(names(&directory).filter_map(|name| instance(&name)));
        }
    }
    let own_root = own_home().map(|home| {
        let hermes_home = std::env::var_os("HERMES_HOME").map(PathBuf::from);
        root_for(hermes_home.as_deref(), &home)
    });
    for root in own_root.into_iter().chain([SYSTEM_ROOT.into()]) {
        found.extend(discover(&root, Path::to_owned).into_iter().take(MOST));
    }
    found.extend(
        discover_tenants(Path::to_owned, |_| false)
            .into_iter()
            .take(MOST),
    );
    let candidates = found.into_iter().take(MOST);
    candidates
        .map(|name| CompletionCandidate::new(name.as_str()))
        .collect()
}

/// Names in a directory, none where it cannot be read.
fn names(directory: &Path) -> impl Iterator<Item = String> + use<> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names.take(MOST)
}

/// The profile whose instance or drop-in directory this is.
fn instance(name: &str) -> Option<ProfileName> {
    let (before, after) = TEMPLATE.split_once('.')?;
    let rest = name.strip_prefix(before)?;
    let name = rest
        .strip_suffix(&format!(".{after}.d"))
        .or_else(|| rest.strip_suffix(&format!(".{after}")))?;
    name.parse().ok()
}

/// Whether this is a service whose name every shell takes as one word.
fn is_unit(name: &str) -> bool {
    name.ends_with(".service") && is_plain(name)
}

/// Whether every shell takes this as one word, and as it is. `~` at its beginning was typed.
fn is_plain(word: &str) -> bool {
    let word = word.strip_prefix("~/").unwrap_or(word);
    let is_plain = |c: char| c.is_alphanumeric() || "/-_.@+".contains(c);
    word.chars().all(is_plain)
}

fn own_home() -> Option<PathBuf> {
    std::env::var_os("HOME").map(PathBuf::from)
}

/// The directories of units that people make: the system's, and the own manager's.
fn unit_directories() -> impl Iterator<Item = PathBuf> {
    let own = own_home().map(|home| home.join(OWN_UNITS));
    [PathBuf::from(UNITS)].into_iter().chain(own)
}
