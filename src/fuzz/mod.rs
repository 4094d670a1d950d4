//! What fuzzers call: for each kind of text that others write, a function that reads it and panics when a promise is
//! broken. Compiled for tests, which play a few rounds of each, and with `--cfg fuzzing` for `tests/fuzz`.
//!
//! The promises: no text makes a reader panic, work without end or give back more than its limits; what is printed and
//! read again is the same; and what is quoted is read back by whom it is quoted for.

mod images;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{LazyLock, Mutex, PoisonError};

use crate::config::Config;
use crate::deploy::receipt::{Receipt, unit_of};
use crate::gateway::command_line;
use crate::gateway::config::active_name;
use crate::gateway::env_file::assignments;
use crate::gateway::search_path::Owner;
use crate::gateway::version::Version;
use crate::gateway::yaml::Settings;
use crate::host::account::Account;
use crate::host::cgroup::UnitRef;
use crate::host::credentials::Credentials;
use crate::host::jobs::awaited;
use crate::host::process::shell_quote;
use crate::host::service_state::ServiceState;
use crate::host::span::seconds;
use crate::output::{is_hidden, printable, visible};
use crate::render::escape;
use crate::units::exec_line::command::exec_commands;
use crate::units::exec_line::{BUDGET, Context, effects};
use crate::units::secret::{without_secrets, words_without_secrets};
use crate::units::shell;
use crate::units::shell::items::{Item, Shell};
use crate::units::specifiers::Specifiers;
use crate::units::unit_file::{Directive, Directives, command, words};

/// A function that reads some bytes.
pub type Target = fn(&[u8]);

/// All of them, by name; `tests/fuzz/corpus/NAME` has texts to begin with.
pub const TARGETS: [(&str, Target); 15] = [
    ("unit-file", unit_file),
    ("exec-line", exec_line),
    ("shell", shell),
    ("command-line", command_line),
    ("yaml", yaml),
    ("receipt", receipt),
    ("settings", settings),
    ("systemd-says", systemd_says),
    ("texts", texts),
    ("quoted", quoted),
    ("escaped", escaped),
    ("accounts", images::accounts),
    ("home", images::home),
    ("starters", images::start_files),
    ("host", images::host),
];

fn text(data: &[u8]) -> String {
    String::from_utf8_lossy(data).into_owned()
}

fn directives(text: &str) -> Directives {
    Directives::of(Path::new("/etc/systemd/system/x.service"), text)
}

fn specifiers(home: &Path) -> Specifiers<'_> {
    Specifiers {
        unit: "a-b@c.service",
        account: ("hermes", 999, home),
        is_user: false,
    }
}

fn unit_file(data: &[u8]) {
    let first = directives(&text(data));
    let print = |all: &Directives| -> String {
        // A backslash at the end cannot be written.
        let is_written = |d: &&Directive| d.value.len() < 10_000 && !d.value.ends_with('\\');
        let lines = all.iter().filter(is_written);
        lines
            .map(|d| format!("[{}]\n{}={}\n", d.section, d.key, d.value))
            .collect()
    };
    let printed = print(&first);
    assert_eq!(printed, print(&directives(&printed)), "read again");
    let _ = first.environment(|value| specifiers(Path::new("/h")).expand(value));
    for key in ["ExecStart", "Environment", "User"] {
        let _ = (first.list("Service", key), first.value("Service", key));
    }
}

fn exec_line(data: &[u8]) {
    let line = text(data);
    let reads = Cell::new(0);
    // Every script is this text: it may name itself.
    let read = |_: &Path| {
        reads.set(reads.get() + 1);
        Some(line.clone())
    };
    let context = Context {
        environment: BTreeMap::from([("HERMES_HOME".to_owned(), "/srv/h".to_owned())]),
        user_home: "/home/a".into(),
        uid: Some(0),
        directory: Some("/srv".into()),
        account: &|name| Some(Account::future(name, Path::new("/home/b"))),
        text: &read,
        script: &read,
        names: &|_| vec!["one".to_owned(), line.clone()],
        active: &|_| Some("busy".to_owned()),
        budget: Cell::new(BUDGET),
    };
    let found = effects(&command(&line), &context);
    assert!(reads.get() < 200, "{} scripts", reads.get());
    let all = found.calls.len() + found.unclear.len() + found.verbs.len();
    assert!(all <= 2_000, "{all} effects");
}

fn shell(data: &[u8]) {
    let text = text(data);
    for shell in [Shell::Posix, Shell::Fish] {
        let found = shell::read(&text, shell).items;
        assert!(found.len() <= 1_000, "{} items", found.len());
        let lines = text.lines().count().max(1);
        for (at, item) in found.iter().enumerate() {
            if let Item::Command(command) = item {
                let is_there = (1..=lines + 1).contains(&command.line);
                assert!(is_there, "{command:?}, {lines} lines");
            }
            let ends = item
                .end()
                .is_none_or(|end| (at + 1..=found.len()).contains(&end));
            assert!(ends, "{item:?} at {at}");
        }
    }
}

