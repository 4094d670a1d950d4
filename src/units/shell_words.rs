//! The words of a shell's text: quotes, variables, substitutions, redirections and here-documents read away.

use crate::units::shell::{MOST, Reader};

impl Reader<'_> {
    pub(super) fn redirection(&mut self) {
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

    pub(super) fn skip_here_documents(&mut self) {
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

    pub(super) fn word(&mut self) {
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
                    word.push_str(&self.substitute(&inner, line));
                }
                ('$', _) if self.peek() == Some('(') => {
                    self.next();
                    let line = self.line;
                    let inner = self.until(')');
                    word.push_str(&self.substitute(&inner, line));
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
    pub(super) fn in_braces(&mut self) -> String {
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
    pub(super) fn until(&mut self, end: char) -> String {
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
}
