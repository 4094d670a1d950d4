//! Programs that run the command which stands on their own command line: where it begins, and as whom it runs. Pure.

use crate::units::nix_command::in_nix_shell;
use crate::units::wrapper_table::{Becomes, Environment, WRAPPERS, Wrapper};

/// The command inside a command line.
pub(crate) struct Inner<'a> {
    /// Its words.
    pub(crate) words: &'a [String],
    /// As whom it runs, if not as the outer one.
    pub(crate) becoming: Option<Becoming>,
}

/// A text of the shell's on the command line of a program that takes one.
pub(crate) struct ShellText<'a> {
    /// The text.
    pub(crate) text: String,
    /// `$1`, `$2`, …
    pub(crate) parameters: &'a [String],
    /// As whom it runs, if not as the outer command.
    pub(crate) becoming: Option<Becoming>,
}

/// As whom a command runs, and with what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Becoming {
    /// The account, by name or number; `None` where the words do not say, or its files are not those of this host.
    pub(crate) user: Option<String>,
    /// What it keeps of the environment.
    pub(crate) environment: Environment,
}

impl Becoming {
    const UNKNOWN: Self = Self {
        user: None,
        environment: Environment::Kept,
    };

    /// `USER`, `USER:GROUP`, and `#1000` or `:1000:1000` for numbers.
    fn of(user: &str, environment: Environment) -> Self {
        let name = user.trim_start_matches(['#', ':']);
        let name = name.split(':').next().unwrap_or(name);
        Self {
            user: (!name.is_empty()).then(|| name.to_owned()),
            environment,
        }
    }
}

/// The command that this one runs, if its program is one that runs others.
pub(crate) fn inner(argv: &[String]) -> Option<Inner<'_>> {
    let program = base(argv.first()?);
    if program == "nix" {
        return in_nix_shell(argv);
    }
    WRAPPERS.iter().find_map(|wrapper| {
        let mut names = wrapper.name.split(' ');
        if names.next() != Some(program) {
            return None;
        }
        let mut options = wrapper.options(&argv[1..]);
        for name in names {
            let [first, more @ ..] = options.rest else {
                return None;
            };
            if first != name {
                return None;
            }
            options = wrapper.options(more);
        }
        let (operands, mut words) = options.rest.split_at_checked(wrapper.operands)?;
        if words.first().is_some_and(|word| word == "--") {
            words = &words[1..];
        }
        Some(Inner {
            words,
            becoming: wrapper.becoming(&options, operands),
        })
    })
}

/// The options that stand before a command.
struct Options<'a> {
    /// The name of each without its dashes, and its word, if it has one.
    named: Vec<(&'a str, Option<&'a str>)>,
    /// What follows.
    rest: &'a [String],
}

impl Options<'_> {
    fn has(&self, names: &[&str]) -> bool {
        self.named.iter().any(|(name, _)| names.contains(name))
    }

    fn value(&self, names: &[&str]) -> Option<&str> {
        let mut named = self.named.iter().rev();
        named.find(|(name, _)| names.contains(name))?.1
    }
}