fn command_line(data: &[u8]) {
    let text = text(data);
    let argv: Vec<&str> = text.split(['\0', '\n']).collect();
    let inline = ["/usr/bin/python3", "-c", &text, "gateway", "run"];
    for argv in [&argv[..], &inline[..]] {
        let _ = command_line::shown(argv);
        let words: Vec<String> = argv.iter().map(|&word| word.to_owned()).collect();
        let _ = command_line::gateway_verb(&words);
        if let Some(command) = command_line::Command::parse(argv) {
            let _ = command.may_mean(Path::new("/srv/h/profiles/coder"));
            let _ = command.follows_active(Some(Path::new("/srv/h")));
        }
    }
}

fn yaml(data: &[u8]) {
    let Some(settings) = Settings::parse(&text(data)) else {
        return;
    };
    let _ = settings.get("agent", "restart_drain_timeout");
    let _ = settings.list("plugins");
}

fn receipt(data: &[u8]) {
    if let Ok(receipt) = Receipt::parse(data, "receipt.json") {
        let bytes = receipt.to_bytes();
        let again = Receipt::parse(&bytes, "receipt.json").expect("what was written is read");
        assert_eq!(bytes, again.to_bytes(), "read again");
        let _ = (again.contents(), again.paths());
        let _ = again.files.keys().filter_map(|path| unit_of(path)).count();
    }
}

fn settings(data: &[u8]) {
    let _ = Config::parse(&text(data), "config.toml");
}

fn systemd_says(data: &[u8]) {
    let text = text(data);
    let _ = ServiceState::parse_all(&text);
    let _ = awaited(&text, &["a.service".to_owned()]);
    let _ = (Credentials::parse(&text), UnitRef::from_cgroup(&text));
    let _ = (Version::from_output(&text), active_name(&text));
    assert!(seconds(&text).is_none_or(|s| s >= 0.0));
    let _ = specifiers(Path::new("/h")).expand(&text);
}

fn texts(data: &[u8]) {
    let text = text(data);
    assert!(!visible(&text).chars().any(is_hidden));
    let line = printable(&text);
    assert!(!line.chars().any(char::is_control) && line.chars().count() <= 201);
    let secret = "hunter2hunter2hunter2";
    for (before, after) in [("", "\n"), ("\"", "\"\n")] {
        let said = format!("{text}\nEnvironment={before}TELEGRAM_BOT_TOKEN={secret}{after}");
        assert!(!without_secrets(&said).contains(secret), "it is shown");
    }
    let _ = words_without_secrets(&text);
    assert!(assignments(&text).all(|(name, _)| !name.contains(['=', '\n'])));
    let (hermes, root) = (Path::new("/opt/h/bin/hermes"), Path::new("/r"));
    let owner = Owner {
        hermes,
        root,
        home: root,
        user_home: None,
    };
    let value = owner.value(&text);
    assert!(value.split(':').all(|entry| entry.starts_with('/')));
}

/// A shell that says which words it reads. It is restricted and finds no program: should a word get out of its quotes,
/// nothing is run.
static SHELL: LazyLock<Mutex<(Child, BufReader<ChildStdout>)>> = LazyLock::new(|| {
    const READ: &str =
        r#"while IFS= read -r -d '' line; do eval "set -- $line"; printf '%s\0' "$#" "$@"; done"#;
    let mut command = Command::new("/bin/bash");
    command.args(["--norc", "--noprofile", "-r", "-c", READ]);
    command.env_clear().env("PATH", "/nonexistent");
    command.env("LC_ALL", "C.UTF-8");
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = piped.expect("bash is there");
    let out = child.stdout.take().expect("a pipe");
    Mutex::new((child, BufReader::new(out)))
});

fn quoted(data: &[u8]) {
    let text = text(&data[..data.len().min(1000)]);
    let words: Vec<&str> = text.split('\0').collect();
    let mut shell = SHELL.lock().unwrap_or_else(PoisonError::into_inner);
    let (child, from) = &mut *shell;
    let to = child.stdin.as_mut().expect("a pipe");
    to.write_all((shell_quote(&words) + "\0").as_bytes())
        .expect("written");
    let mut next = || {
        let mut word = Vec::new();
        from.read_until(0, &mut word).expect("read");
        word.pop();
        String::from_utf8_lossy(&word).into_owned()
    };
    assert_eq!(next(), words.len().to_string(), "{words:?}");
    for word in words {
        assert_eq!(next(), word);
    }
}

