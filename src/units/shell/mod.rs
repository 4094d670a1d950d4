//! A shell's text as the simple commands that it runs: quotes, comments, here-documents and redirections read away,
//! substituted commands included. Pure; far from a shell, and near enough to tell what runs from what is only written.

mod blocks;
pub(crate) mod braces;
pub(crate) mod directory;
mod fish;
pub(crate) mod items;
pub(crate) mod pattern;
mod test;
pub(crate) mod variables;
mod words;

use crate::units::shell::blocks::Open;
use crate::units::shell::directory::substituted;
use crate::units::shell::items::{Input, Item, Shell, ShellCommand, Text};

/// How many commands of a text, and words of a command, are read; people write fewer.
const MOST: usize = 500;
/// How deep substitutions may be nested.
const DEPTH: usize = 4;
/// How many patterns of one arm are kept.
const PATTERNS: usize = 50;

/// Read a text of this shell.
pub(crate) fn read(text: &str, shell: Shell) -> Text {
    let mut reader = Reader::new(text);
    reader.shell = shell;
    reader.read();
    Text {
        items: reader.found,
        inputs: reader.inputs,
    }
}

struct Reader {
    chars: Vec<char>,
    at: usize,
    line: usize,
    shell: Shell,
    depth: usize,
    found: Vec<Item>,
    current: Vec<String>,
    began: usize,
    inputs: Vec<Input>,
    /// Here-documents that begin on the next line: how they end, and their place among the inputs.
    here: Vec<(String, usize)>,
    /// The next word is where a redirection leads, or what the command reads.
    is_target: bool,
    is_input: bool,
    /// What the command reads, and whether that is the output of the one before.
    input: Option<usize>,
    is_piped: bool,
    open: Vec<Open>,
    /// The next brace is that of a function.
    awaits_body: Option<usize>,
}

impl Reader {
    fn new(text: &str) -> Self {
        Self {
            chars: text.chars().collect(),
            at: 0,
            line: 1,
            shell: Shell::Posix,
            depth: DEPTH,
            found: Vec::new(),
            inputs: Vec::new(),
            current: Vec::new(),
            began: 1,
            here: Vec::new(),
            is_target: false,
            is_input: false,
            input: None,
            is_piped: false,
            open: Vec::new(),
            awaits_body: None,
        }
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += 1;
        self.line += usize::from(c == '\n');
        Some(c)
    }

    fn read(&mut self) {
        while let Some(c) = self.peek() {
            if self.found.len() >= MOST {
                break;
            }
            match c {
                '\n' => {
                    self.end();
                    self.next();
                    self.read_here_documents();
                }
                '&' if self.chars.get(self.at + 1) == Some(&'>') => {
                    self.next();
                }
                '(' if self.current.is_empty() && self.patterns().is_some() => {
                    self.next();
                }
                '(' if self.begins_function() => {}
                '(' if self.is_array() => {}
                ';' | '&' | '|' | '(' | ')' => self.operator(c),
                '<' | '>' => self.redirection(),
                '\\' if self.chars.get(self.at + 1) == Some(&'\n') => {
                    self.next();
                    self.next();
                }
                '#' => {
                    while self.peek().is_some_and(|c| c != '\n') {
                        self.next();
                    }
                }
                c if c.is_whitespace() => {
                    self.next();
                }
                _ => self.word(),
            }
        }
        self.end();
        let end = self.found.len();
        while let Some(open) = self.open.pop() {
            self.close(open, end);
        }
    }

    fn operator(&mut self, c: char) {
        self.next();
        self.end();
        match (c, self.peek()) {
            (')', _) if self.patterns().is_some() => self.begin_arm(false),
            (';', Some(';' | '&')) => self.next_patterns(),
            ('|', Some('|')) => {
                self.next();
            }
            ('|', _) => self.is_piped = true,
            _ => {}
        }
    }

