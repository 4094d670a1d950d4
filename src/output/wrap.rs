//! Sentences in lines of at most so many columns: words are never cut, and a command stays whole.

use std::fmt::Write as _;

use super::{GOOD, lines, visible};

/// Fewer columns are taken for so many.
pub(crate) const LEAST: usize = 40;

/// A text in lines of at most so many characters. A word is never cut.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut columns = 0;
    for word in words(text) {
        let length = word.chars().count();
        match lines.last_mut() {
            Some(line) if columns + 1 + length <= width => {
                line.push(' ');
                line.push_str(word);
                columns += 1 + length;
            }
            _ => {
                lines.push(word.to_owned());
                columns = length;
            }
        }
    }
    lines
}

/// The words of a text. What stands between backticks is one.
fn words(text: &str) -> Vec<&str> {
    let pieces = pieces(text);
    let is_paired = pieces.len() % 2 == 1;
    let (mut words, mut begin, mut at) = (Vec::new(), 0, 0);
    for (n, piece) in pieces.iter().enumerate() {
        let is_quoted = is_paired && n % 2 == 1;
        for (gap, _) in piece.match_indices(' ').filter(|_| !is_quoted) {
            words.push(&text[begin..at + gap]);
            begin = at + gap + 1;
        }
        at += piece.len() + 1;
    }
    words.push(&text[begin..]);
    words.retain(|word| !word.is_empty());
    words
}

/// A message of a run, behind its label: its lines are wrapped two columns in. Those that stand further in are paths, commands
/// and what a journal said: they stay whole.
pub(super) fn message(label: &str, text: &str, width: usize) -> String {
    let mut out = String::new();
    for (at, line) in lines(&text).split('\n').enumerate() {
        let inner = line.trim_start_matches(' ');
        let is_whole = inner.starts_with('|') || line.len() - inner.len() > 2;
        if at == 0 {
            let labelled = format!("{label} {line}");
            out += &hanging(labelled.trim_start(), 2, width);
        } else if is_whole {
            let _ = writeln!(out, "{line}");
        } else {
            out += &sentence("  ", inner, 2, width);
        }
    }
    out
}

/// A way out behind its label: each command in it has a line of its own.
pub(super) fn hint(label: &str, text: &str, width: usize) -> String {
    let mut out = String::new();
    for part in parts(&visible(text)) {
        match part {
            Part::Words(words) if out.is_empty() => {
                out = hanging(&format!("{label} {words}"), 2, width)
            }
            Part::Words(words) => out += &sentence("  ", &words, 2, width),
            Part::Command(command) => {
                if out.is_empty() {
                    let _ = writeln!(out, "{label}");
                }
                let _ = writeln!(out, "    {command}");
            }
        }
    }
    out
}

/// A text whose first line begins at the left, and the others so many columns in.
fn hanging(text: &str, indent: usize, width: usize) -> String {
    let lines = wrap(text, width.saturating_sub(indent));
    lines.join(&format!("\n{}", " ".repeat(indent))) + "\n"
}

/// A sentence that begins with what is given, and whose other lines stand `indent` columns in.
pub(crate) fn sentence(begin: &str, text: &str, indent: usize, width: usize) -> String {
    let lines = wrap(&visible(text), width.saturating_sub(indent));
    let gap = " ".repeat(indent);
    let mut out = String::new();
    for (at, line) in lines.iter().enumerate() {
        let begin = if at == 0 { begin } else { &gap };
        let _ = writeln!(out, "{begin}{line}");
    }
    out
}

/// A way out: what it says is wrapped beside its label, and each command in it has a line of its own, two columns further
/// in. The label of one that begins with a command stands alone.
pub(crate) fn way_out(label: &str, text: &str, indent: usize, width: usize) -> String {
    let gap = " ".repeat(indent);
    let text = visible(text);
    let parts = parts(&text);
    let begins_with_words = matches!(parts.first(), Some(Part::Words(_)));
    let (mut begin, base, mut out) = if begins_with_words {
        let begin = format!("{gap}{GOOD}{label}{GOOD:#}  ");
        (begin, indent + label.len() + 2, String::new())
    } else {
        let alone = format!("{gap}{GOOD}{}{GOOD:#}\n", label.trim_end());
        (String::new(), indent + 2, alone)
    };
    for part in parts {
        match part {
            Part::Words(words) => out += &sentence(&begin, &words, base, width),
            Part::Command(command) => {
                let _ = writeln!(out, "{}{command}", " ".repeat(base + 2));
            }
        }
        begin = " ".repeat(base);
    }
    out
}

/// A part of a way out.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    Words(String),
    Command(String),
}

/// The commands that a way out names in backticks, and the words around them. Without backticks it may be a command as a
/// whole.
fn parts(text: &str) -> Vec<Part> {
    let pieces = pieces(text);
    if pieces.len() == 1 && is_command(text) {
        return vec![Part::Command(text.to_owned())];
    }
    if pieces.len() % 2 == 0 {
        return vec![Part::Words(text.to_owned())];
    }
    let mut parts = Vec::new();
    let mut words = String::new();
    let end = |words: &mut String, parts: &mut Vec<Part>| {
        let said = std::mem::take(words);
        let said = said.trim_matches([' ', ',', ';']);
        if !said.is_empty() {
            parts.push(Part::Words(said.to_owned()));
        }
    };
    for (at, piece) in pieces.into_iter().enumerate() {
        match at % 2 {
            1 if is_command(piece) => {
                end(&mut words, &mut parts);
                parts.push(Part::Command(piece.to_owned()));
            }
            1 => words += &format!("`{piece}`"),
            _ => words += piece,
        }
    }
    end(&mut words, &mut parts);
    parts
}