fn escaped(data: &[u8]) {
    let value = text(&data[..data.len().min(2000)]);
    if escape::check("value", &value).is_err() {
        return;
    }
    let home = Path::new("/h");
    let expand = |text: &str| specifiers(home).expand(text);
    let read = |written: &str| -> String {
        let all = directives(&format!("[Service]\nKey={written}\nAfter=x\n"));
        assert_eq!(all.iter().count(), 2, "{written}");
        all.value("Service", "Key").unwrap_or_default().to_owned()
    };
    for written in [escape::word(&value), escape::path(&value)] {
        let words: Vec<String> = words(&read(&written)).iter().map(|w| expand(w)).collect();
        assert_eq!(words, [&*value], "{written}");
    }
    let line = read(&format!("/bin/x {}", escape::exec(&value)));
    let commands = exec_commands(&line, expand, |_| None);
    assert_eq!(commands.len(), 1, "{line}");
    assert_eq!(commands[0].argv, ["/bin/x", &*value], "{line}");
    assert_eq!(expand(&read(&escape::line(&value))), value);
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Texts to begin with: those of this target, and the small files of the hosts that doctor is tried on.
    fn seeds(name: &str) -> Vec<Vec<u8>> {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
        let mut seeds = vec![Vec::new()];
        let mut todo = vec![
            tests.join("fuzz/corpus").join(name),
            tests.join("hosts-doctor"),
        ];
        while let Some(path) = todo.pop() {
            let Ok(meta) = fs::symlink_metadata(&path) else {
                continue;
            };
            if meta.is_dir() {
                let all = fs::read_dir(&path).expect("a directory");
                todo.extend(all.map(|entry| entry.expect("an entry").path()));
            } else if meta.is_file() && meta.len() < 4096 && !path.ends_with("expected") {
                seeds.push(fs::read(&path).expect("a file"));
            }
        }
        seeds.sort();
        seeds
    }

    /// xorshift64: the same numbers for the same seed, everywhere.
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, end: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 % end.max(1) as u64) as usize
        }
    }

    /// What readers look for.
    const TOKENS: [&str; 27] = [
        "\\\n",
        "\\\\\n",
        "\\ \n",
        "\r",
        "\"",
        "'",
        "$(",
        "${",
        "`",
        "%i",
        "%%",
        ";",
        "&&",
        "<<E\n",
        "\n[Service]\n",
        "ExecStart=",
        "hermes ",
        "gateway run",
        "sh -c ",
        "\0",
        "\u{202e}",
        "\u{1b}",
        "#",
        "=",
        ": &a [*a]\n",
        "{\"pid\":",
        "\u{a0}",
    ];

    fn mutated(seeds: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
        let mut data = seeds[dice.below(seeds.len())].clone();
        for _ in 0..=dice.below(6) {
            let at = dice.below(data.len() + 1);
            let end = (at + dice.below(16)).min(data.len());
            match dice.below(5) {
                0 => drop(data.drain(at..end)),
                1 => drop(data.splice(at..at, TOKENS[dice.below(TOKENS.len())].bytes())),
                2 => drop(data.splice(at..end, [dice.below(256) as u8])),
                3 => {
                    let piece = data[at..end].repeat(1 + dice.below(50));
                    drop(data.splice(at..at, piece));
                }
                _ => {
                    let other = &seeds[dice.below(seeds.len())];
                    let from = dice.below(other.len() + 1);
                    data.truncate(at);
                    data.extend_from_slice(&other[from..]);
                }
            }
        }
        data
    }

    /// A target with its texts as they are, and so many changed ones.
    fn play(name: &str, rounds: usize) {
        let (_, target) = TARGETS.iter().find(|(n, _)| *n == name).expect("a target");
        let seeds = seeds(name);
        assert!(seeds.len() > 100, "{} texts to begin with", seeds.len());
        // Those that need a directory of files take longer.
        let step = if rounds < 1000 { 20 } else { 1 };
        for seed in seeds.iter().step_by(step) {
            target(seed);
        }
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
        for round in 0..rounds {
            let data = mutated(&seeds, &mut dice);
            let caught = std::panic::catch_unwind(|| target(&data));
            assert!(
                caught.is_ok(),
                "{name}, round {round}: {:?}",
                String::from_utf8_lossy(&data)
            );
        }
    }

    macro_rules! plays {
        ($($test:ident $name:literal $rounds:literal),* $(,)?) => {
            $(#[test] fn $test() { play($name, $rounds); })*

            #[test]
            fn every_target_is_played() {
                assert_eq!([$($name),*], TARGETS.map(|(name, _)| name));
            }
        };
    }

    plays! {
        unit_files "unit-file" 3000,
        exec_lines "exec-line" 1000,
        shell_texts "shell" 3000,
        command_lines "command-line" 3000,
        yaml_files "yaml" 3000,
        receipts "receipt" 3000,
        settings_files "settings" 1000,
        what_systemd_says "systemd-says" 3000,
        shown_texts "texts" 1000,
        quoted_words "quoted" 3000,
        escaped_values "escaped" 3000,
        account_files "accounts" 100,
        home_files "home" 40,
        files_that_start "starters" 40,
        hosts "host" 20,
    }
}
