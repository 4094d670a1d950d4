//! Texts of a shell on the command lines of programs that run one, or that type it into a terminal. Pure.

use crate::host::process::shell_quote;
use crate::units::exec_line::script_text::is_shell;
use crate::units::exec_line::wrapper::{Environment, Wrapper, same};
use crate::units::exec_line::wrappers::{Becoming, base};

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
    let (program, words) = argv.split_first()?;
    let program = base(program);
    match program {
        "sh" | "bash" | "dash" | "zsh" | "ksh" | "ash" | "fish" | "busybox" | "su" | "runuser"
        | "script" | "flock" | "sg" => {
            let at = argv.iter().position(is_text_option)?;
            Some(ShellText {
                // `$0` stands between a shell's text and its parameters.
                parameters: argv.get(at + 3..).unwrap_or_default(),
                becoming: matches!(program, "su" | "runuser").then(|| login(words)),
                ..ShellText::plain(argv.get(at + 1)?.clone())
            })
        }
        "sops" => plain(behind(words, &["exec-env"])?.get(1)?),
        "nix-shell" => plain(behind(words, &["--run", "--command"])?.first()?),
        "start-stop-daemon" => started_daemon(words),
        "eval" | "watch" => plain(words.join(" ")),
        "tmux" | "byobu" => match behind(words, &["send-keys", "send"]) {
            Some(words) => Some(typed_by_tmux(words)),
            None => {
                let verbs = ["new-session", "new", "new-window", "neww"];
                let window = terminal("tmux", "cefFnstxy");
                plain(window.options(behind(words, &verbs)?).rest.join(" "))
            }
        },
        "screen" => plain(
            behind(words, &["stuff"])?
                .first()?
                .replace("\\n", "\n")
                .replace("\\r", "\n")
                .replace("^M", "\n"),
        ),
        // The program or text behind `start`, and what stands behind `--`.
        "pm2" | "pm2-runtime" => {
            let start = behind(words, &["start"])?;
            let started = terminal("pm2", "nifl").options(start).rest.first()?;
            plain(joined(started, words))
        }
        _ => None,
    }
}

impl ShellText<'_> {
    fn plain(text: String) -> Self {
        ShellText {
            text,
            parameters: &[],
            becoming: None,
            terminal: None,
        }
    }
}

fn plain<'a>(text: impl Into<String>) -> Option<ShellText<'a>> {
    Some(ShellText::plain(text.into()))
}

fn is_text_option(word: &String) -> bool {
    let cluster = word.strip_prefix('-').filter(|o| !o.starts_with('-'));
    cluster.is_some_and(|o| o.ends_with('c')) || word == "--command"
}

/// The words behind the first that is one of these.
fn behind<'w>(words: &'w [String], which: &[&str]) -> Option<&'w [String]> {
    let at = words.iter().position(|word| which.contains(&&**word))?;
    Some(&words[at + 1..])
}

/// A program with the words for it, which stand behind `--`.
fn joined(program: &String, words: &[String]) -> String {
    let own = behind(words, &["--"]).unwrap_or_default();
    [std::slice::from_ref(program), own].concat().join(" ")
}

/// What start-stop-daemon(8) starts: the program of `--startas`, else of `--exec`, with what stands behind its options, as
/// the account of `--chuid`, whose home directory it sets, in `/` or the directory of `--chdir`.
fn started_daemon(words: &[String]) -> Option<ShellText<'_>> {
    let daemon = same(
        "start-stop-daemon",
        "acdgknprsuxINOPR",
        &[
            "chdir",
            "chroot",
            "chuid",
            "exec",
            "group",
            "iosched",
            "name",
            "nicelevel",
            "notify-timeout",
            "output",
            "pid",
            "pidfile",
            "ppid",
            "procsched",
            "retry",
            "signal",
            "startas",
            "umask",
            "user",
        ],
        0,
    );
    let options = daemon.options(words);
    if !options.has(&["S", "start"]) || options.has(&["t", "test"]) {
        return None;
    }
    let program = options.value(&["a", "startas"]);
    let program = program.or(options.value(&["x", "exec"]))?;
    let argv = [&[program.to_owned()], options.rest].concat();
    let directory = options.value(&["d", "chdir"]).unwrap_or("/");
    let text = format!("cd {}; {}", shell_quote(&[directory]), shell_quote(&argv));
    let account = options.value(&["c", "chuid"]);
    let becoming = match options.has(&["r", "chroot"]) {
        true => Some(Becoming::UNKNOWN),
        false => account.map(|account| Becoming::of(account, Environment::Home)),
    };
    Some(ShellText {
        becoming,
        ..ShellText::plain(text)
    })
}

/// What is typed into a terminal, up to the key that ends the line.
fn typed_by_tmux(words: &[String]) -> ShellText<'_> {
    let options = terminal("tmux", "tN").options(words);
    let is_key = |word: &&String| matches!(word.as_str(), "Enter" | "C-m" | "KPEnter");
    let keys = options.rest.iter().take_while(|word| !is_key(word));
    let typed: Vec<&str> = keys.map(String::as_str).collect();
    let target = options.value(&["t"]).unwrap_or_default();
    ShellText {
        terminal: Some(target.to_owned()),
        ..ShellText::plain(typed.join(" "))
    }
}

/// A program whose short options take these words.
fn terminal(name: &'static str, short: &'static str) -> Wrapper {
    same(name, short, &["name", "interpreter"], 0)
}

/// Whom `su` and `runuser` become: their options stand before and behind the name (su(1)).
fn login(words: &[String]) -> Becoming {
    let su = same(
        "su",
        "cgGsw",
        &[
            "command",
            "session-command",
            "group",
            "supp-group",
            "shell",
            "whitelist-environment",
        ],
        0,
    );
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
