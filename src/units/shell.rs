//! A shell's text as the simple commands that it runs: quotes, comments, here-documents and redirections read away,
//! substituted commands included. Pure; far from a shell, and near enough to tell what runs from what is only written.

/// A simple command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ShellCommand {
    /// The line that it begins on, from 1.
    pub(crate) line: usize,
    /// Its words; `$NAME` stays as it is, a `$` that is none of a variable's is `$$`.
    pub(crate) words: Vec<String>,
}

/// How many commands of a text, and words of a command, are read; people write fewer.
const MOST: usize = 500;
/// How deep substitutions may be nested.
const DEPTH: usize = 4;

/// Words that stand before a command and are none.
const RESERVED: [&str; 9] = [
    "if", "then", "elif", "else", "while", "until", "do", "!", "{",
];

/// The commands of a text that is run with these parameters: `$1`, `$2`, …
pub(crate) fn commands(text: &str, parameters: &[String]) -> Vec<ShellCommand> {
    let mut reader = Reader {
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
    };
    reader.read();
    reader.found
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
}

impl Reader<'_> {
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
                ';' | '&' | '|' | '(' | ')' => {
                    self.next();
                    self.end();
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
                "function" => rest = more.get(1..).unwrap_or_default(),
                word if RESERVED.contains(&word) => rest = more,
                _ => break,
            }
        }
        if !rest.is_empty() {
            self.found.push(ShellCommand {
                line: self.began,
                words: rest.to_vec(),
            });
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
        let mut inner = Reader {
            chars: text.chars().collect(),
            at: 0,
            line,
            parameters: self.parameters,
            depth: self.depth - 1,
            found: Vec::new(),
            current: Vec::new(),
            began: line,
            here: Vec::new(),
            is_target: false,
        };
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
            (
                "f() {\n  a \\\n b\n}\nf",
                vec!["1: f", "2: a|b", "4: }", "5: f"],
            ),
            (
                "case $1 in start) a '$x' \\$y;; esac",
                vec!["1: case|gateway|in|start", "1: a|$$x|$$y", "1: esac"],
            ),
            (
                "while ! a `b`; do sleep 5; done",
                vec!["1: b", "1: a|$()", "1: sleep|5", "1: done"],
            ),
            ("echo \"a; b | c\" # d", vec!["1: echo|a; b | c"]),
        ] {
            assert_eq!(lines(text), expected, "{text}");
        }
    }

    #[test]
    fn nesting_without_end_ends() {
        assert!(lines(&"$(".repeat(1 << 16)).len() < 10);
        assert!(lines(&"`'\"\\".repeat(1 << 16)).len() < 10);
        assert!(lines(&"a;".repeat(1 << 16)).len() <= MOST);
    }
}
