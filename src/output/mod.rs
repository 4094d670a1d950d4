//! The one printer: progress and errors on standard error, results on standard output, colour only on a terminal that
//! wants it (NO_COLOR is honoured). A reader that went away is no error.
//!
//! Names of files, arguments of processes and outputs of programs are other accounts' words: here, and nowhere else, what
//! a terminal would obey is written so that it can be seen.

pub(crate) mod stdout;
pub(crate) mod wrap;

use std::io::Write as _;

use anstyle::{AnsiColor, Style};
use terminal_size::{Width, terminal_size_of};

use crate::error::Error;

/// How a run talks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    /// Only errors.
    pub(crate) quiet: bool,
    /// Results as JSON on standard output; progress goes on, on standard error.
    pub(crate) json: bool,
}

/// Something that is well, and a way out.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// Something that keeps a gateway from running.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// Something that needs attention.
pub(crate) const CARE: Style = AnsiColor::Yellow.on_default();

/// Whether a terminal obeys this character instead of showing it: controls, and those that turn the direction of a text.
pub(crate) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A text with such characters as escapes: `\n`, `\x1b`, `\u202e`.
pub(crate) fn visible(text: &str) -> String {
    if !text.contains(is_hidden) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_ascii_control() => out.push_str(&format!("\\x{:02x}", c as u32)),
            c if is_hidden(c) => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out
}

/// A text of several lines; what is in one of them cannot make another.
fn lines(text: &impl std::fmt::Display) -> String {
    let text = text.to_string();
    if !text.contains(|c| is_hidden(c) && !matches!(c, '\n' | '\t')) {
        return text;
    }
    let shown: Vec<String> = text
        .split('\n')
        .map(|line| line.split('\t').map(visible).collect::<Vec<_>>().join("\t"))
        .collect();
    shown.join("\n")
}

/// How many columns standard error has, where it is a terminal. What else reads it gets a message on one line.
fn columns() -> Option<usize> {
    let (Width(columns), _) = terminal_size_of(std::io::stderr())?;
    Some(usize::from(columns).max(wrap::LEAST))
}

/// A message on standard error, behind a label that may be empty.
fn tell(label: &str, style: Style, text: &str) {
    let text = match columns() {
        Some(width) => wrap::message(label, text, width),
        None => format!("{label} {}\n", lines(&text)),
    };
    labelled(label, style, &text);
}

/// Write a text to standard error, and the label that it begins with in colour.
fn labelled(label: &str, style: Style, text: &str) {
    let text = text.trim_start_matches(' ');
    let rest = text.strip_prefix(label).unwrap_or(text);
    let _ = write!(anstream::stderr(), "{style}{label}{style:#}{rest}");
}

impl Output {
    /// A step that was done, or is being done.
    pub(crate) fn step(&self, text: impl std::fmt::Display) {
        if !self.quiet {
            tell("", Style::new(), &text.to_string());
        }
    }

    /// A command that is run, or could be: never wrapped.
    pub(crate) fn command(&self, text: impl std::fmt::Display) {
        if !self.quiet {
            let _ = writeln!(anstream::stderr(), "{}", lines(&text));
        }
    }

    /// The good end of a step.
    pub(crate) fn done(&self, text: impl std::fmt::Display) {
        if !self.quiet {
            tell("ok", GOOD, &text.to_string());
        }
    }

    /// Something to know that stops nothing.
    pub(crate) fn warn(&self, text: impl std::fmt::Display) {
        if !self.quiet {
            tell("warning:", CARE, &text.to_string());
        }
    }
}

/// An error and its ways out, said however quiet a run is; where JSON was asked for, as an object on standard output
/// as well.
pub(crate) fn error(error: &Error, is_json: bool) {
    // What goes on is indented, so that a label begins all that is new.
    let goes_on = |line: &str| {
        if line.starts_with(' ') {
            line.to_owned()
        } else {
            format!("  {line}")
        }
    };
    let mut message = error.message.lines();
    let first = message.next().unwrap_or_default().to_owned();
    let all: Vec<String> = std::iter::once(first).chain(message.map(goes_on)).collect();
    tell("error:", BAD, &all.join("\n"));
    for hint in &error.hints {
        match columns() {
            Some(width) => labelled("hint:", GOOD, &wrap::hint("hint:", hint, width)),
            None => tell("hint:", GOOD, hint),
        }
    }
    if is_json {
        json(&serde_json::json!({ "error": error }));
    }
}