/// What stands between backticks, at odd places, and outside of them. A backtick in a word that is quoted for a shell is a
/// part of somebody's file name: no name makes a line that looks like a command.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut begin, mut quote, mut before) = (0, Quote::None, ' ');
    let mut is_escaped = false;
    for (at, c) in text.char_indices() {
        match (c, quote) {
            _ if is_escaped => is_escaped = false,
            ('\\', Quote::None | Quote::Escapes) => is_escaped = true,
            ('\'', Quote::None) if before == '$' => quote = Quote::Escapes,
            ('\'', Quote::None) => quote = Quote::Plain,
            ('\'', _) => quote = Quote::None,
            ('`', Quote::None) => {
                pieces.push(&text[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
        before = c;
    }
    pieces.push(&text[begin..]);
    pieces
}

/// What a shell is in the middle of, as `shell_quote` of host::process writes words.
#[derive(Clone, Copy)]
enum Quote {
    None,
    /// `'…'`
    Plain,
    /// `$'…'`, with escapes.
    Escapes,
}

/// Programs that ways out call.
const PROGRAMS: [&str; 24] = [
    "cd",
    "chmod",
    "chown",
    "crontab",
    "curl",
    "docker",
    "findmnt",
    "hermes",
    "hermes-install",
    "journalctl",
    "kill",
    "ln",
    "loginctl",
    "machinectl",
    "mv",
    "pip",
    "podman",
    "python3",
    "rm",
    "runuser",
    "sudo",
    "systemctl",
    "test",
    "useradd",
];

/// A program, by its name or by its path, with arguments: what has none is the name of a file.
fn is_command(text: &str) -> bool {
    let Some((program, _)) = text.split_once(' ') else {
        return false;
    };
    let name = program.rfind('/').map_or(0, |at| at + 1);
    PROGRAMS.contains(&&program[name..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::process::shell_quote;

    #[test]
    fn a_way_out_has_its_commands_on_lines_of_their_own_and_whole() {
        let text = "running under bot.service (not installed by hermes-install): migrate with \
                    `hermes-install --profile coder --migrate`, or stop it with `systemctl stop bot.service`; \
                    `ExecStart=` stays";
        let shown = anstream::adapter::strip_str(&way_out("hint", text, 2, 40)).to_string();
        let expected = [
            "  hint  running under bot.service (not",
            "        installed by hermes-install):",
            "        migrate with",
            "          hermes-install --profile coder --migrate",
            "        or stop it with",
            "          systemctl stop bot.service",
            "        `ExecStart=` stays",
        ];
        assert_eq!(shown.lines().collect::<Vec<_>>(), expected);
        let text =
            "to install it: `/opt/hermes/bin/pip install 'a[b]'`, then `/opt/hermes/bin/pip`";
        assert_eq!(
            parts(text),
            [
                Part::Words("to install it:".to_owned()),
                Part::Command("/opt/hermes/bin/pip install 'a[b]'".to_owned()),
                Part::Words("then `/opt/hermes/bin/pip`".to_owned()),
            ]
        );
        let bare = way_out("fix", "systemctl reset-failed a.service", 0, 20);
        let bare = anstream::adapter::strip_str(&bare).to_string();
        assert_eq!(bare, "fix\n    systemctl reset-failed a.service\n");
    }

    #[test]
    fn what_stands_between_backticks_is_one_word() {
        assert_eq!(
            words(" type  `a b`, or `c`."),
            ["type", "`a b`,", "or", "`c`."]
        );
        // One that has no other is a character.
        assert_eq!(words("an odd ` is one"), ["an", "odd", "`", "is", "one"]);
        assert_eq!(words("`a b` `c"), ["`a", "b`", "`c"]);
        assert_eq!(words("  "), [""; 0]);
    }

    #[test]
    fn a_message_is_wrapped_behind_its_label_and_a_hint_has_its_command_alone() {
        let text = "there is no `hermes` that the account `coder` can run in these places:\n    \
                    /a/path/that/is/longer/than/its/terminal/hermes\n  give another one with `--hermes PATH`";
        let expected = "error: there is no `hermes` that the\n  account `coder` can run in these\n  places:\n    \
                        /a/path/that/is/longer/than/its/terminal/hermes\n  give another one with `--hermes PATH`\n";
        assert_eq!(message("error:", text, 40), expected);
        assert_eq!(message("", "`a b` runs", 40), "`a b` runs\n");
        let text = "`hermes-install --profile coder` installs its unit";
        let expected = "hint:\n    hermes-install --profile coder\n  installs its unit\n";
        assert_eq!(hint("hint:", text, 40), expected);
        assert_eq!(
            hint("hint:", "say so with `--yes`", 40),
            "hint: say so with `--yes`\n"
        );
    }

    #[test]
    fn no_file_name_makes_a_line_that_looks_like_a_command() {
        let names = [
            "a`b",
            "`kill -9 1`",
            "it's`kill -9 1`",
            "\x1b'`kill -9 1`",
            "\x1b\\'`kill -9 1`$'",
        ];
        for name in names.map(|name| shell_quote(&[name])) {
            let hint = format!("have `alice` edit {name}");
            assert_eq!(parts(&hint), [Part::Words(hint.clone())]);
            let command = format!("rm {name}");
            assert_eq!(parts(&command), [Part::Command(command.clone())]);
        }
    }
}
