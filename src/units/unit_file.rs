//! Unit files as text: directives with the line that each stands on, and how systemd reads their values. Pure.
//!
//! The grammar is that of systemd.syntax(7), the merging that of systemd.unit(5): a drop-in's directives follow those
//! of the unit, an empty value resets what was assigned before.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use serde::Serialize;

use crate::layout::GUARD;
use crate::units::said::Said;

/// One assignment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Directive {
    /// The section it stands in, without brackets.
    pub(crate) section: String,
    /// Its name.
    pub(crate) key: String,
    /// Its value, continued lines joined.
    pub(crate) value: String,
    /// The file it stands in.
    pub(crate) file: PathBuf,
    /// The line it begins on, from 1.
    pub(crate) line: usize,
    #[serde(skip)]
    words: OnceLock<Vec<String>>,
    #[serde(skip)]
    command: OnceLock<Vec<String>>,
}

impl Directive {
    /// The words of its value, read once: all instances share the directives of their template.
    pub(crate) fn words(&self) -> &[String] {
        self.words.get_or_init(|| words(&self.value))
    }

    /// The words of its command line as [`command`] reads them, once for all instances as well.
    pub(crate) fn command(&self) -> &[String] {
        self.command.get_or_init(|| command(&self.value))
    }
}

/// How much of a value is kept, in bytes. systemd takes 1 MiB; nobody writes a gateway's unit like that.
const LONGEST: usize = 1 << 14;

/// A unit's directives, those of its drop-ins behind its own: what each file says, which all units that have it share.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Directives(pub(super) Vec<Arc<Said>>);

impl Directives {
    /// What a file says.
    pub(crate) fn of(file: &Path, text: &str) -> Self {
        let mut found = Vec::new();
        let mut section = String::new();
        let is_comment = |line: &str| line.starts_with(['#', ';']);
        // systemd skips a byte order mark (`config_parse`), as editors of Windows write it.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut lines = lines(text).enumerate();
        while let Some((at, line)) = lines.next() {
            let line = line.trim_start_matches(BLANKS);
            if line.is_empty() || is_comment(line) {
                continue;
            }
            let mut whole = Cow::Borrowed(line);
            while is_continued(&whole) {
                let whole = whole.to_mut();
                whole.pop();
                whole.push(' ');
                // A comment between continued lines ends nothing.
                let mut rest = lines
                    .by_ref()
                    .map(|(_, line)| line.trim_start_matches(BLANKS));
                match rest.find(|line| !is_comment(line)) {
                    Some(next) if whole.len() < LONGEST => whole.push_str(next),
                    // The rest of a line without end, read away.
                    Some(next) if is_continued(next) => whole.push('\\'),
                    _ => break,
                }
            }
            // A line that begins with a continuation has its blanks cut like any other (`parse_line`).
            let whole = whole.trim_matches(BLANKS);
            if let Some(name) = whole.strip_prefix('[') {
                section = name.trim_end_matches(']').to_owned();
            } else if let Some((key, value)) = whole.split_once('=') {
                found.push(Directive {
                    section: section.clone(),
                    key: key.trim_end_matches(BLANKS).to_owned(),
                    value: cut(value.trim_matches(BLANKS)).to_owned(),
                    file: file.to_owned(),
                    line: at + 1,
                    words: OnceLock::new(),
                    command: OnceLock::new(),
                });
            }
        }
        Self(vec![Arc::new(Said::new(found))])
    }

    /// Add what a further file says.
    pub(crate) fn extend(&mut self, further: &Self) {
        self.0.extend_from_slice(&further.0);
    }

    /// Such directives alone.
    pub(crate) fn only(&self, is_wanted: impl Fn(&Directive) -> bool) -> Self {
        let wanted = self.iter().filter(|d| is_wanted(d));
        Self(vec![Arc::new(Said::new(wanted.cloned().collect()))])
    }