impl Wrapper {
    fn options<'a>(&self, words: &'a [String]) -> Options<'a> {
        let mut at = 0;
        let mut named = Vec::new();
        while let Some(word) = words.get(at) {
            let Some(option) = word.strip_prefix('-').filter(|o| !o.is_empty()) else {
                break;
            };
            at += 1;
            if option == "-" {
                break;
            }
            let mut next = |takes_word: bool| {
                let word = words.get(at).filter(|_| takes_word).map(String::as_str);
                at += usize::from(takes_word);
                word
            };
            match option.strip_prefix('-') {
                Some(long) => named.push(match long.split_once('=') {
                    Some((name, value)) => (name, Some(value)),
                    None => (long, next(self.long.contains(&long))),
                }),
                // A cluster; the word of its last option is the next one, `-n5` has it attached.
                None => {
                    for (i, c) in option.char_indices() {
                        let (name, attached) = option[i..].split_at(c.len_utf8());
                        if !self.short.contains(c) {
                            named.push((name, None));
                            continue;
                        }
                        let value = match attached {
                            "" => next(true),
                            value => Some(value),
                        };
                        named.push((name, value));
                        break;
                    }
                }
            }
        }
        Options {
            named,
            rest: words.get(at..).unwrap_or_default(),
        }
    }

    fn becoming(&self, options: &Options, operands: &[String]) -> Option<Becoming> {
        match self.becomes {
            Becomes::Same => None,
            Becomes::Elsewhere => Some(Becoming::UNKNOWN),
            Becomes::Operand(environment) => Some(Becoming::of(operands.last()?, environment)),
            Becomes::Option(names, other, environment) => {
                let user = options.value(names).or(other)?;
                let keeps = options.has(&["E", "preserve-env"]) && self.name == "sudo";
                Some(match keeps {
                    true => Becoming::of(user, Environment::Home),
                    false if options.has(&["reset-env"]) => Becoming::of(user, Environment::Reset),
                    false => Becoming::of(user, environment),
                })
            }
        }
    }
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
    };
    Some(match program {
        "sh" | "bash" | "dash" | "zsh" | "ksh" | "ash" | "fish" | "busybox" | "su" | "runuser"
        | "script" | "flock" => {
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
        "tmux" if argv.iter().any(|w| w == "send-keys" || w == "send") => {
            let at = argv.iter().position(|w| w == "send-keys" || w == "send")?;
            let keys = terminal("tmux", "tN").options(after(at)).rest.iter();
            let is_key = |word: &&String| matches!(word.as_str(), "Enter" | "C-m" | "KPEnter");
            let typed: Vec<&str> = keys
                .take_while(|w| !is_key(w))
                .map(String::as_str)
                .collect();
            plain(typed.join(" "))
        }
        "screen" if argv.iter().any(|w| w == "stuff") => {
            let at = argv.iter().position(|w| w == "stuff")?;
            let typed = after(at).first()?;
            plain(typed.replace("\\n", "\n").replace("^M", "\n"))
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
        "tmux" => {
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

/// The last part of a path.
pub(crate) fn base(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Option<String> {
        let argv: Vec<String> = line.split(' ').map(str::to_owned).collect();
        inner(&argv).map(|i| i.words.join(" "))
    }

    #[test]
    fn the_command_begins_behind_options_and_operands() {
        for (line, words) in [
            (
                "/usr/bin/nice -n 5 hermes gateway run",
                "hermes gateway run",
            ),
            ("nice -n5 hermes", "hermes"),
            ("flock -n -E 0 /run/x.lock hermes", "hermes"),
            ("env -u A -i B=1 hermes", "B=1 hermes"),
            ("sudo -u bob -H -- hermes", "hermes"),
            ("uv --directory /srv/h run --python 3.11 hermes", "hermes"),
            ("timeout -k 5 1h hermes", "hermes"),
            ("ip netns exec vpn hermes", "hermes"),
            ("screen -dmS bot hermes", "hermes"),
            ("runuser -u bob -- hermes", "hermes"),
            ("nix develop /srv/h --impure -c hermes", "hermes"),
            ("nix shell nixpkgs#git --command hermes", "hermes"),
        ] {
            assert_eq!(of(line).as_deref(), Some(words), "{line}");
        }
        for line in [
            "pgrep -f hermes",
            "ssh host hermes gateway run",
            "uv pip install hermes",
            "logger hermes",
        ] {
            assert_eq!(of(line), None, "{line}");
        }
    }
    #[test]
    fn an_account_is_told_with_what_it_keeps() {
        use Environment::{Home, Kept, Reset};
        let argv = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        for (line, user, environment) in [
            ("sudo -u bob hermes", Some("bob"), Reset),
            ("sudo -iu bob hermes", Some("bob"), Reset),
            ("sudo -E --user=bob hermes", Some("bob"), Home),
            ("sudo hermes", Some("root"), Reset),
            ("runuser -u bob -- hermes", Some("bob"), Home),
            (
                "setpriv --reuid bob --init-groups hermes",
                Some("bob"),
                Kept,
            ),
            ("setpriv --reuid=bob --reset-env hermes", Some("bob"), Reset),
            ("gosu bob:users hermes", Some("bob"), Home),
            ("chpst -u :1000:1000 -e /x hermes", Some("1000"), Kept),
            ("s6-setuidgid bob hermes", Some("bob"), Kept),
            ("systemd-run --uid=bob --scope hermes", Some("bob"), Reset),
            ("chroot /srv hermes", None, Kept),
        ] {
            let argv = argv(line);
            let becoming = inner(&argv).and_then(|i| i.becoming);
            let becoming = becoming.unwrap_or_else(|| panic!("{line}"));
            assert_eq!(becoming.user.as_deref(), user, "{line}");
            assert_eq!(becoming.environment, environment, "{line}");
        }
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
        for line in [
            "setpriv --no-new-privs hermes",
            "chpst -P hermes",
            "nice hermes",
        ] {
            assert!(
                inner(&argv(line)).is_some_and(|i| i.becoming.is_none()),
                "{line}"
            );
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
