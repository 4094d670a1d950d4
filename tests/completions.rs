//! What the three shells offer at the tab key, by themselves: their own completion systems run the scripts. Played where
//! the shells are installed: `.ci/packages` does that, and `.ci/run` calls these tests.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A home directory with two profiles and a unit, the scripts, and the program on PATH.
struct Desk {
    top: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let top = tempfile::tempdir().unwrap();
        let home = top.path();
        for directory in [
            ".hermes/profiles/coder",
            ".hermes/profiles/no such name",
            ".config/systemd/user/hermes-gateway@ops.service.d",
            "scripts",
            "bin",
        ] {
            std::fs::create_dir_all(home.join(directory)).unwrap();
        }
        std::fs::write(home.join(".config/systemd/user/bot.service"), "").unwrap();
        let program = assert_cmd::cargo::cargo_bin!("hermes-install");
        std::os::unix::fs::symlink(program, home.join("bin/hermes-install")).unwrap();
        for (shell, name) in [
            ("bash", "bash"),
            ("fish", "fish"),
            ("zsh", "_hermes-install"),
        ] {
            let done = crate::tool::program()
                .args(["generate", "completions", shell])
                .output()
                .unwrap();
            assert!(done.status.success());
            std::fs::write(home.join("scripts").join(name), done.stdout).unwrap();
        }
        Self { top }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.top.path().join(name)
    }

    /// What a shell prints for these arguments; nothing may be said on standard error.
    fn run(&self, shell: &str, arguments: &[&str]) -> String {
        let path = std::env::var("PATH").unwrap();
        let done = Command::new(shell)
            .args(arguments)
            .env_clear()
            .env("HOME", self.top.path())
            .env("PATH", format!("{}:{path}", self.path("bin").display()))
            .env("TERM", "dumb")
            .current_dir(self.top.path())
            .output()
            .unwrap_or_else(|e| panic!("{shell} (.ci/packages installs it): {e}"));
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(said.is_empty(), "{shell} {arguments:?}: {said}");
        String::from_utf8_lossy(&done.stdout).into_owned()
    }

    /// The words that bash offers at the end of a line; bash-completion loads the script as it does for a person.
    fn bash(&self, line: &str) -> Vec<String> {
        let script = format!(
            "source /usr/share/bash-completion/bash_completion\nsource {}\n\
             read -ra COMP_WORDS <<<'{line}x'; COMP_WORDS[-1]=${{COMP_WORDS[-1]%x}}\n\
             COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); COMP_TYPE=9; COMP_LINE='{line}'; COMP_POINT=${{#COMP_LINE}}\n\
             entry=$(complete -p hermes-install) && entry=${{entry#*-F }} && entry=${{entry%% *}}\n\
             $entry hermes-install \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\" 2>/dev/null\n\
             printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            self.path("scripts/bash").display()
        );
        words(&self.run("bash", &["--norc", "-c", &script]))
    }

    /// Those of fish, which has a command for it.
    fn fish(&self, line: &str) -> Vec<String> {
        let script = format!(
            "source {}; complete -C '{line}'",
            self.path("scripts/fish").display()
        );
        words(&self.run("fish", &["--no-config", "-c", &script]))
    }

    /// Those of zsh, whose completion works in an editor of lines only: one in a terminal of zsh's own, where the key is
    /// pressed, and a `compadd` that writes down what it is given.
    fn zsh(&self, line: &str) -> Vec<String> {
        let start = self.path("start");
        let text = format!(
            "PS1='ready> '; fpath=({0} $fpath); autoload -U compinit; compinit -u -D\n\
             compadd() {{ local -a found; builtin compadd -O found \"$@\"; print -l -- $found >>{1}; builtin compadd \"$@\" }}\n\
             ended() {{ print -- .end >>{1} }}; comppostfuncs=(ended)\n",
            self.path("scripts").display(),
            self.path("offered").display()
        );
        std::fs::write(&start, text).unwrap();
        let _ = std::fs::remove_file(self.path("offered"));
        let script = format!(
            "zmodload zsh/zpty; zpty z zsh -f -i; zpty -w z 'source {}'\n\
             zpty -r -m z text '*ready> *'; zpty -n -w z $'{line}\\t'\n\
             for turn in {{1..300}}; do\n\
               [[ -e {offered} ]] && grep -qx .end {offered} && break; zpty -r -t z text; sleep 0.1\n\
             done; zpty -d z; cat {offered}",
            start.display(),
            offered = self.path("offered").display(),
        );
        words(&self.run("zsh", &["-f", "-c", &script]))
    }
}

