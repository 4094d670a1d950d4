//! A shell's text as the simple commands that it runs: quotes, comments, here-documents and redirections read away,
//! substituted commands included. Pure; far from a shell, and near enough to tell what runs from what is only written.

use crate::units::branch::Branch;
use crate::units::directory::substituted;
use std::collections::HashMap;

/// A simple command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ShellCommand {
    /// The line that it begins on, from 1.
    pub(crate) line: usize,
    /// Its words; `$NAME` stays as it is, a `$` that is none of a variable's is `$$`.
    pub(crate) words: Vec<String>,
    /// The branches of `case` that it stands in, the outermost first.
    pub(crate) branches: Vec<Branch>,
    /// The function whose body it stands in.
    function: Option<String>,
}

/// How many commands of a text, and words of a command, are read; people write fewer.
pub(super) const MOST: usize = 500;
/// How many patterns of one `case`, and how many of these inside each other, are kept with each command.
const PATTERNS: usize = 50;
const BRANCHES: usize = 4;
/// How deep substitutions may be nested.
const DEPTH: usize = 4;

/// Words that stand before a command and are none.
const RESERVED: [&str; 9] = [
    "if", "then", "elif", "else", "while", "until", "do", "!", "{",
];

/// The commands of a text that is run with these parameters: `$1`, `$2`, …
pub(crate) fn commands(text: &str, parameters: &[String]) -> Vec<ShellCommand> {
    let mut reader = Reader::new(text, parameters);
    reader.read();
    let mut found = reader.found;
    // The body of a function runs where something else says its name.
    let mut callers: HashMap<String, Vec<Option<String>>> = HashMap::new();
    for command in &found {
        let is_name = |c: char| c.is_alphanumeric() || "_-".contains(c);
        for name in command.words.iter().flat_map(|w| w.split(|c| !is_name(c))) {
            let callers = callers.entry(name.to_owned()).or_default();
            if callers.last() != Some(&command.function) {
                callers.push(command.function.clone());
            }
        }
    }
    found.retain(|command| {
        command.function.as_ref().is_none_or(|name| {
            let mut callers = callers.get(name).into_iter().flatten();
            callers.any(|caller| caller.as_ref() != Some(name))
        })
    });
    found
}

pub(super) struct Reader<'a> {
    pub(super) chars: Vec<char>,
    pub(super) at: usize,
    pub(super) line: usize,
    pub(super) parameters: &'a [String],
    pub(super) depth: usize,
    pub(super) found: Vec<ShellCommand>,
    pub(super) current: Vec<String>,
    pub(super) began: usize,
    /// Ends of here-documents that begin on the next line.
    pub(super) here: Vec<String>,
    /// The next word is where a redirection leads.
    pub(super) is_target: bool,
    /// The branches of `case` that the place stands in, and whether it is among the patterns of the last one.
    pub(super) branches: Vec<Branch>,
    pub(super) is_pattern: bool,
    /// The function whose body the place stands in, and how many braces are open there.
    pub(super) function: Option<(String, usize)>,
}

impl<'a> Reader<'a> {
    fn new(text: &str, parameters: &'a [String]) -> Self {
        Self {
            chars: text.chars().collect(),
            at: 0,
            line: 1,
            parameters,
            depth: DEPTH,
            found: Vec::new(),
            current: Vec::new(),
            began: 1,
            here: Vec::new(),
            is_target: false,
            branches: Vec::new(),
            is_pattern: false,
            function: None,
        }
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += 1;
        self.line += usize::from(c == '\n');
        Some(c)
    }