/// What the launcher or a unit's helper says: the journal adds time and name.
pub(crate) fn line_text(text: impl std::fmt::Display) -> String {
    format!("hermes-install: {}", lines(&text))
}

/// The same on standard error.
pub(crate) fn line(text: impl std::fmt::Display) {
    let _ = writeln!(anstream::stderr(), "{}", line_text(text));
}

/// A result on standard output.
pub(crate) fn print(text: impl std::fmt::Display) {
    bytes(lines(&text).as_bytes());
}

/// A result on standard output, with its colours on a terminal that wants them.
pub(crate) fn styled(text: impl std::fmt::Display) {
    bytes(adapted(&text.to_string()).as_bytes());
}

/// A text with its colours where standard output wants them.
fn adapted(text: &str) -> String {
    let choice = anstream::AutoStream::choice(&std::io::stdout());
    let mut adapted = anstream::AutoStream::new(Vec::new(), choice);
    let _ = adapted.write_all(text.as_bytes());
    String::from_utf8_lossy(&adapted.into_inner()).into_owned()
}

/// The same in the place of all that a terminal shows. Each line is cleared behind its text, so that nothing flickers.
pub(crate) fn screen(text: &str) {
    let text = adapted(text).replace('\n', "\x1b[K\n");
    bytes(format!("\x1b[H{text}\x1b[J").as_bytes());
}

/// A text of somebody else's as one line that does nothing to a terminal, cut where it gets too long.
pub(crate) fn printable(text: &str) -> String {
    const MOST: usize = 200;
    let plain = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let mut line: String = text.trim().chars().take(MOST).map(plain).collect();
    if text.trim().chars().count() > MOST {
        line.push('…');
    }
    line
}

/// A result on standard output, as it is.
pub(crate) fn bytes(bytes: &[u8]) {
    stdout::write(bytes);
}

/// The version of what `--json` prints: docs/json.md says when it changes.
pub(crate) const JSON_VERSION: u32 = 1;

/// An object as JSON on standard output, with the version of its schema.
pub(crate) fn json(object: &impl serde::Serialize) {
    #[derive(serde::Serialize)]
    struct Versioned<'a, T> {
        version: u32,
        #[serde(flatten)]
        object: &'a T,
    }
    let versioned = Versioned {
        version: JSON_VERSION,
        object,
    };
    let text = serde_json::to_string_pretty(&versioned).unwrap_or_default();
    // Written as JSON would, had it to; every other control character is escaped already.
    let mut shown = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        match c {
            c if is_hidden(c) && c != '\n' => shown.push_str(&format!("\\u{:04x}", c as u32)),
            c => shown.push(c),
        }
    }
    bytes((shown + "\n").as_bytes());
}

/// A yes-or-no question; `None` when nobody is there to answer.
pub(crate) fn ask(question: &str) -> Option<bool> {
    use std::io::IsTerminal as _;
    if !std::io::stdin().is_terminal() {
        return None;
    }
    let question = match columns() {
        Some(width) => wrap::message("", &format!("{question} [y/N]"), width),
        None => format!("{} [y/N]", lines(&question)),
    };
    let _ = write!(anstream::stderr(), "{} ", question.trim());
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).ok()?;
    Some(matches!(answer.trim(), "y" | "Y" | "yes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown() {
        let hostile = "a\x1b]0;t\x07\u{9b}31m\u{202e}\rb";
        let shown = r"a\x1b]0;t\x07\u009b31m\u202e\x0db";
        assert_eq!(visible(hostile), shown);
        assert_eq!(
            lines(&format!("{hostile}\n\tb\n")),
            format!("{shown}\n\tb\n")
        );
        assert_eq!(visible("ä 漢 \u{1f600}"), "ä 漢 \u{1f600}");
        assert_eq!(visible("a\nb"), r"a\nb");
    }
}