    /// All of them as written.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Directive> {
        self.0.iter().flat_map(|said| &said.all)
    }

    /// Where the guard's drop-in has replaced the commands of a unit: forget those of the drop-in, so that what the unit
    /// says stands. Whether it was so.
    pub(crate) fn lift_guard(&mut self) -> bool {
        let is_guard = |d: &Directive| d.file.ends_with(GUARD);
        let is_guarded = self.last("Service", "ExecStart").is_some_and(is_guard);
        if is_guarded {
            let commands = ["ExecStart", "ExecReload", "ExecStop"];
            *self = self.only(|d| !(is_guard(d) && commands.contains(&d.key.as_str())));
        }
        is_guarded
    }

    fn of_key(&self, section: &str, key: &str) -> impl DoubleEndedIterator<Item = &Directive> {
        let all = self.0.iter().flat_map(move |said| said.of_key(key));
        all.filter(move |d| d.section == section)
    }

    /// The assignments of a list that are in force.
    pub(crate) fn list(&self, section: &str, key: &str) -> Vec<&Directive> {
        let mut kept: Vec<&Directive> = Vec::new();
        for directive in self.of_key(section, key) {
            if directive.value.is_empty() {
                kept.clear();
            } else {
                kept.push(directive);
            }
        }
        kept
    }

    /// The assignment that is in force.
    pub(crate) fn last(&self, section: &str, key: &str) -> Option<&Directive> {
        let last = self.of_key(section, key).next_back();
        last.filter(|d| !d.value.is_empty())
    }

    /// The value that is in force.
    pub(crate) fn value(&self, section: &str, key: &str) -> Option<&str> {
        self.last(section, key).map(|d| d.value.as_str())
    }

    /// The variables of `Environment=`, specifiers expanded, each with where it was set.
    pub(crate) fn environment(
        &self,
        expand: impl Fn(&str) -> String,
    ) -> BTreeMap<String, (String, &Directive)> {
        let mut found = BTreeMap::new();
        for directive in self.list("Service", "Environment") {
            for word in directive.words() {
                if let Some((name, value)) = word.split_once('=') {
                    found.insert(name.to_owned(), (expand(value), directive));
                }
            }
        }
        found
    }
}

fn cut(value: &str) -> &str {
    let mut end = value.len().min(LONGEST);
    while !value.is_char_boundary(end) {
        end -= 1;
    }
    &value[..end]
}

/// White space as systemd has it, and no other's (`WHITESPACE`).
const BLANKS: [char; 4] = [' ', '\t', '\n', '\r'];

/// Lines as systemd reads them (`read_line`): newline, carriage return and NUL each end one, and those that follow each
/// other are one end, each of them once.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    const ENDS: [u8; 3] = *b"\n\r\0";
    let mut rest = text;
    std::iter::from_fn(move || {
        let Some(at) = rest.bytes().position(|b| ENDS.contains(&b)) else {
            let last = std::mem::take(&mut rest);
            return (!last.is_empty()).then_some(last);
        };
        let (line, behind) = rest.split_at(at);
        let is_end = |at: usize, b: u8| ENDS.contains(&b) && !behind.as_bytes()[..at].contains(&b);
        let ends = behind.bytes().enumerate();
        let ends = ends.take_while(|(at, b)| is_end(*at, *b)).count();
        rest = &behind[ends..];
        Some(line)
    })
}

/// Whether a line goes on in the next: its last backslash is none that another one escapes.
fn is_continued(line: &str) -> bool {
    let backslashes = line.len() - line.trim_end_matches('\\').len();
    backslashes % 2 == 1
}

/// The words of a value: split at white space, quotes and escapes read (systemd.syntax(7), QUOTING).
pub(crate) fn words(text: &str) -> Vec<String> {
    if !text.contains(['\\', '"', '\'']) {
        return text.split_whitespace().map(str::to_owned).collect();
    }
    spelled(text).map(|(word, _)| word).collect()
}

/// The words, each with whether it stands there as it is, without quotes or escapes.
pub(crate) fn spelled(text: &str) -> impl Iterator<Item = (String, bool)> + '_ {
    let mut chars = text.chars();
    std::iter::from_fn(move || {
        let mut word: Option<String> = None;
        let mut quote = None;
        let mut is_plain = true;
        while let Some(c) = chars.next() {
            match (c, quote) {
                ('\\', _) => {
                    is_plain = false;
                    word.get_or_insert_default().extend(escaped(&mut chars));
                }
                (c, Some(q)) if c == q => quote = None,
                ('"' | '\'', None) => {
                    is_plain = false;
                    quote = Some(c);
                    word.get_or_insert_default();
                }
                (c, None) if BLANKS.contains(&c) => {
                    if word.is_some() {
                        break;
                    }
                }
                (c, _) => word.get_or_insert_default().push(c),
            }
        }
        word.map(|word| (word, is_plain))
    })
}