/// The first word of each line; descriptions follow behind a tab or a colon.
fn words(text: &str) -> Vec<String> {
    let words = text.lines().filter_map(|line| line.split(['\t']).next());
    let words = words.map(|word| word.trim().to_owned());
    let mut words: Vec<String> = words.filter(|w| !w.is_empty() && w != ".end").collect();
    words.sort();
    words.dedup();
    words
}

#[test]
#[ignore = "needs bash-completion, fish and zsh, which .ci/packages installs; .ci/run calls it"]
fn three_shells_offer_commands_profiles_rules_settings_and_units() {
    let desk = Desk::new();
    type Offer = fn(&Desk, &str) -> Vec<String>;
    let shells: [(&str, Offer); 3] = [
        ("bash", Desk::bash),
        ("fish", Desk::fish),
        ("zsh", Desk::zsh),
    ];
    for (shell, offer) in shells {
        for (line, wanted, unwanted) in [
            ("hermes-install st", "status", "planned-stop"),
            ("hermes-install logs ", "coder", "no such name"),
            ("hermes-install status --profile ", "ops", "no"),
            ("hermes-install restart co", "coder", "ops"),
            (
                "hermes-install doctor --explain restart-al",
                "restart-always",
                "owner-none",
            ),
            ("hermes-install --reset drain", "drain-timeout", "hermes"),
            ("hermes-install shield --unit bo", "bot.service", "bot"),
            ("hermes-install status --pro", "--prometheus", "--json"),
        ] {
            let offered = offer(&desk, line);
            assert!(
                offered.iter().any(|w| w == wanted),
                "{shell}: {line}: {offered:?}"
            );
            assert!(
                !offered.iter().any(|w| w == unwanted),
                "{shell}: {line}: {offered:?}"
            );
        }
    }
}

#[test]
fn a_shell_is_answered_without_a_word_on_standard_error() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(home.path().join(".hermes/profiles/zz-only-here")).unwrap();
    let ask = |shell: &str, words: &[&str], home: &Path| {
        let mut program = crate::tool::program();
        program
            .env("HERMES_INSTALL_COMPLETE", shell)
            .env("_CLAP_COMPLETE_INDEX", (words.len() - 1).to_string())
            .env("HOME", home);
        let done = program.arg("--").args(words).output().unwrap();
        assert!(done.status.success() && done.stderr.is_empty(), "{done:?}");
        String::from_utf8_lossy(&done.stdout).into_owned()
    };
    let logs = ["hermes-install", "logs", "zz-on"];
    assert_eq!(ask("bash", &logs, home.path()), "zz-only-here");
    assert_eq!(ask("bash", &logs, Path::new("/no/such/home")), "");
    assert_eq!(ask("tcsh", &logs, home.path()), "");
    let offered = ask("bash", &["hermes-install", ""], home.path());
    let offered: Vec<&str> = offered.split('\n').collect();
    for command in crate::cli::commands() {
        assert!(
            offered.contains(&command.as_str()),
            "{command}: {offered:?}"
        );
    }
    assert!(
        !offered.contains(&"planned-stop"),
        "what units call: {offered:?}"
    );
}

/// bash puts what is offered on the line as it is, and whoever presses enter then runs it.
#[test]
fn no_name_of_a_file_is_offered_that_a_shell_takes_for_more_than_a_word() {
    let place = tempfile::tempdir().unwrap();
    for name in [
        "own.toml",
        "schön.toml",
        "own;id>pwned;#",
        "own $(id)",
        "own`id`",
        "own*",
        "own\nid",
        "own'",
        "own\u{1b}[31m",
    ] {
        std::fs::write(place.path().join(name), "").unwrap();
    }
    std::fs::create_dir(place.path().join("own-directory")).unwrap();
    std::fs::create_dir(place.path().join("own&")).unwrap();
    for (option, wanted) in [
        ("--config", ["own-directory/", "own.toml"].as_slice()),
        ("--root", &["own-directory/", "own.toml"]),
        ("--hermes", &["own-directory/", "own.toml"]),
    ] {
        let mut program = crate::tool::program();
        program
            .env("HERMES_INSTALL_COMPLETE", "bash")
            .env("_CLAP_COMPLETE_INDEX", "2")
            .current_dir(place.path());
        let done = program.args(["--", "hermes-install", option, "own"]);
        let done = done.output().unwrap();
        let offered = String::from_utf8_lossy(&done.stdout).into_owned();
        let offered: Vec<&str> = offered.split('\n').collect();
        assert_eq!(offered, wanted, "{option}");
    }
}
