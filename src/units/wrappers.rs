//! Programs that run the command which stands on their own command line: where it begins. Pure.

use crate::units::wrapper_table::{WRAPPERS, Wrapper};

/// The command inside a command line.
pub(crate) struct Inner<'a> {
    /// Its words.
    pub(crate) words: &'a [String],
    /// Whether it has another file system or another account than the outer one.
    pub(crate) is_elsewhere: bool,
}

/// The command that this one runs, if its program is one that runs others.
pub(crate) fn inner(argv: &[String]) -> Option<Inner<'_>> {
    let program = base(argv.first()?);
    WRAPPERS.iter().find_map(|wrapper| {
        let mut names = wrapper.name.split(' ');
        if names.next() != Some(program) {
            return None;
        }
        let mut rest = wrapper.skip_options(&argv[1..]);
        for name in names {
            let [first, more @ ..] = rest else {
                return None;
            };
            if first != name {
                return None;
            }
            rest = wrapper.skip_options(more);
        }
        rest = rest.get(wrapper.operands..)?;
        if rest.first().is_some_and(|word| word == "--") {
            rest = &rest[1..];
        }
        Some(Inner {
            words: rest,
            is_elsewhere: wrapper.is_elsewhere,
        })
    })
}

impl Wrapper {
    fn skip_options<'a>(&self, words: &'a [String]) -> &'a [String] {
        let mut at = 0;
        while let Some(word) = words.get(at) {
            let Some(option) = word.strip_prefix('-').filter(|o| !o.is_empty()) else {
                break;
            };
            at += 1;
            if option == "-" {
                break;
            }
            let takes_word = match option.strip_prefix('-') {
                Some(long) => self.long.contains(&long),
                // The word of a cluster's last option is the next one; `-n5` has it attached.
                None => option
                    .find(|c| self.short.contains(c))
                    .is_some_and(|i| i + 1 == option.len()),
            };
            at += usize::from(takes_word);
        }
        words.get(at..).unwrap_or_default()
    }
}

/// The shell's text on the command line of a program that takes one, and the parameters behind it.
pub(crate) fn shell_text(argv: &[String]) -> Option<(String, &[String])> {
    let program = base(argv.first()?);
    let after = |at: usize| argv.get(at + 1..).unwrap_or_default();
    let is_text_option = |word: &String| {
        let cluster = word.strip_prefix('-').filter(|o| !o.starts_with('-'));
        cluster.is_some_and(|o| o.ends_with('c')) || word == "--command"
    };
    match program {
        "sh" | "bash" | "dash" | "zsh" | "ksh" | "ash" | "busybox" | "su" | "runuser"
        | "script" | "flock" => {
            let at = argv.iter().position(is_text_option)?;
            // `$0` stands between a shell's text and its parameters.
            Some((
                argv.get(at + 1)?.clone(),
                argv.get(at + 3..).unwrap_or_default(),
            ))
        }
        "sops" => {
            let at = argv.iter().position(|word| word == "exec-env")?;
            Some((after(at).get(1)?.clone(), &[]))
        }
        "nix-shell" => {
            let at = argv.iter().position(|w| w == "--run" || w == "--command")?;
            Some((after(at).first()?.clone(), &[]))
        }
        "start-stop-daemon" => {
            let program = |w: &String| matches!(w.as_str(), "-x" | "--exec" | "-a" | "--startas");
            let starts = argv.iter().any(|w| w == "-S" || w == "--start");
            let at = argv.iter().position(program).filter(|_| starts)?;
            let end = argv.iter().position(|w| w == "--").unwrap_or(argv.len());
            Some((
                [&[after(at).first()?.clone()], after(end)]
                    .concat()
                    .join(" "),
                &[],
            ))
        }
        "eval" | "watch" => Some((argv[1..].join(" "), &[])),
        "tmux" => {
            let at = argv.iter().position(|w| {
                matches!(w.as_str(), "new-session" | "new" | "new-window" | "neww")
            })?;
            let window = Wrapper {
                name: "tmux",
                short: "cefFnstxy",
                long: &[],
                operands: 0,
                is_elsewhere: false,
            };
            Some((window.skip_options(after(at)).join(" "), &[]))
        }
        _ => None,
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
}