/// What follows a backslash; an escape that systemd does not know stands for its character.
fn escaped(chars: &mut std::str::Chars) -> Option<char> {
    let c = chars.next()?;
    let mut number = |first: &str, digits: usize, radix: u32| {
        let rest = digits - first.len();
        let text: String = first.chars().chain(chars.clone().take(rest)).collect();
        let value = u32::from_str_radix(&text, radix)
            .ok()
            .and_then(char::from_u32);
        let value = value.filter(|_| text.len() == digits)?;
        chars.by_ref().take(rest).for_each(drop);
        Some(value)
    };
    Some(match c {
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        's' => ' ',
        't' => '\t',
        'v' => '\u{b}',
        'x' => number("", 2, 16).unwrap_or(c),
        'u' => number("", 4, 16).unwrap_or(c),
        'U' => number("", 8, 16).unwrap_or(c),
        '0'..='7' => number(&c.to_string(), 3, 8).unwrap_or(c),
        c => c,
    })
}

/// The words of an Exec line, without the prefixes of its program (systemd.service(5), COMMAND LINES).
pub(crate) fn command(line: &str) -> Vec<String> {
    let program = line.trim_start_matches(['@', '-', ':', '+', '!', '|']);
    let mut words = words(program);
    // Behind `@` the second word is what the program is told that its name is.
    if line[..line.len() - program.len()].contains('@') && words.len() > 1 {
        words.remove(1);
    }
    words
}

/// The template that an instance is made from.
pub(crate) fn template_of(unit: &str) -> Option<String> {
    let (prefix, rest) = unit.split_once('@')?;
    let (_, kind) = rest.rsplit_once('.')?;
    Some(format!("{prefix}@.{kind}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Directives {
        Directives::of(Path::new("/x.service"), text)
    }

    #[test]
    fn lines_end_and_go_on_where_systemd_has_them() {
        // Each was read like this by systemd 252 and 257 (scenario `hardening`).
        for (between, is_seen) in [
            ("\n", true),
            ("\\\n", false),
            ("\\\\\n", true),
            ("\\\\\\\n", false),
            ("\\ \n", true),
            ("\\\r\n", false),
            ("\r", true),
            ("\\\r\r\n", true),
            ("\0", true),
            ("\n\u{c}[Unit]\n", true),
            ("\n\\\n", true),
            ("\\\n #\\\n", false),
            ("\u{b}", false),
            ("\n\u{a0}", false),
        ] {
            let text = format!("[Service]\nEnvironment=X=a{between}ExecStart=/x\n");
            let directives = Directives::of(Path::new("x"), &text);
            let seen = directives.value("Service", "ExecStart");
            assert_eq!(seen.is_some(), is_seen, "{between:?}");
        }
    }

    #[test]
    fn words_are_read_as_systemd_reads_them() {
        assert_eq!(
            words(r#""A=1 2" B=3 'C=4 "x"' D=\"5"#),
            ["A=1 2", "B=3", "C=4 \"x\"", "D=\"5"]
        );
        assert_eq!(words("  "), Vec::<String>::new());
        assert_eq!(
            words(r"a\x20b '\n' \101\s \q \x2 \u00e9"),
            ["a b", "\n", "A ", "q", "x2", "é"]
        );
    }

    #[test]
    fn a_later_directive_resets_an_earlier_one() {
        let unit = parsed(
            "[Service]\nExecStart=a\nExecStart=\nExecStart=b \\\n# why\n c\nUser=x\n[Unit]\nUser=y\n",
        );
        let starts = unit.list("Service", "ExecStart");
        assert_eq!(starts.len(), 1);
        assert_eq!(command(&starts[0].value), ["b", "c"]);
        assert_eq!(starts[0].line, 4);
        assert_eq!(unit.value("Service", "User"), Some("x"));
        assert_eq!(
            parsed("[Service]\nUser=x\nUser=\n").value("Service", "User"),
            None
        );
    }

    #[test]
    fn a_file_that_ends_in_a_continuation_is_read() {
        assert_eq!(
            parsed("[Service]\nExecStart=a \\").list("Service", "ExecStart")[0].value,
            "a"
        );
    }
}
