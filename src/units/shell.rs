//! A shell's text as the simple commands that it runs: quotes, comments, here-documents and redirections read away,
//! substituted commands included. Pure; far from a shell, and near enough to tell what runs from what is only written.

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

/// A branch of `case`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Branch {
    /// The word that is compared.
    pub(crate) subject: String,
    /// The patterns of the branches before this one.
    earlier: Vec<String>,
    /// Its own patterns.
    patterns: Vec<String>,
}

impl Branch {
    /// Whether the shell can come here when the word is that text. One with a `$` is not known.
    pub(crate) fn can_be_taken(&self, subject: &str) -> bool {
        let any = |patterns: &[String], unknown| {
            let mut all = patterns.iter();
            all.any(|pattern| matches(pattern, subject).unwrap_or(unknown))
        };
        subject.contains('$') || (any(&self.patterns, true) && !any(&self.earlier, false))
    }
}

/// Whether a pattern of `case` fits a text; `None` where that takes more than `*` and `?`.
fn matches(pattern: &str, text: &str) -> Option<bool> {
    if pattern.contains(['[', '$', '\\']) {
        return None;
    }
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    // The places of the pattern that the text read so far can lead to.
    let after_stars = |mut at: usize, places: &mut [bool]| {
        places[at] = true;
        while pattern.get(at) == Some(&'*') {
            at += 1;
            places[at] = true;
        }
    };
    let mut places = vec![false; pattern.len() + 1];
    after_stars(0, &mut places);
    for c in text {
        let mut next = vec![false; pattern.len() + 1];
        for at in (0..pattern.len()).filter(|at| places[*at]) {
            match pattern[at] {
                '*' => after_stars(at, &mut next),
                '?' => after_stars(at + 1, &mut next),
                own if own == c => after_stars(at + 1, &mut next),
                _ => {}
            }
        }
        places = next;
    }
    Some(places[pattern.len()])
}

/// How many commands of a text, and words of a command, are read; people write fewer.
const MOST: usize = 500;
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

