//! A shell's text, run as far as that can be told: loops over words, functions with their parameters, and what commands
//! read. All arms of an `if` or a `case` are run where its words do not tell, and every command is thought to end well.
//! Pure but for the readers.

use std::ops::Range;
use std::rc::Rc;

use crate::units::exec_line::Search;
use crate::units::exec_line::wrappers::base;
use crate::units::shell;
use crate::units::shell::braces::in_braces;
use crate::units::shell::directory::located;
use crate::units::shell::items::{Item, Shell, ShellCommand, Text, When};
use crate::units::shell::pattern::fits;
use crate::units::shell::variables::assignment;

/// What a shell runs by a name.
#[derive(Debug, Clone)]
pub(super) struct Function {
    text: Rc<Text>,
    body: Range<usize>,
    /// Whether its lines are those of the file that is asked about.
    is_of_file: bool,
}

/// How many files a pattern stands for; people have fewer profiles.
const MOST_FILES: usize = 100;
/// How deep blocks may stand in each other, those of all texts that call each other: each is run within the one around it.
const BLOCKS: usize = 200;
/// How many bytes of a text cost as much as a word.
const BYTES: usize = 16;

impl Search<'_> {
    /// The commands of a text, one after the other; without parameters of its own it has those of whoever reads it.
    pub(super) fn shell(
        &mut self,
        text: &str,
        shell: Shell,
        parameters: Option<&[String]>,
        depth: usize,
    ) {
        if depth == 0 || !self.spend(1 + text.len() / BYTES) {
            return;
        }
        let text = Rc::new(shell::read(text, shell));
        let is_of_file = std::mem::replace(&mut self.is_of_file, false);
        let input = self.input.take();
        let before = parameters.map(|own| self.execution.parameters.replace(own.to_vec()));
        self.run(&text, 0..text.items.len(), depth);
        if let Some(before) = before {
            self.execution.parameters = before;
        }
        (self.is_of_file, self.input) = (is_of_file, input);
    }

    /// Run a part of a text; what its last command prints, where that is told.
    pub(super) fn run(
        &mut self,
        text: &Rc<Text>,
        range: Range<usize>,
        depth: usize,
    ) -> Option<String> {
        if self.blocks == BLOCKS {
            return None;
        }
        self.blocks += 1;
        let printed = self.items(text, range, depth);
        self.blocks -= 1;
        printed
    }

    fn items(&mut self, text: &Rc<Text>, range: Range<usize>, depth: usize) -> Option<String> {
        let mut at = range.start;
        let end = range.end.min(text.items.len());
        let mut printed = None;
        let mut choice = Choice::default();
        while at < end && self.context.budget.get() > 0 {
            let item = &text.items[at];
            let body = at + 1..item.end().unwrap_or(at + 1);
            at = body.end.max(body.start);
            match item {
                Item::Command(command) => {
                    printed = self.simple(text, command, printed.take(), depth);
                }
                Item::Array {
                    name,
                    appends,
                    words,
                } => self.execution.fill_array(name, words, *appends),
                Item::For { name, words, .. } => {
                    self.each(name, words.as_deref(), |search| {
                        search.run(text, body.clone(), depth);
                    });
                }
                Item::Case { word } => choice.word = Some(self.execution.expand(word)),
                Item::Arm { is_first, when, .. } => {
                    if choice.comes_to(*is_first, self.holds(when, choice.word.as_deref())) {
                        printed = self.run(text, body, depth);
                    }
                }
                Item::Function { name, .. } => {
                    let function = Function {
                        text: Rc::clone(text),
                        body,
                        is_of_file: self.is_of_file,
                    };
                    self.execution.functions.insert(name.clone(), function);
                }
            }
        }
        printed
    }

    /// Run this with each of the words in a variable; with the parameters where there is no list of words.
    fn each(&mut self, name: &str, words: Option<&[String]>, mut body: impl FnMut(&mut Self)) {
        let values = match words {
            Some(words) => self.values(words),
            None => self.execution.parameters.clone().unwrap_or_default(),
        };
        for value in values {
            if !self.spend(1) {
                break;
            }
            // One that is not known leaves the variable as it is written.
            if value.contains('$') {
                drop(self.execution.environment.remove(name))
            } else {
                self.execution.assign(name, &value)
            }
            body(self);
        }
    }

    /// Whether an arm is the one to run, if none before it was; `None` where its words do not tell.
    fn holds(&self, when: &When, word: Option<&str>) -> Option<bool> {
        match when {
            When::Else => Some(true),
            When::Holds(test) => test.holds(|word| self.execution.expand(word)),
            When::Fits(patterns) => {
                let word = word.filter(|word| !word.contains('$') && self.spend(patterns.len()))?;
                any(patterns.iter().map(|pattern| fits(pattern, word)))
            }
            When::Unknown => None,
        }
    }

    /// Run a command; what it prints, where that is told by its words.
    fn simple(
        &mut self,
        text: &Rc<Text>,
        command: &ShellCommand,
        piped: Option<String>,
        depth: usize,
    ) -> Option<String> {
        if self.is_of_file {
            self.line = command.line;
        }
        let argv = self.execution.words(&command.words);
        let own = command.input.and_then(|at| text.inputs.get(at));
        let input = match own {
            Some(input) if input.is_literal => Some(input.text.clone()),
            Some(input) => Some(self.execution.expand(&input.text.replace("\\$", "$$"))),
            None => piped.filter(|_| command.is_piped),
        };
        self.input.clone_from(&input);
        self.command_of(&argv, true, depth);
        self.input = None;
        match base(argv.first()?) {
            "cat" | "tee" | "envsubst" => input,
            "echo" => {
                let words = argv[1..].iter().skip_while(|word| word.starts_with('-'));
                Some(words.cloned().collect::<Vec<_>>().join(" "))
            }
            "printf" if argv.get(1).is_some_and(|format| format.contains("%s")) => {
                Some(argv[2..].join("\n"))
            }
            "printf" => argv.get(1).map(|text| text.replace("\\n", "\n")),
            _ => None,
        }
    }

    /// What a loop goes through.
    fn values(&self, words: &[String]) -> Vec<String> {
        let words = self.execution.words(words).into_iter();
        let found = words.flat_map(|word| match (self.files(&word), in_braces(&word)) {
            (Some(files), _) => files,
            (None, Some(words)) => words,
            (None, None) => vec![word],
        });
        found.collect()
    }

    /// The files that `DIRECTORY/*` stands for.
    fn files(&self, word: &str) -> Option<Vec<String>> {
        let above = word.strip_suffix("/*/").or(word.strip_suffix("/*"))?;
        let execution = &self.execution;
        let directory = located(above, execution.directory.as_deref(), &execution.user_home)?;
        let names = (self.context.names)(&directory).into_iter();
        let names = names.filter(|name| !name.starts_with('.'));
        let files = names.take(MOST_FILES).map(|name| format!("{above}/{name}"));
        Some(files.collect())
    }

    /// What a shell does itself; whether it does.
    pub(super) fn builtin(&mut self, argv: &[String], depth: usize) -> bool {
        let (first, rest) = argv.split_first().expect("a command");
        if let Some(function) = self.execution.functions.get(first).cloned() {
            self.call_function(&function, rest, depth);
            return true;
        }
        match first.as_str() {
            "export" | "local" | "declare" | "typeset" | "readonly" => {
                for (name, value) in rest.iter().filter_map(|word| assignment(word)) {
                    self.execution.assign(name, value);
                }
            }
            "unset" => {
                for name in rest {
                    self.execution.environment.remove(name);
                }
            }
            "set" => {
                let is_own = |word: &&String| word.starts_with(['-', '+']) && *word != "--";
                let mut words = rest.iter().skip_while(is_own).peekable();
                let is_list =
                    words.next_if(|word| *word == "--").is_some() || words.peek().is_some();
                if let Some(parameters) = self.execution.parameters.as_mut().filter(|_| is_list) {
                    *parameters = words.cloned().collect();
                }
            }
            "shift" => {
                let times = rest.first().map_or(Ok(1), |word| word.parse());
                if let (Some(parameters), Ok(times)) = (&mut self.execution.parameters, times) {
                    parameters.drain(..parameters.len().min(times));
                }
            }
            "trap" => {
                if let Some(text) = rest.first().filter(|word| !word.starts_with('-')) {
                    self.shell(text, Shell::Posix, None, depth - 1);
                }
            }
            _ => return false,
        }
        true
    }

    fn call_function(&mut self, function: &Function, parameters: &[String], depth: usize) {
        if !self.spend(1) {
            return;
        }
        let before = self.execution.parameters.replace(parameters.to_vec());
        let is_of_file = std::mem::replace(&mut self.is_of_file, function.is_of_file);
        let (line, input) = (self.line, self.input.take());
        self.run(&function.text, function.body.clone(), depth - 1);
        self.execution.parameters = before;
        (self.is_of_file, self.line, self.input) = (is_of_file, line, input);
    }
}

/// An `if` or a `case` that is being run.
#[derive(Debug, Default)]
struct Choice {
    /// What the word of the last `case` was when it began.
    word: Option<String>,
    /// Whether one of its arms was run for sure.
    is_decided: bool,
}

impl Choice {
    /// Whether the next arm is run.
    fn comes_to(&mut self, is_first: bool, holds: Option<bool>) -> bool {
        self.is_decided &= !is_first;
        let is_run = !self.is_decided && holds != Some(false);
        self.is_decided |= holds == Some(true);
        is_run
    }
}

/// Whether one of these is so, where that is known.
fn any(all: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut is_told = true;
    for one in all {
        match one {
            Some(true) => return one,
            Some(false) => {}
            None => is_told = false,
        }
    }
    is_told.then_some(false)
}