    fn end(&mut self) {
        let words = std::mem::take(&mut self.current);
        let input = self.input.take();
        (self.is_target, self.is_input) = (false, false);
        if words.is_empty() {
            return;
        }
        let is_piped = std::mem::take(&mut self.is_piped);
        if words[0] != "esac" {
            if let Some(patterns) = self.patterns() {
                let room = PATTERNS.saturating_sub(patterns.len());
                return patterns.extend(words.into_iter().take(room));
            }
        }
        let rest = match self.shell {
            Shell::Posix => self.after_reserved(&words),
            Shell::Fish => self.after_words_of_fish(&words),
        };
        if !rest.is_empty() {
            self.found.push(Item::Command(ShellCommand {
                line: self.began,
                words: rest.into_owned(),
                input,
                is_piped,
            }));
        }
    }

    /// The commands of a substitution that begins on this line, and what stands for it in the word.
    fn substitute(&mut self, text: &str, line: usize) -> String {
        if let Some(known) = substituted(text) {
            return known;
        }
        let unknown = "$()".to_owned();
        if self.depth == 0 || self.found.len() >= MOST {
            return unknown;
        }
        let mut inner = Reader::new(text);
        (inner.line, inner.began) = (line, line);
        inner.depth = self.depth - 1;
        inner.read();
        let (items, inputs) = (self.found.len(), self.inputs.len());
        for item in &mut inner.found {
            match item {
                Item::For { end, .. } | Item::Function { end, .. } | Item::Arm { end, .. } => {
                    *end += items;
                }
                Item::Command(command) => command.input = command.input.map(|at| at + inputs),
                Item::Array { .. } | Item::Case { .. } => {}
            }
        }
        self.found.append(&mut inner.found);
        self.inputs.append(&mut inner.inputs);
        unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::shell::items::When;

    fn told(item: &Item, inputs: &[Input]) -> String {
        match item {
            Item::Command(c) => {
                let read = c.input.map(|at| format!(" < {:?}", inputs[at].text));
                let piped = if c.is_piped { "|" } else { "" };
                let read = read.unwrap_or_default();
                format!("{}: {piped}{}{read}", c.line, c.words.join("|"))
            }
            Item::Array { name, words, .. } => format!("{name}=({})", words.join("|")),
            Item::For { name, words, end } => {
                let words = words.as_ref().map_or("@".into(), |words| words.join("|"));
                format!("for {name} in {words} to {end}")
            }
            Item::Function { name, end } => format!("{name}() to {end}"),
            Item::Case { word } => format!("case {word}"),
            Item::Arm { when, end, .. } => match when {
                When::Else => format!("else to {end}"),
                When::Fits(patterns) => format!("{}) to {end}", patterns.join("|")),
                When::Holds(_) => format!("then to {end}, when it holds"),
                When::Unknown => format!("then to {end}"),
            },
        }
    }

    fn all(text: &str, shell: Shell) -> Vec<String> {
        let text = read(text, shell);
        let items = text.items.iter();
        items.map(|item| told(item, &text.inputs)).collect()
    }

    fn lines(text: &str) -> Vec<String> {
        all(text, Shell::Posix)
    }

    #[test]
    fn what_runs_is_told_from_what_is_only_written() {
        for (text, expected) in [
            (
                "# a b\nif a 'b c' >/dev/null 2>&1; then d & fi",
                vec!["2: a|b c", "then to 3", "2: d"],
            ),
            (
                "if [ \"$1\" = b ]; then a; elif ! [ b = c ]; then if d; then e; fi; else f; fi; g",
                vec![
                    "1: [|${1}|=|b|]",
                    "then to 3, when it holds",
                    "1: a",
                    "1: [|b|=|c|]",
                    "then to 8",
                    "1: d",
                    "then to 8",
                    "1: e",
                    "else to 10",
                    "1: f",
                    "1: g",
                ],
            ),
            (
                "for a in b; do if [ c = d ]; then e; done; f",
                vec![
                    "for a in b to 4",
                    "1: [|c|=|d|]",
                    "then to 4",
                    "1: e",
                    "1: f",
                ],
            ),
            (
                "x=\"$(pgrep -f 'a b')\" && c \"$@\" d",
                vec!["1: pgrep|-f|a b", "1: x=$()", "1: c|${@}|d"],
            ),
            (
                "cat <<EOF\nhermes gateway run\nEOF\nb",
                vec!["1: cat < \"hermes gateway run\\n\"", "4: b"],
            ),
            (
                "a <<'X' | b <<-Y\n$1\nX\n\tc\n\tY\nd <<< 'e f' || g",
                vec![
                    "1: a < \"$1\\n\"",
                    "1: |b < \"c\\n\"",
                    "6: d < \"e f\\n\"",
                    "6: g",
                ],
            ),
            (
                "f() {\n  a \\\n b\n}\nf",
                vec!["f() to 2", "2: a|b", "5: f"],
            ),
            (
                "case $1 in start) a '$x' \\$y;; esac",
                vec!["case $1", "start) to 3", "1: a|$$x|$$y"],
            ),
            (
                "case $A in\n (x|y*) a;;\n done) case $B in q) b;; esac; c ;;\n *) e\nesac\nf",
                vec![
                    "case $A",
                    "x|y*) to 3",
                    "2: a",
                    "done) to 8",
                    "case $B",
                    "q) to 7",
                    "3: b",
                    "3: c",
                    "*) to 10",
                    "4: e",
                    "6: f",
                ],
            ),
            (
                "while ! a `b`; do sleep 5; done",
                vec!["1: b", "1: a|$()", "1: sleep|5"],
            ),
            ("echo \"a; b | c\" # d", vec!["1: echo|a; b | c"]),
            (
                "g() { a; { b; }; }\nfunction h { b; }; c",
                vec!["g() to 3", "1: a", "1: b", "h() to 5", "2: b", "2: c"],
            ),
            (
                "for a in x \"$y\"; do for b; do c $a; done; d; done; e",
                vec![
                    "for a in x|${y} to 4",
                    "for b in @ to 3",
                    "1: c|$a",
                    "1: d",
                    "1: e",
                ],
            ),
            (
                "A=(a 'b c' # d\n \"$e\") && f \"${A[@]}\"",
                vec!["A=(a|b c|${e})", "2: f|${A[@]}"],
            ),
            (
                "a ${1:-x} \"${3:-\"y z\"}\" \"$b\"/c$d",
                vec!["1: a|${1:-x}|${3:-y z}|${b}/c$d"],
            ),
        ] {
            assert_eq!(lines(text), expected, "{text}");
        }
    }

    #[test]
    fn fish_has_words_for_braces() {
        let text = "function f\n if true\n  a\n end\nend\nset -gx B ~/c d\nif status is-login; and e\n f\nelse\n g; end\n\
                    for p in x y\n h $p\nend\nswitch $X\ncase z\n i\nend";
        assert_eq!(
            all(text, Shell::Fish),
            [
                "f() to 3",
                "2: true",
                "3: a",
                "6: export|B=~/c d",
                "7: status|is-login",
                "7: e",
                "8: f",
                "10: g",
                "for p in x|y to 10",
                "12: h|$p",
                "16: i"
            ]
        );
    }

    #[test]
    fn nesting_without_end_ends() {
        assert!(lines(&"$(".repeat(1 << 16)).len() < 10);
        assert!(lines(&"`'\"\\".repeat(1 << 16)).len() < 10);
        assert!(lines(&"a;".repeat(1 << 16)).len() <= MOST);
        assert!(lines(&"${1:".repeat(1 << 18)).len() < 10);
        let case = format!("case a in {}) b;; esac", "a|".repeat(1 << 18));
        assert!(
            read(&case, Shell::Posix)
                .items
                .iter()
                .all(|item| match item {
                    Item::Arm {
                        when: When::Fits(patterns),
                        ..
                    } => patterns.len() <= PATTERNS,
                    _ => true,
                })
        );
        assert!(lines(&"case a in a) ".repeat(1 << 16)).len() <= MOST + 1);
    }
}
