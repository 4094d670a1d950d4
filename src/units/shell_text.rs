//! Texts of a shell on the command lines of programs that run one, or that type it into a terminal. Pure.

use crate::units::script_text::is_shell;
use crate::units::wrapper::{Becomes, Environment, Wrapper};
use crate::units::wrappers::{Becoming, base};

/// A text of the shell's on the command line of a program that takes one.
pub(crate) struct ShellText<'a> {
    /// The text.
    pub(crate) text: String,
    /// `$1`, `$2`, …
    pub(crate) parameters: &'a [String],
    /// As whom it runs, if not as the outer command.
    pub(crate) becoming: Option<Becoming>,
    /// The terminal that it is typed into, which remembers what was typed before.
    pub(crate) terminal: Option<String>,
}

/// The shell's text on the command line of a program that takes one.
pub(crate) fn shell_text(argv: &[String]) -> Option<ShellText<'_>> {
    let program = base(argv.first()?);
    let after = |at: usize| argv.get(at + 1..).unwrap_or_default();
    let is_text_option = |word: &String| {
        let cluster = word.strip_prefix('-').filter(|o| !o.starts_with('-'));
        cluster.is_some_and(|o| o.ends_with('c')) || word == "--command"
    };
    let plain = |text: String| ShellText {
        text,
        parameters: &[],
        becoming: None,
        terminal: None,
    };
    Some(match program {
        "sh" | "bash" | "dash" | "zsh" | "ksh" | "ash" | "fish" | "busybox" | "su" | "runuser"
        | "script" | "flock" | "sg" => {
            let at = argv.iter().position(is_text_option)?;
            ShellText {
                // `$0` stands between a shell's text and its parameters.
                parameters: argv.get(at + 3..).unwrap_or_default(),
                becoming: matches!(program, "su" | "runuser").then(|| login(&argv[1..])),
                ..plain(argv.get(at + 1)?.clone())
            }
        }
        "sops" => {
            let at = argv.iter().position(|word| word == "exec-env")?;
            plain(after(at).get(1)?.clone())
        }
        "nix-shell" => {
            let at = argv.iter().position(|w| w == "--run" || w == "--command")?;
            plain(after(at).first()?.clone())
        }
        "start-stop-daemon" => {
            let program = |w: &String| matches!(w.as_str(), "-x" | "--exec" | "-a" | "--startas");
            let starts = argv.iter().any(|w| w == "-S" || w == "--start");
            let at = argv.iter().position(program).filter(|_| starts)?;
            let end = argv.iter().position(|w| w == "--").unwrap_or(argv.len());
            let words = [&[after(at).first()?.clone()], after(end)].concat();
            ShellText {
                becoming: Some(Becoming::UNKNOWN),
                ..plain(words.join(" "))
            }
        }
        "eval" | "watch" => plain(argv[1..].join(" ")),
        // What is typed into a terminal.
        "tmux" | "byobu" if argv.iter().any(|w| w == "send-keys" || w == "send") => {
            let at = argv.iter().position(|w| w == "send-keys" || w == "send")?;
            let options = terminal("tmux", "tN").options(after(at));
            let keys = options.rest.iter();
            let is_key = |word: &&String| matches!(word.as_str(), "Enter" | "C-m" | "KPEnter");
            let typed: Vec<&str> = keys
                .take_while(|w| !is_key(w))
                .map(String::as_str)
                .collect();
            let target = options.value(&["t"]).unwrap_or_default();
            ShellText {
                terminal: Some(target.to_owned()),
                ..plain(typed.join(" "))
            }
        }
        "screen" if argv.iter().any(|w| w == "stuff") => {
            let at = argv.iter().position(|w| w == "stuff")?;
            let typed = after(at).first()?;
            plain(
                typed
                    .replace("\\n", "\n")
                    .replace("\\r", "\n")
                    .replace("^M", "\n"),
            )
        }
        // The program or text behind `start`, and what stands behind `--`.
        "pm2" | "pm2-runtime" => {
            let at = argv.iter().position(|w| w == "start")?;
            let end = argv.iter().position(|w| w == "--").unwrap_or(argv.len());
            let started = terminal("pm2", "nifl").options(after(at)).rest.first()?;
            plain(
                [std::slice::from_ref(started), after(end)]
                    .concat()
                    .join(" "),
            )
        }
        "tmux" | "byobu" => {
            let at = argv.iter().position(|w| {
                matches!(w.as_str(), "new-session" | "new" | "new-window" | "neww")
            })?;
            let window = terminal("tmux", "cefFnstxy");
            plain(window.options(after(at)).rest.join(" "))
        }
        _ => return None,
    })
}

