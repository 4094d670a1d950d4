//! Blocks in a shell's text: loops, functions, braces, branches of `case`. Pure.

use std::borrow::Cow;

use crate::units::shell::Reader;
use crate::units::shell_items::{Item, When};
use crate::units::shell_test::Test;
use crate::units::variables::is_name;

/// What is open at a place, and the place of its item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Open {
    /// Braces, or what has no item.
    Other,
    /// A loop that has no item.
    Loop,
    For(usize),
    Function(usize),
    /// An `if`: the place of the test that was read last, whether that is turned around, and the arm that is open.
    If {
        test: usize,
        is_negated: bool,
        arm: Option<usize>,
        is_first: bool,
    },
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
                "if" => self.open.push(self.test_follows(true)),
                "elif" => {
                    self.end_arm();
                    self.next_test();
                }
                "else" => {
                    self.end_arm();
                    self.begin_arm(true);
                }
                "then" => self.begin_arm(false),
                "fi" => self.end_if(),
                "!" => self.negate(),
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
        let (Open::For(at) | Open::Function(at) | Open::If { arm: Some(at), .. }) = open else {
            return;
        };
        match self.found.get_mut(at) {
            Some(Item::For { end, .. } | Item::Function { end, .. }) => *end = behind,
            // Without its `fi` it is not known where it ends.
            Some(Item::Arm { end, when, .. }) => (*end, *when) = (behind, When::Unknown),
            _ => {}
        }
    }

    /// An `if` whose next test begins here.
    fn test_follows(&self, is_first: bool) -> Open {
        Open::If {
            test: self.found.len(),
            is_negated: false,
            arm: None,
            is_first,
        }
    }

    /// `elif`: the innermost `if` has another test.
    fn next_test(&mut self) {
        let next = self.test_follows(false);
        if let Some(open @ Open::If { .. }) = self.open.last_mut() {
            *open = next;
        }
    }

    /// `!` before the test of an `if`.
    fn negate(&mut self) {
        if let Some(Open::If { is_negated, .. }) = self.open.last_mut() {
            *is_negated = true;
        }
    }

    /// `then` or `else`.
    fn begin_arm(&mut self, is_else: bool) {
        let here = self.found.len();
        // A second `then` without a test of its own: no shell takes that.
        if let Some(open @ Open::If { arm: Some(_), .. }) = self.open.last().copied() {
            self.close(open, here);
        }
        let Some(Open::If {
            test,
            is_negated,
            arm,
            is_first,
        }) = self.open.last_mut()
        else {
            return;
        };
        let when = match self.found.get(*test..) {
            _ if is_else => When::Else,
            Some([Item::Command(command)]) if !*is_negated => {
                Test::of(&command.words).map_or(When::Unknown, When::Holds)
            }
            _ => When::Unknown,
        };
        *arm = Some(here);
        let is_first = std::mem::take(is_first);
        self.found.push(Item::Arm {
            is_first,
            when,
            end: usize::MAX,
        });
    }

    /// `elif`, `else` or `fi`: what was open since `then` ends here.
    fn end_arm(&mut self) {
        let here = self.found.len();
        let Some(Open::If { arm, .. }) = self.open.last_mut() else {
            return;
        };
        if let Some(Item::Arm { end, .. }) = arm.take().and_then(|at| self.found.get_mut(at)) {
            *end = here;
        }
    }

    fn end_if(&mut self) {
        self.end_arm();
        self.close_last(|open| matches!(open, Open::If { .. }));
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
