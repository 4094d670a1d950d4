//! Text for people, as wide as their terminal: sentences are wrapped, cells of a table are cut where they must be, and a
//! command stands on a line of its own, whole.

use std::fmt::Write as _;
use std::io;

use anstyle::{AnsiColor, Style};
use terminal_size::{Height, Width, terminal_size_of};

use crate::output::visible;

/// Columns where neither a terminal nor COLUMNS says how many there are.
const USUAL: usize = 80;
/// Fewer are taken for so many.
const LEAST: usize = 40;

/// Something that keeps a gateway from running.
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();
/// Something that needs attention.
pub(super) const CARE: Style = AnsiColor::Yellow.on_default();
/// Something that is well, and a way out.
pub(super) const GOOD: Style = AnsiColor::Green.on_default();

/// How many columns a line may have: those of the terminal, those that COLUMNS says, or 80.
pub(super) fn width() -> usize {
    let told = || std::env::var("COLUMNS").ok()?.parse().ok();
    let columns = match terminal_size_of(io::stdout()) {
        Some((Width(columns), _)) => columns.into(),
        None => told().unwrap_or(USUAL),
    };
    columns.max(LEAST)
}

/// How many lines the terminal has.
pub(super) fn height() -> Option<usize> {
    terminal_size_of(io::stdout()).map(|(_, Height(lines))| lines.into())
}

/// A text in lines of at most so many characters. A word is never cut.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// A sentence that begins with what is given, and whose other lines stand `indent` columns in.
pub(super) fn sentence(begin: &str, text: &str, indent: usize, width: usize) -> String {
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
pub(super) fn way_out(label: &str, text: &str, indent: usize, width: usize) -> String {
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

/// What a shell is in the middle of, as [`shell_quote`](crate::host::process::shell_quote) writes words.
#[derive(Clone, Copy)]
enum Quote {
    None,
    /// `'…'`
    Plain,
    /// `$'…'`, with escapes.
    Escapes,
}

/// Programs that ways out call.
const PROGRAMS: [&str; 20] = [
    "chmod",
    "chown",
    "crontab",
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
    "podman",
    "python3",
    "rm",
    "runuser",
    "sudoedit",
    "systemctl",
    "test",
];

fn is_command(text: &str) -> bool {
    let program = text.split(' ').next().unwrap_or_default();
    PROGRAMS.contains(&program) && program != text
}

/// A column of a table.
pub(super) struct Column {
    pub(super) title: &'static str,
    /// Numbers stand to the right.
    pub(super) is_number: bool,
    /// The fewest characters that its cells are cut to; `None` when they never are.
    pub(super) least: Option<usize>,
}

/// A cell of a table.
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) style: Style,
}

impl Cell {
    /// Without colour.
    pub(super) fn plain(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            style: Style::new(),
        }
    }
}

/// A table with a head. Where it is too wide, cells are cut: those of the widest column first, and none below its least.
pub(super) fn table(columns: &[Column], rows: &[Vec<Cell>], width: usize) -> String {
    const GAP: usize = 2;
    let length = |text: &str| text.chars().count();
    let longest = |at: usize| {
        let cells = rows.iter().map(|row| length(&row[at].text));
        cells.chain([length(columns[at].title)]).max().unwrap_or(0)
    };
    let mut widths: Vec<usize> = (0..columns.len()).map(longest).collect();
    let fixed = GAP * columns.len().saturating_sub(1);
    while widths.iter().sum::<usize>() + fixed > width {
        let least = |at: usize| {
            columns[at]
                .least
                .map(|least| least.max(length(columns[at].title)))
        };
        let is_wide = |at: &usize| least(*at).is_some_and(|least| widths[*at] > least);
        match (0..columns.len())
            .filter(is_wide)
            .max_by_key(|at| widths[*at])
        {
            Some(widest) => widths[widest] -= 1,
            None => break,
        }
    }
    let line = |cells: &mut dyn Iterator<Item = (&str, Style)>| {
        let mut out = String::new();
        for (at, (text, style)) in cells.enumerate() {
            let text = cut(text, widths[at]);
            let gap = " ".repeat(widths[at] - length(&text));
            let text = format!("{style}{text}{style:#}");
            let is_last = at + 1 == columns.len();
            match (columns[at].is_number, is_last) {
                (true, _) => out += &format!("{gap}{text}"),
                (false, true) => out += &text,
                (false, false) => out += &format!("{text}{gap}"),
            }
            if !is_last {
                out += &" ".repeat(GAP);
            }
        }
        out.trim_end().to_owned() + "\n"
    };
    let head = Style::new().bold();
    let mut out = line(&mut columns.iter().map(|column| (column.title, head)));
    for row in rows {
        out += &line(&mut row.iter().map(|cell| (cell.text.as_str(), cell.style)));
    }
    out
}

/// A text of at most so many characters.
fn cut(text: &str, most: usize) -> String {
    let text = visible(text);
    if text.chars().count() <= most {
        return text;
    }
    let begin: String = text.chars().take(most.saturating_sub(1)).collect();
    begin.trim_end_matches([' ', ',']).to_owned() + "…"
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
        let bare = way_out("fix", "systemctl reset-failed a.service", 0, 20);
        let bare = anstream::adapter::strip_str(&bare).to_string();
        assert_eq!(bare, "fix\n    systemctl reset-failed a.service\n");
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
            let command = format!("sudoedit {name}");
            assert_eq!(parts(&command), [Part::Command(command.clone())]);
        }
    }

    #[test]
    fn a_table_fits_and_says_where_it_was_cut() {
        let column = |title, is_number, least| Column {
            title,
            is_number,
            least,
        };
        let columns = [
            column("PROFILE", false, Some(4)),
            column("RESTARTS", true, None),
            column("PLATFORMS", false, Some(4)),
        ];
        let row = |texts: [&str; 3]| texts.map(Cell::plain).into_iter().collect::<Vec<_>>();
        let rows = [
            row(["a-very-long-name", "3", "telegram, discord, slack"]),
            row(["b", "12", "\x1b[2J"]),
        ];
        let at = |width| anstream::adapter::strip_str(&table(&columns, &rows, width)).to_string();
        assert_eq!(
            at(80),
            "PROFILE           RESTARTS  PLATFORMS\n\
             a-very-long-name         3  telegram, discord, slack\n\
             b                       12  \\x1b[2J\n"
        );
        assert_eq!(
            at(32),
            "PROFILE     RESTARTS  PLATFORMS\n\
             a-very-lo…         3  telegram…\n\
             b                 12  \\x1b[2J\n"
        );
        assert!(
            at(10).lines().all(|line| line.chars().count() <= 28),
            "{}",
            at(10)
        );
    }
}
