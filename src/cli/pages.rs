//! A test: every command of this program that a page, a manual page or a message names is one that it takes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Parser as _;
use clap::error::ErrorKind;

use super::Cli;

/// What stands for a value in pages and messages, and a value.
const PLACEHOLDERS: &[(&str, &str)] = &[
    ("COMMAND", "status"),
    ("FILE", "/etc/x.toml"),
    ("ID", "restart-always"),
    ("KEY", "drain-timeout"),
    ("NAME", "coder"),
    ("PATH", "/opt/hermes/bin/hermes"),
    ("PROFILE", "coder"),
    ("SETTING", "drain-timeout"),
    ("SHELL", "bash"),
    ("UNIT", "bot.service"),
    ("USER", "bob"),
    ("…", "coder"),
    // Of messages: options that may be empty, then everything else that is put in.
    ("{scope}", ""),
    ("{user}", ""),
    ("{SYSTEMD_FLOOR}", "252"),
    ("{SYSTEM_ROOT}", "/var/lib/hermes"),
    ("{}", "coder"),
];

const NAME: &str = "hermes-install";

/// How commands are found in a text.
type Find = fn(&str) -> Vec<String>;

/// Where they are. A package's build has crates with pages of their own beside these.
const FOLDERS: [&str; 7] = ["", "debian", "docs", "rpm", "src", "templates", "tests"];

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// Every file below a directory whose name ends so; of the top directory only its own.
fn files(directory: &Path, end: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') || name == "target" {
            continue;
        }
        if path.is_dir() {
            if directory != top() {
                files(&path, end, found);
            }
        } else if name.ends_with(end) {
            found.push(path);
        }
    }
}

/// The commands of this program in a line of shell.
fn in_shell(line: &str) -> Vec<String> {
    let line = line.split(" #").next().unwrap_or_default();
    let parts = line.split(['|', ';', '&', '>', '(', ')']);
    let commands = parts.filter_map(|part| {
        let at = part.find(&format!("{NAME} ")).or_else(|| {
            let is_all = part.trim() == NAME;
            is_all.then(|| part.find(NAME)).flatten()
        })?;
        Some(part[at..].trim().to_owned())
    });
    commands.collect()
}

/// The commands that a page names, in blocks of shell and between backquotes.
fn in_page(page: &str) -> Vec<String> {
    let (mut found, mut prose, mut fence) = (Vec::new(), String::new(), None);
    for line in page.lines() {
        match (line.trim().strip_prefix("```"), fence) {
            (Some(language), None) => fence = Some(language),
            (Some(_), Some(_)) => fence = None,
            (None, Some("sh" | "console")) => found.extend(in_shell(line)),
            (None, Some(_)) => {}
            (None, None) => {
                prose.push_str(line.trim());
                // A span may go on in the next line, and none goes on in the next paragraph.
                prose.push_str(if line.trim().is_empty() { "\n" } else { " " });
            }
        }
    }
    found.extend(in_spans(&prose));
    found
}

/// Those between backquotes.
fn in_spans(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for paragraph in text.split('\n') {
        for span in paragraph.split('`').skip(1).step_by(2) {
            if span.starts_with(&format!("{NAME} ")) {
                found.extend(in_shell(span));
            }
        }
    }
    found
}

/// The examples of a manual page, and those of Debian's, which are indented.
fn in_manual(page: &str) -> Vec<String> {
    let lines = page.lines().map(|line| line.replace("\\-", "-"));
    let lines = lines.map(|line| {
        line.strip_prefix("    ")
            .map_or(line.clone(), str::to_owned)
    });
    let examples = lines.filter(|line| line.starts_with(NAME) && !line.contains(" - "));
    examples.flat_map(|line| in_shell(&line)).collect()
}

