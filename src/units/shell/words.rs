//! The words of a shell's text: quotes, variables, substitutions, redirections and here-documents read away.

use crate::units::shell::items::{Input, Item};
use crate::units::shell::variables::is_name;
use crate::units::shell::{MOST, Reader};

impl Reader {
    pub(super) fn redirection(&mut self) {
        let mut operator = String::new();
        while let Some(c) = self
            .peek()
            .filter(|c| matches!(c, '<' | '>' | '&' | '|' | '-'))
        {
            operator.push(c);
            self.next();
        }
        match operator.as_str() {
            "<<" | "<<-" => self.here_document(),
            "<<<" => self.is_input = true,
            _ => self.is_target = true,
        }
    }

    /// Behind `<<`: how the document ends, and whether a `$` in it is only that.
    fn here_document(&mut self) {
        while self.peek() == Some(' ') {
            self.next();
        }
        let (mut end, mut is_literal) = (String::new(), false);
        while let Some(c) = self
            .peek()
            .filter(|c| !c.is_whitespace() && !";&|)".contains(*c))
        {
            match c {
                '\'' | '"' | '\\' => is_literal = true,
                c => end.push(c),
            }
            self.next();
        }
        let at = self.reads(String::new(), is_literal);
        self.here.push((end, at));
    }

    /// The command at this place reads that text, whose place among the inputs it is told.
    fn reads(&mut self, text: String, is_literal: bool) -> usize {
        let at = self.inputs.len();
        self.inputs.push(Input { text, is_literal });
        self.input = Some(at);
        at
    }

    /// The documents of the line that has ended.
    pub(super) fn read_here_documents(&mut self) {
        for (end, at) in std::mem::take(&mut self.here) {
            let mut text = String::new();
            while self.at < self.chars.len() {
                let mut line = String::new();
                while let Some(c) = self.next().filter(|c| *c != '\n') {
                    line.push(c);
                }
                if line.trim() == end {
                    break;
                }
                text.push_str(line.trim_start_matches('\t'));
                text.push('\n');
            }
            self.inputs[at].text = text;
        }
    }

    pub(super) fn word(&mut self) {
        let (line, mut word, mut quote) = (self.line, String::new(), None);
        let start = self.at;
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
                    Some(c) => {
                        if quote.is_some() && !"\"`\\".contains(c) {
                            word.push('\\');
                        }
                        word.push(c);
                    }
                },
                ('`', _) => {
                    let line = self.line;
                    let inner = self.until('`');
                    word.push_str(&self.substitute(&inner, line));
                }
                ('$', _) if self.peek() == Some('(') => {
                    self.next();
                    let line = self.line;
                    let inner = self.until(')');
                    word.push_str(&self.substitute(&inner, line));
                }
                ('$', _) => self.variable(&mut word, quote.is_some()),
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
        if std::mem::take(&mut self.is_input) {
            self.reads(word + "\n", false);
            return;
        }
        if self.current.is_empty() {
            self.began = line;
        }
        if self.current.len() < MOST {
            self.current.push(word);
        }
    }

    /// Behind a `$`: a variable as it is written, in braces where it stands in quotes.
    fn variable(&mut self, word: &mut String, is_quoted: bool) {
        word.push('$');
        let rest = &self.chars[self.at..];
        let plain = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
        let len = match rest.first() {
            Some('{') => return self.braces(word),
            Some(c) if c.is_ascii_digit() || "@*#".contains(*c) => 1,
            _ => rest.iter().position(|c| !plain(c)).unwrap_or(rest.len()),
        };
        let name: String = rest[..len].iter().collect();
        self.at += len;
        if is_quoted && !name.is_empty() {
            word.push_str(&format!("{{{name}}}"))
        } else {
            word.push_str(&name)
        }
    }

    /// An expansion in braces, without the quotes inside it.
    fn braces(&mut self, word: &mut String) {
        let mut depth = 0_usize;
        while let Some(c) = self.next() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                '"' | '\'' => continue,
                _ => {}
            }
            word.push(c);
            if depth == 0 {
                return;
            }
        }
    }

    /// `NAME=(WORD …)`: a list of words, where the place is before its parenthesis.
    pub(super) fn is_array(&mut self) -> bool {
        let adjoins = self.at > 0 && self.chars[self.at - 1] == '=';
        let Some(name) = self.current.last().and_then(|word| word.strip_suffix('=')) else {
            return false;
        };
        let (name, appends) = match name.strip_suffix('+') {
            Some(name) => (name.to_owned(), true),
            None => (name.to_owned(), false),
        };
        if !adjoins || !is_name(&name) || self.depth == 0 {
            return false;
        }
        self.current.clear();
        self.next();
        let text = self.until(')');
        let mut inner = Reader::new(&text);
        inner.depth = self.depth - 1;
        inner.read();
        let words = inner.found.into_iter().flat_map(|item| match item {
            Item::Command(command) => command.words,
            _ => Vec::new(),
        });
        let words = words.take(MOST).collect();
        self.found.push(Item::Array {
            name,
            appends,
            words,
        });
        true
    }

    /// The text up to the end of a substitution; quotes and nested ones are passed over.
    pub(super) fn until(&mut self, end: char) -> String {
        let (mut text, mut depth, mut quote) = (String::new(), 0_usize, None);
        while let Some(c) = self.next() {
            match (c, quote) {
                (c, None) if c == end && depth == 0 => break,
                ('(', None) => depth += 1,
                (')', None) => depth = depth.saturating_sub(1),
                ('\'' | '"', None) => quote = Some(c),
                (c, Some(q)) if c == q => quote = None,
                ('\\', None | Some('"')) => {
                    text.push(c);
                    text.extend(self.next());
                    continue;
                }
                ('#', None) if text.ends_with(char::is_whitespace) => {
                    while self.peek().is_some_and(|c| c != '\n') {
                        self.next();
                    }
                    continue;
                }
                _ => {}
            }
            text.push(c);
        }
        text
    }
}