    fn read(&mut self) {
        while let Some(c) = self.peek() {
            if self.found.len() >= MOST {
                return;
            }
            match c {
                '\n' => {
                    self.end();
                    self.next();
                    self.skip_here_documents();
                }
                '&' if self.chars.get(self.at + 1) == Some(&'>') => {
                    self.next();
                }
                '(' if self.is_pattern && self.current.is_empty() => {
                    self.next();
                }
                '(' if self.begins_function() => {}
                ';' | '&' | '|' | '(' | ')' => {
                    self.next();
                    self.end();
                    match (c, self.peek()) {
                        (')', _) => self.is_pattern = false,
                        (';', Some(';' | '&')) => self.next_branch(),
                        _ => {}
                    }
                }
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
    }

    fn end(&mut self) {
        let words = std::mem::take(&mut self.current);
        self.is_target = false;
        let mut rest = &words[..];
        while let [first, more @ ..] = rest {
            match first.as_str() {
                "{" => self.brace(),
                "function" => {
                    if let Some([name, _]) = more.first_chunk().filter(|[_, word]| word == "{") {
                        self.function.get_or_insert_with(|| (name.clone(), 0));
                    }
                    rest = more.get(1..).unwrap_or_default();
                    continue;
                }
                word if RESERVED.contains(&word) => {}
                _ => break,
            }
            rest = more;
        }
        match rest {
            [] => {}
            [esac, ..] if esac == "esac" && !self.branches.is_empty() => {
                self.branches.pop();
                self.is_pattern = false;
            }
            [first, subject, r#in, patterns @ ..]
                if first == "case" && r#in == "in" && self.branches.len() < BRANCHES =>
            {
                self.branches.push(Branch {
                    subject: subject.clone(),
                    earlier: Vec::new(),
                    patterns: patterns.iter().take(PATTERNS).cloned().collect(),
                });
                self.is_pattern = true;
            }
            patterns if self.is_pattern => {
                if let Some(branch) = self.branches.last_mut() {
                    let room =
                        PATTERNS.saturating_sub(branch.patterns.len() + branch.earlier.len());
                    branch.patterns.extend(patterns.iter().take(room).cloned());
                }
            }
            [brace] if brace == "}" => self.end_brace(),
            words => self.found.push(ShellCommand {
                line: self.began,
                words: words.to_vec(),
                branches: self.branches.clone(),
                function: self.function.as_ref().map(|(name, _)| name.clone()),
            }),
        }
    }

    /// Behind `;;`, `;&` or `;;&`: the patterns of the next branch.
    fn next_branch(&mut self) {
        while matches!(self.peek(), Some(';' | '&')) {
            self.next();
        }
        if let Some(branch) = self.branches.last_mut() {
            branch.earlier.append(&mut branch.patterns);
            self.is_pattern = true;
        }
    }

    /// `NAME()`: the name of a function, whose body follows in braces. The place is behind it then.
    fn begins_function(&mut self) -> bool {
        let name = match &self.current[..] {
            [name] => name,
            [function, name] if function == "function" => name,
            _ => return false,
        };
        let mut rest = self.chars[self.at + 1..].iter().copied();
        let closes = rest.by_ref().find(|c| !matches!(c, ' ' | '\t')) == Some(')');
        if !closes || rest.find(|c| !c.is_whitespace()) != Some('{') {
            return false;
        }
        self.function.get_or_insert_with(|| (name.clone(), 0));
        self.current.clear();
        while self.peek().is_some_and(|c| c != ')') {
            self.next();
        }
        self.next();
        true
    }

    fn brace(&mut self) {
        if let Some((_, open)) = &mut self.function {
            *open += 1;
        }
    }

    fn end_brace(&mut self) {
        if let Some((_, open)) = &mut self.function {
            *open = open.saturating_sub(1);
            if *open == 0 {
                self.function = None;
            }
        }
    }

    /// The commands of a substitution that begins on this line, and what stands for it in the word.
    pub(super) fn substitute(&mut self, text: &str, line: usize) -> String {
        if let Some(directory) = substituted(text) {
            return directory;
        }
        let unknown = "$()".to_owned();
        if self.depth == 0 {
            return unknown;
        }
        let mut inner = Reader::new(text, self.parameters);
        (inner.line, inner.began) = (line, line);
        inner.depth = self.depth - 1;
        inner.branches.clone_from(&self.branches);
        inner.function.clone_from(&self.function);
        inner.read();
        self.found.append(&mut inner.found);
        unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        let parameters = ["gateway".to_owned(), "run now".to_owned()];
        let found = commands(text, &parameters);
        found
            .iter()
            .map(|c| format!("{}: {}", c.line, c.words.join("|")))
            .collect()
    }

    #[test]
    fn what_runs_is_told_from_what_is_only_written() {
        for (text, expected) in [
            (
                "# a b\nif a 'b c' >/dev/null 2>&1; then d & fi",
                vec!["2: a|b c", "2: d", "2: fi"],
            ),
            (
                "x=\"$(pgrep -f 'a b')\" && c \"$@\" d",
                vec!["1: pgrep|-f|a b", "1: x=$()", "1: c|gateway|run now|d"],
            ),
            (
                "cat <<EOF\nhermes gateway run\nEOF\nb",
                vec!["1: cat", "4: b"],
            ),
            ("f() {\n  a \\\n b\n}\nf", vec!["2: a|b", "5: f"]),
            ("case $1 in start) a '$x' \\$y;; esac", vec!["1: a|$$x|$$y"]),
            (
                "while ! a `b`; do sleep 5; done",
                vec!["1: b", "1: a|$()", "1: sleep|5", "1: done"],
            ),
            ("echo \"a; b | c\" # d", vec!["1: echo|a; b | c"]),
            ("g() { a; }\nfunction h { b; }; c", vec!["2: c"]),
            (
                "a ${1:-x} ${3:-y} ${3} ${HOME:-z}",
                vec!["1: a|gateway|y||${HOME:-z}"],
            ),
        ] {
            assert_eq!(lines(text), expected, "{text}");
        }
    }

    #[test]
    fn a_branch_runs_where_its_patterns_are_the_first_that_fit() {
        let text = "case $A in\n (x|y*) a;;\n *z?) case $B in q) b;; esac; c ;;\n [0-9]) d;;\n *) e\nesac\nf";
        for (subject, expected) in [
            ("x", "a f"),
            ("y-one", "a f"),
            ("1zz", "c f"),
            ("5", "d e f"),
            ("", "d e f"),
            ("$A", "a c d e f"),
        ] {
            let ran: Vec<String> = commands(text, &[])
                .iter()
                .filter(|command| {
                    command.branches.iter().all(|branch| {
                        let subject = if branch.subject == "$A" { subject } else { "r" };
                        branch.can_be_taken(subject)
                    })
                })
                .map(|command| command.words.join("|"))
                .collect();
            assert_eq!(ran.join(" "), expected, "{subject}");
        }
    }

    #[test]
    fn nesting_without_end_ends() {
        assert!(lines(&"$(".repeat(1 << 16)).len() < 10);
        assert!(lines(&"`'\"\\".repeat(1 << 16)).len() < 10);
        assert!(lines(&"a;".repeat(1 << 16)).len() <= MOST);
        assert!(lines(&"${1:".repeat(1 << 18)).len() < 10);
        let patterns = format!("case a in {}) b;; esac", "a|".repeat(1 << 18));
        assert!(
            commands(&patterns, &[])
                .iter()
                .all(|c| c.branches[0].patterns.len() <= PATTERNS)
        );
        let nested = format!("{}b", "case a in a) ".repeat(1 << 16));
        assert!(
            commands(&nested, &[])
                .iter()
                .all(|c| c.branches.len() <= BRANCHES)
        );
    }
}