/// The commands in the messages of a source file; strings go on after `\` at the end of a line.
fn in_source(text: &str) -> Vec<String> {
    let mut joined = String::new();
    for line in text.lines().map(str::trim).filter(|l| !l.starts_with("//")) {
        match line.strip_suffix('\\') {
            Some(more) => joined.push_str(more),
            None => {
                joined.push_str(line);
                joined.push('\n');
            }
        }
    }
    in_spans(&joined)
}

/// Why the command line does not take a command; `None` when it does.
fn refused(command: &str) -> Option<String> {
    let mut words = command.to_owned();
    for (placeholder, value) in PLACEHOLDERS.iter().filter(|(p, _)| p.starts_with('{')) {
        words = words.replace(placeholder, value);
    }
    // What is left are names of profiles, rules, accounts.
    while let (Some(from), Some(to)) = (words.find('{'), words.find('}')) {
        words.replace_range(from..=to.max(from), "coder");
    }
    let words = words.split_whitespace().map(|word| {
        let known = PLACEHOLDERS
            .iter()
            .find(|(placeholder, _)| *placeholder == word);
        known.map_or(word, |(_, value)| value)
    });
    let is_name = command.split_whitespace().count() == 2;
    match Cli::try_parse_from(words) {
        // What a message puts in may be an option.
        Err(_) if command.contains("{}") => refused(&command.replacen("{}", "", 1)),
        Ok(_) => None,
        Err(e) if [ErrorKind::DisplayHelp, ErrorKind::DisplayVersion].contains(&e.kind()) => None,
        // A sentence may name a command without what it needs.
        Err(e) if e.kind() == ErrorKind::MissingRequiredArgument && is_name => None,
        Err(e) => Some(e.to_string()),
    }
}

#[test]
fn every_command_that_is_named_somewhere_is_one() {
    let mut named: BTreeSet<(PathBuf, String)> = BTreeSet::new();
    let sources: [(&str, Find); 4] = [
        (".md", in_page),
        ("README.Debian", in_manual),
        (".rs", in_source),
        (".in", in_manual),
    ];
    let mut seen = Vec::new();
    for (end, commands) in sources {
        let mut paths = Vec::new();
        for folder in FOLDERS {
            files(&top().join(folder), end, &mut paths);
        }
        let before = named.len();
        // This file tries what is wrong, and that page describes defaults between backquotes.
        let others = ["src/cli/pages.rs", "docs/nixos-options.md"].map(|other| top().join(other));
        for path in paths.into_iter().filter(|p| !others.contains(p)) {
            let text = std::fs::read_to_string(&path).expect("a text");
            // Tests try what is wrong.
            let text = text.split("#[cfg(test)]").next().unwrap_or_default();
            if !path.starts_with(top().join("tests")) || end == ".md" {
                named.extend(commands(text).into_iter().map(|c| (path.clone(), c)));
            }
        }
        seen.push(named.len() - before);
    }
    let wrong: Vec<String> = named
        .iter()
        .filter_map(|(path, command)| {
            let why = refused(command)?;
            Some(format!("{}: `{command}`: {why}", path.display()))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Pages, README.Debian, messages, manual pages.
    let least = [80, 1, 40, 8];
    assert!(seen.iter().zip(least).all(|(n, l)| *n >= l), "{seen:?}");
}

#[test]
fn commands_are_found_where_people_see_them() {
    let page = "A `hermes-install run NAME --\nsetup` that ends.\n\n```sh\nsudo hermes-install status | cat # x\n\
                hermes-install --no-such\n```\n";
    let commands = in_page(page);
    assert_eq!(
        commands,
        [
            "hermes-install status",
            "hermes-install --no-such",
            "hermes-install run NAME -- setup"
        ]
    );
    assert!(refused(&commands[1]).is_some());
    assert_eq!(refused(&commands[2]), None);
    assert_eq!(
        in_source("\"see `hermes-install logs{scope} \\\n   {profile}`\""),
        ["hermes-install logs{scope} {profile}"]
    );
}
