//! Pages for people, as wide as their terminal, and tables, whose cells are cut where they must be.

use std::fmt::Write as _;
use std::io;
use std::sync::LazyLock;

use anstyle::Style;
use terminal_size::{Height, Width, terminal_size_of};

use crate::output::visible;
use crate::output::wrap::{LEAST, sentence};

/// Columns where neither a terminal nor COLUMNS says how many there are.
const USUAL: usize = 80;

/// How many columns a line may have: those of the terminal, those that COLUMNS says, or 80.
pub(super) fn width() -> usize {
    told_width().unwrap_or(USUAL)
}

/// The same where a terminal or COLUMNS says so.
pub(super) fn told_width() -> Option<usize> {
    let told = || std::env::var("COLUMNS").ok()?.parse::<usize>().ok();
    let columns = match terminal_size_of(io::stdout()) {
        Some((Width(columns), _)) => Some(columns.into()),
        None => told(),
    };
    Some(columns?.max(LEAST))
}

/// A word of a list and what it says, wrapped beside it where the width is known.
pub(super) fn entry(word: &str, text: &str) -> String {
    sentence(word, text, word.len(), *WIDTH)
}

/// A sentence whose other lines stand two columns in.
pub(super) fn paragraph(text: &str) -> String {
    sentence("", text, 2, *WIDTH)
}

/// As wide as what is said may be; a host may have a thousand entries.
static WIDTH: LazyLock<usize> = LazyLock::new(|| told_width().unwrap_or(usize::MAX));

/// So many of what has a plain plural.
pub(super) fn several(n: usize, what: &str) -> String {
    match n {
        1 => format!("1 {what}"),
        n => format!("{n} {what}s"),
    }
}

/// How many lines the terminal has.
pub(super) fn height() -> Option<usize> {
    terminal_size_of(io::stdout()).map(|(_, Height(lines))| lines.into())
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
            let gap = widths[at] - length(&text);
            let is_last = at + 1 == columns.len();
            // A `String` takes everything that is written.
            let _ = match (columns[at].is_number, is_last) {
                (true, _) => write!(out, "{:gap$}{style}{text}{style:#}", ""),
                (false, true) => write!(out, "{style}{text}{style:#}"),
                (false, false) => write!(out, "{style}{text}{style:#}{:gap$}", ""),
            };
            if !is_last {
                let _ = write!(out, "{:GAP$}", "");
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
