//! Programs that run the command which stands on their own command line: where it begins, and as whom it runs. Pure.

use crate::units::exec_line::nix_command::in_nix_shell;
use crate::units::exec_line::wrapper::{Becomes, Environment, Wrapper};
use crate::units::exec_line::wrapper_table::WRAPPERS;

/// The command inside a command line.
pub(crate) struct Inner<'a> {
    /// Its words.
    pub(crate) words: &'a [String],
    /// As whom it runs, if not as the outer one.
    pub(crate) becoming: Option<Becoming>,
    /// What options of the outer one put into its environment, as `NAME=VALUE`.
    pub(crate) set: Vec<&'a str>,
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
    pub(super) const UNKNOWN: Self = Self {
        user: None,
        environment: Environment::Kept,
    };

    /// `USER`, `USER:GROUP`, and `#1000` or `:1000:1000` for numbers.
    pub(super) fn of(user: &str, environment: Environment) -> Self {
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
            set: options.values(wrapper.sets),
        })
    })
}

/// The options that stand before a command.
pub(super) struct Options<'a> {
    /// The name of each without its dashes, and its word, if it has one.
    named: Vec<(&'a str, Option<&'a str>)>,
    /// What follows.
    pub(super) rest: &'a [String],
}

impl<'a> Options<'a> {
    fn values(&self, names: &[&str]) -> Vec<&'a str> {
        let named = self.named.iter().filter(|(name, _)| names.contains(name));
        named.filter_map(|(_, value)| *value).collect()
    }

    pub(super) fn has(&self, names: &[&str]) -> bool {
        self.named.iter().any(|(name, _)| names.contains(name))
    }

    pub(super) fn value(&self, names: &[&str]) -> Option<&str> {
        let mut named = self.named.iter().rev();
        named.find(|(name, _)| names.contains(name))?.1
    }
}

impl Wrapper {
    pub(super) fn options<'a>(&self, words: &'a [String]) -> Options<'a> {
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
                let environment = if keeps {
                    Environment::Home
                } else if options.has(&["reset-env"]) {
                    Environment::Reset
                } else {
                    environment
                };
                Some(Becoming::of(user, environment))
            }
        }
    }
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
    }
}
