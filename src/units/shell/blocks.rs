//! Blocks in a shell's text: loops, functions, braces, arms of `if` and `case`. Pure.

use std::borrow::Cow;

use crate::units::shell::items::{Item, When};
use crate::units::shell::test::Test;
use crate::units::shell::variables::is_name;
use crate::units::shell::{PATTERNS, Reader};

/// What is open at a place, and the place of its item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Open {
    /// Braces, or what has no item.
    Other,
    /// A loop that has no item.
    Loop,
    For(usize),
    Function(usize),
    /// An `if` or a `case`: what decides about its next arm, the arm that is open, and whether the next is the first.
    Choice {
        by: By,
        arm: Option<usize>,
        is_first: bool,
    },
}

/// What decides about an arm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum By {
    /// The commands from that place on, and whether what they say is turned around.
    Test { at: usize, is_negated: bool },
    /// Patterns of a `case`.
    Patterns(Vec<String>),
}

impl Open {
    fn is_if(&self) -> bool {
        matches!(
            self,
            Self::Choice {
                by: By::Test { .. },
                ..
            }
        )
    }

    fn is_case(&self) -> bool {
        matches!(
            self,
            Self::Choice {
                by: By::Patterns(_),
                ..
            }
        )
    }
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
                "if" => self.begin_choice(self.test_follows()),
                "then" | "elif" | "else" if !self.open.last().is_some_and(Open::is_if) => {}
                "then" => self.begin_arm(false),
                "elif" => self.next_arm(self.test_follows()),
                "else" => {
                    self.end_arm();
                    self.begin_arm(true);
                }
                "fi" => self.end_choice(Open::is_if),
                "!" => self.negate(),
                "case" if more.get(1).is_some_and(|word| word == "in") => {
                    self.found.push(Item::Case {
                        word: more[0].clone(),
                    });
                    let patterns = more[2..].iter().take(PATTERNS).cloned();
                    self.begin_choice(By::Patterns(patterns.collect()));
                    return (&[][..]).into();
                }
                "esac" => self.end_choice(Open::is_case),
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
            self.close_from(at);
        }
    }

    /// Close that one of what is open, with all inside it.
    fn close_from(&mut self, at: usize) {
        let end = self.found.len();
        for open in self.open.split_off(at) {
            self.close(open, end);
        }
    }

    pub(super) fn close(&mut self, open: Open, behind: usize) {
        let (Open::For(at) | Open::Function(at) | Open::Choice { arm: Some(at), .. }) = open else {
            return;
        };
        match self.found.get_mut(at) {
            Some(Item::For { end, .. } | Item::Function { end, .. }) => *end = behind,
            // Without its `fi` or `esac` it is not known where it ends.
            Some(Item::Arm { end, when, .. }) => (*end, *when) = (behind, When::Unknown),
            _ => {}
        }
    }

    /// A test begins here.
    fn test_follows(&self) -> By {
        By::Test {
            at: self.found.len(),
            is_negated: false,
        }
    }

    fn begin_choice(&mut self, by: By) {
        self.open.push(Open::Choice {
            by,
            arm: None,
            is_first: true,
        });
    }

    /// `!` before the test of an `if`.
    fn negate(&mut self) {
        if let Some(Open::Choice {
            by: By::Test { is_negated, .. },
            ..
        }) = self.open.last_mut()
        {
            *is_negated = true;
        }
    }

    /// The patterns of a `case` that the place is among.
    pub(super) fn patterns(&mut self) -> Option<&mut Vec<String>> {
        match self.open.last_mut()? {
            Open::Choice {
                by: By::Patterns(patterns),
                arm: None,
                ..
            } => Some(patterns),
            _ => None,
        }
    }

    /// Behind `then`, `else`, or the patterns of a `case`: an arm of the innermost `if` or `case`.
    pub(super) fn begin_arm(&mut self, is_else: bool) {
        let here = self.found.len();
        // A second `then` without a test of its own: no shell takes that.
        if let Some(open @ Open::Choice { arm: Some(_), .. }) = self.open.last().cloned() {
            self.close(open, here);
        }
        let Some(Open::Choice { by, arm, is_first }) = self.open.last_mut() else {
            return;
        };
        let when = match by {
            _ if is_else => When::Else,
            By::Patterns(patterns) => When::Fits(std::mem::take(patterns)),
            By::Test { at, is_negated } => match self.found.get(*at..) {
                Some([Item::Command(command)]) if !*is_negated => {
                    Test::of(&command.words).map_or(When::Unknown, When::Holds)
                }
                _ => When::Unknown,
            },
        };
        *arm = Some(here);
        let is_first = std::mem::take(is_first);
        self.found.push(Item::Arm {
            is_first,
            when,
            end: usize::MAX,
        });
    }

    /// What was open since the arm of the innermost `if` or `case` began ends here.
    fn end_arm(&mut self) {
        let here = self.found.len();
        let Some(Open::Choice { arm, .. }) = self.open.last_mut() else {
            return;
        };
        if let Some(Item::Arm { end, .. }) = arm.take().and_then(|at| self.found.get_mut(at)) {
            *end = here;
        }
    }

    /// The innermost `if` or `case` has another arm, about which this decides.
    fn next_arm(&mut self, next: By) {
        self.end_arm();
        if let Some(Open::Choice { by, .. }) = self.open.last_mut() {
            *by = next;
        }
    }

    fn end_choice(&mut self, is_meant: impl Fn(&Open) -> bool) {
        if self.open.last().is_some_and(&is_meant) {
            self.end_arm();
        }
        self.close_last(is_meant);
    }

    /// Behind `;;`, `;&` or `;;&`: the patterns of the next arm.
    pub(super) fn next_patterns(&mut self) {
        while matches!(self.peek(), Some(';' | '&')) {
            self.next();
        }
        if let Some(at) = self.open.iter().rposition(Open::is_case) {
            self.close_from(at + 1);
            self.next_arm(By::Patterns(Vec::new()));
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
