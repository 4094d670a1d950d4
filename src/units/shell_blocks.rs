//! Blocks in a shell's text: loops, functions, braces, branches of `case`. Pure.

use std::borrow::Cow;

use crate::units::shell::Reader;
use crate::units::shell_items::Item;
use crate::units::variables::is_name;

/// Words that stand before a command and are none.
const RESERVED: [&str; 5] = ["if", "then", "elif", "else", "!"];

/// What is open at a place, and the place of its item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Open {
    /// Braces, or what has no item.
    Other,
    /// A loop that has no item.
    Loop,
    For(usize),
    Function(usize),
}

impl Reader {
    /// The words behind those that are none of a command's; what these open and close is known then.
    pub(super) fn after_reserved<'w>(&mut self, words: &'w [String]) -> Cow<'w, [String]> {
        let mut rest = words;
        while let [first, more @ ..] = rest {
            match first.as_str() {
                "{" => {
                    let body = self.awaits_body.take();
                    self.open.push(body.map_or(Open::Other, Open::Function));
                }
                "}" => self.close_last(|open| matches!(open, Open::Other | Open::Function(_))),
                "done" => self.close_last(|open| matches!(open, Open::Loop | Open::For(_))),
                "while" | "until" => self.open.push(Open::Loop),
                "do" => {}
                "for" | "select" => {
                    self.begin_loop(more);
                    return (&[][..]).into();
                }
                "function" => {
                    if let Some(name) = more.first() {
                        self.begin_function(name);
                    }
                    rest = more.get(1..).unwrap_or_default();
                    continue;
                }
                word if RESERVED.contains(&word) => {}
                _ => break,
            }
            rest = more;
        }
        rest.into()
    }

    /// `for NAME in WORD …`, or anything else that a loop begins with.
    pub(super) fn begin_loop(&mut self, words: &[String]) {
        let words = match words {
            [name, r#in, words @ ..] if r#in == "in" => Some((name, Some(words.to_vec()))),
            [name] => Some((name, None)),
            _ => None,
        };
        match words.filter(|(name, _)| is_name(name)) {
            Some((name, words)) => {
                self.open.push(Open::For(self.found.len()));
                self.found.push(Item::For {
                    name: name.clone(),
                    words,
                    end: usize::MAX,
                });
            }
            None => self.open.push(Open::Loop),
        }
    }

    pub(super) fn begin_function(&mut self, name: &str) {
        self.awaits_body = Some(self.found.len());
        self.found.push(Item::Function {
            name: name.to_owned(),
            end: self.found.len() + 1,
        });
    }

    /// Close the innermost of what is open and is so, with all inside it.
    pub(super) fn close_last(&mut self, is_meant: impl Fn(&Open) -> bool) {
        if let Some(at) = self.open.iter().rposition(is_meant) {
            let end = self.found.len();
            for open in self.open.split_off(at) {
                self.close(open, end);
            }
        }
    }

    pub(super) fn close(&mut self, open: Open, behind: usize) {
        let (Open::For(at) | Open::Function(at)) = open else {
            return;
        };
        if let Some(Item::For { end, .. } | Item::Function { end, .. }) = self.found.get_mut(at) {
            *end = behind;
        }
    }

    /// Behind `;;`, `;&` or `;;&`: the patterns of the next branch.
    pub(super) fn next_branch(&mut self) {
        while matches!(self.peek(), Some(';' | '&')) {
            self.next();
        }
        if let Some(branch) = self.branches.last_mut() {
            branch.earlier.append(&mut branch.patterns);
            self.is_pattern = true;
        }
    }

    /// `NAME()`: the name of a function, whose body follows in braces. The place is behind it then.
    pub(super) fn begins_function(&mut self) -> bool {
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
        let name = name.clone();
        self.begin_function(&name);
        self.current.clear();
        while self.peek().is_some_and(|c| c != ')') {
            self.next();
        }
        self.next();
        true
    }
}