struct Reader<'a> {
    chars: Vec<char>,
    at: usize,
    line: usize,
    parameters: &'a [String],
    depth: usize,
    found: Vec<ShellCommand>,
    current: Vec<String>,
    began: usize,
    /// Ends of here-documents that begin on the next line.
    here: Vec<String>,
    /// The next word is where a redirection leads.
    is_target: bool,
    /// The branches of `case` that the place stands in, and whether it is among the patterns of the last one.
    branches: Vec<Branch>,
    is_pattern: bool,
    /// The function whose body the place stands in, and how many braces are open there.
    function: Option<(String, usize)>,
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

    fn redirection(&mut self) {
        let mut operator = String::new();
        while let Some(c) = self
            .peek()
            .filter(|c| matches!(c, '<' | '>' | '&' | '|' | '-'))
        {
            operator.push(c);
            self.next();
        }
        self.is_target = true;
        if matches!(operator.as_str(), "<<" | "<<-") {
            while self.peek() == Some(' ') {
                self.next();
            }
            let mut end = String::new();
            while let Some(c) = self
                .peek()
                .filter(|c| !c.is_whitespace() && !";&|".contains(*c))
            {
                if !matches!(c, '\'' | '"' | '\\') {
                    end.push(c);
                }
                self.next();
            }
            self.is_target = false;
            self.here.push(end);
        }
    }

    fn skip_here_documents(&mut self) {
        for end in std::mem::take(&mut self.here) {
            while self.at < self.chars.len() {
                let mut line = String::new();
                while let Some(c) = self.next().filter(|c| *c != '\n') {
                    line.push(c);
                }
                if line.trim() == end {
                    break;
                }
            }
        }
    }

    fn word(&mut self) {
        let (line, mut word, mut quote) = (self.line, String::new(), None);
        let start = self.at;
        let mut spliced: Option<Vec<String>> = None;
        while let Some(c) = self.peek() {
            if quote.is_none() && (c.is_whitespace() || ";&|()<>".contains(c)) {
                break;
            }
            self.next();
            match (c, quote) {
                (c, Some(q)) if c == q => quote = None,
                ('$', Some('\'')) => word.push_str("$$"),
                (c, Some('\'')) => word.push(c),
                ('\'', None) | ('"', None) => quote = Some(c),
                ('\\', _) => match self.next() {
                    Some('\n') | None => {}
                    Some('$') => word.push_str("$$"),
                    Some(c) => word.push(c),
                },
                ('`', _) => {
                    let line = self.line;
                    let inner = self.until('`');
                    self.substitute(&inner, line);
                    word.push_str("$()");
                }
                ('$', _) if self.peek() == Some('(') => {
                    self.next();
                    let line = self.line;
                    let inner = self.until(')');
                    self.substitute(&inner, line);
                    word.push_str("$()");
                }
                ('$', _) => match self.peek() {
                    Some('@' | '*') => {
                        self.next();
                        spliced
                            .get_or_insert_default()
                            .extend(self.parameters.iter().cloned());
                    }
                    Some(n @ '1'..='9') => {
                        self.next();
                        let at = n as usize - '1' as usize;
                        word.push_str(self.parameters.get(at).map_or("", String::as_str));
                    }
                    Some('{') => word.push_str(&self.in_braces()),
                    _ => word.push('$'),
                },
                (c, _) => word.push(c),
            }
        }
        let is_number = self.chars[start..self.at].iter().all(char::is_ascii_digit);
        if is_number && matches!(self.peek(), Some('<' | '>')) {
            return;
        }
        if std::mem::take(&mut self.is_target) {
            return;
        }
        if self.current.is_empty() {
            self.began = line;
        }
        if self.current.len() < MOST {
            match spliced {
                Some(words) if word.is_empty() => self.current.extend(words),
                _ => self.current.push(word),
            }
        }
    }

    /// Behind a `$`: `{1}` and `{1:-OTHER}` as the parameter, any other expansion as it is written.
    fn in_braces(&mut self) -> String {
        let mut inner = self.chars[self.at + 1..].iter();
        let number = inner.next().and_then(|c| c.to_digit(10)).filter(|n| *n > 0);
        let mut near = self.chars[self.at..].iter().take(MOST);
        let end = near.position(|c| *c == '}');
        let (Some(number), Some(end)) = (number, end) else {
            return "$".to_owned();
        };
        let rest: String = self.chars[self.at + 2..self.at + end].iter().collect();
        let other = rest.strip_prefix(":-").or(rest.strip_prefix('-'));
        if other.is_none() && !rest.is_empty() {
            return "$".to_owned();
        }
        self.at += end + 1;
        let given = self
            .parameters
            .get(number as usize - 1)
            .filter(|p| !p.is_empty());
        given
            .map_or(other.unwrap_or_default(), String::as_str)
            .to_owned()
    }

    /// The text up to the end of a substitution; quotes and nested ones are passed over.
    fn until(&mut self, end: char) -> String {
        let (mut text, mut depth, mut quote) = (String::new(), 0_usize, None);
        while let Some(c) = self.next() {
            match (c, quote) {
                (c, None) if c == end && depth == 0 => break,
                ('(', None) => depth += 1,
                (')', None) => depth = depth.saturating_sub(1),
                ('\'' | '"', None) => quote = Some(c),
                (c, Some(q)) if c == q => quote = None,
                _ => {}
            }
            text.push(c);
        }
        text
    }

    /// The commands of a substitution that begins on this line.
    fn substitute(&mut self, text: &str, line: usize) {
        if self.depth == 0 {
            return;
        }
        let mut inner = Reader::new(text, self.parameters);
        (inner.line, inner.began) = (line, line);
        inner.depth = self.depth - 1;
        inner.branches.clone_from(&self.branches);
        inner.function.clone_from(&self.function);
        inner.read();
        self.found.append(&mut inner.found);
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
