//! What a shell's text has: commands, loops, functions, and what commands read.

use crate::units::shell::test::Test;

/// A text, read.
#[derive(Debug, Default)]
pub(crate) struct Text {
    /// What it has, in its order.
    pub(crate) items: Vec<Item>,
    /// What its commands read.
    pub(crate) inputs: Vec<Input>,
}

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Item {
    /// A simple command.
    Command(ShellCommand),
    /// `NAME=(WORD …)`, or `NAME+=(WORD …)`.
    Array {
        /// Its name.
        name: String,
        /// Whether the words come behind those that it has.
        appends: bool,
        /// Its words.
        words: Vec<String>,
    },
    /// `for NAME in WORD …; do`; what follows up to `end` is its body.
    For {
        /// The variable.
        name: String,
        /// What it is, one after the other; the parameters where the text has no `in`.
        words: Option<Vec<String>>,
        /// The place behind the body.
        end: usize,
    },
    /// `case WORD in`: what the word is here counts for all arms, whatever they do to its variables.
    Case {
        /// The word.
        word: String,
    },
    /// `then`, `else`, or the `PATTERN | …)` of a `case`: what follows up to `end` is run when its `if` or `case` comes
    /// to it.
    Arm {
        /// Whether it is the first of its `if` or `case`.
        is_first: bool,
        /// When it is run.
        when: When,
        /// The place behind it.
        end: usize,
    },
    /// `NAME() {`; what follows up to `end` is its body.
    Function {
        /// Its name.
        name: String,
        /// The place behind the body.
        end: usize,
    },
}

impl Item {
    /// The place behind what it holds, if it holds anything.
    pub(crate) fn end(&self) -> Option<usize> {
        match self {
            Self::For { end, .. } | Self::Arm { end, .. } | Self::Function { end, .. } => {
                Some(*end)
            }
            Self::Command(_) | Self::Array { .. } | Self::Case { .. } => None,
        }
    }
}

/// When an arm is run, if none before it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum When {
    /// Always: what follows `else`.
    Else,
    /// When the test holds.
    Holds(Test),
    /// When one of these patterns fits the word of the `case`.
    Fits(Vec<String>),
    /// Its words do not tell.
    Unknown,
}

/// A simple command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ShellCommand {
    /// The line that it begins on, from 1.
    pub(crate) line: usize,
    /// Its words. A variable stays: `$NAME` where it is a word of its own without quotes, else `${NAME}`; a `$` that is
    /// none of a variable's is `$$`.
    pub(crate) words: Vec<String>,
    /// What it reads, by the place among the text's inputs, where the text says that.
    pub(crate) input: Option<usize>,
    /// Whether it reads what the command before prints.
    pub(crate) is_piped: bool,
}

/// What a command reads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Input {
    /// The text.
    pub(crate) text: String,
    /// Whether a `$` in it is only that.
    pub(crate) is_literal: bool,
}

/// Whose grammar a text has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shell {
    /// That of sh(1), and of all that read it too.
    Posix,
    /// That of fish(1), which has words for braces.
    Fish,
}