/// A program whose short options take these words.
fn terminal(name: &'static str, short: &'static str) -> Wrapper {
    Wrapper {
        name,
        short,
        long: &["name", "interpreter"],
        operands: 0,
        becomes: Becomes::Same,
    }
}

/// Whom `su` and `runuser` become: their options stand before and behind the name (su(1)).
fn login(words: &[String]) -> Becoming {
    let su = Wrapper {
        name: "su",
        short: "cgGsw",
        long: &[
            "command",
            "session-command",
            "group",
            "supp-group",
            "shell",
            "whitelist-environment",
        ],
        operands: 0,
        becomes: Becomes::Same,
    };
    let (mut user, mut environment, mut rest) = (None, Environment::Home, words);
    while !rest.is_empty() {
        let options = su.options(rest);
        match () {
            () if options.has(&["l", "login"]) => environment = Environment::Reset,
            () if environment == Environment::Reset => {}
            () if options.has(&["m", "p", "preserve-environment"]) => {
                environment = Environment::Kept;
            }
            () => {}
        }
        let [word, more @ ..] = options.rest else {
            break;
        };
        rest = more;
        match word.as_str() {
            "-" => environment = Environment::Reset,
            name => {
                user.get_or_insert(name);
            }
        }
    }
    Becoming::of(user.unwrap_or("root"), environment)
}

/// The shell that a command line starts without a command, so that it runs what it reads: its parameters, and as whom.
pub(crate) fn typed(argv: &[String]) -> Option<(&[String], Option<Becoming>)> {
    let (program, words) = argv.split_first()?;
    match base(program) {
        "su" => Some((&[], Some(login(words)))),
        "runuser" if !words.iter().any(|word| word == "-u") => Some((&[], Some(login(words)))),
        "at" | "batch" => Some((&[], None)),
        program if is_shell(program) || program == "fish" => {
            let is_option = |word: &&String| word.starts_with(['-', '+']);
            let end = words.iter().take_while(is_option).count();
            let (options, operands) = words.split_at(end);
            let reads = |word: &String| !word.starts_with("--") && word.contains('s');
            let is_told = options.iter().any(reads);
            (is_told || operands.is_empty()).then_some((operands, None))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_without_a_command_runs_what_it_reads() {
        let argv = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        for (line, parameters) in [
            ("bash", Some("")),
            ("bash -s -- a b", Some("a b")),
            ("sh -es a", Some("a")),
            ("su - bob", Some("")),
            ("at now", Some("")),
            ("bash x.sh", None),
            ("runuser -u bob", None),
            ("cat -", None),
        ] {
            let argv = argv(line);
            let found = typed(&argv).map(|(parameters, _)| parameters.join(" "));
            assert_eq!(found.as_deref(), parameters, "{line}");
        }
    }

    #[test]
    fn a_text_is_found_with_the_account_that_runs_it() {
        use Environment::{Home, Kept, Reset};
        let argv = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        for (line, typed) in [
            (
                "tmux send-keys -t gw hermes gateway run Enter",
                "hermes gateway run",
            ),
            ("screen -S gw -X stuff hermes\\n", "hermes\n"),
            (
                "pm2 start hermes --name bot -- gateway run",
                "hermes gateway run",
            ),
        ] {
            let argv = argv(line);
            let text = shell_text(&argv).map(|shell| shell.text);
            assert_eq!(text.as_deref(), Some(typed), "{line}");
        }
        for (line, user, environment) in [
            ("su - bob -c x", "bob", Reset),
            ("su -l -s /bin/sh bob -c x", "bob", Reset),
            ("su bob -c x", "bob", Home),
            ("su -c x bob", "bob", Home),
            ("su -m bob -c x", "bob", Kept),
            ("runuser -l bob -c x", "bob", Reset),
            ("su -c x", "root", Home),
        ] {
            let argv = argv(line);
            let text = shell_text(&argv).unwrap_or_else(|| panic!("{line}"));
            let expected = Becoming::of(user, environment);
            assert_eq!(
                (text.text.as_str(), text.becoming),
                ("x", Some(expected)),
                "{line}"
            );
        }
    }
}
