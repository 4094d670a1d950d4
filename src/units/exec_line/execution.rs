//! What a command is executed in: as whom, where, and with which variables, as far as the commands before it say. Pure.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::host::account::Account;
use crate::units::exec_line::shell_run::Function;
use crate::units::exec_line::wrapper::Environment;
use crate::units::exec_line::wrappers::Becoming;
use crate::units::shell::directory::OF_SCRIPT_TOO;
use crate::units::shell::variables::{is_name, variables};

/// See the module.
#[derive(Debug, Default, Clone)]
pub(super) struct Execution {
    pub(super) environment: BTreeMap<String, String>,
    pub(super) user_home: PathBuf,
    pub(super) directory: Option<PathBuf>,
    pub(super) uid: Option<u32>,
    pub(super) account: Option<String>,
    pub(super) is_elsewhere: bool,
    /// `$1`, `$2`, … of a shell's text.
    pub(super) parameters: Option<Vec<String>>,
    /// Lists of words that a shell has by a name.
    pub(super) arrays: BTreeMap<String, Vec<String>>,
    /// What a shell runs by a name.
    pub(super) functions: BTreeMap<String, Function>,
}

/// How many words of a command are looked at; people write fewer.
const MOST: usize = 500;

impl Execution {
    /// How much a copy of it costs.
    pub(super) fn len(&self) -> usize {
        let arrays: usize = self.arrays.values().map(|words| words.len() + 1).sum();
        self.environment.len() + self.functions.len() + arrays
    }

    /// The value of a variable, as a shell has it.
    pub(super) fn value(&self, name: &str) -> Option<String> {
        if let Some(parameters) = &self.parameters {
            match name {
                "@" | "*" => return Some(parameters.join(" ")),
                "#" => return Some(parameters.len().to_string()),
                name => {
                    if let Some(number) = name.parse::<usize>().ok().filter(|n| *n > 0) {
                        return Some(parameters.get(number - 1).cloned().unwrap_or_default());
                    }
                }
            }
        }
        match name.strip_suffix("[@]").or(name.strip_suffix("[*]")) {
            Some(array) => self.arrays.get(array).map(|words| words.join(" ")),
            None => self.environment.get(name).cloned(),
        }
    }

    /// `NAME=(WORD …)`, or `NAME+=(WORD …)`, which appends.
    pub(super) fn fill_array(&mut self, name: &str, words: &[String], appends: bool) {
        let words = self.words(words);
        let array = self.arrays.entry(name.to_owned()).or_default();
        if !appends {
            array.clear();
        }
        array.extend(words);
    }

    /// A word with its variables, as one word.
    pub(super) fn expand(&self, word: &str) -> String {
        variables(word, &|name| self.value(name))
    }

    /// The words of a command: `$NAME` as a word of its own is the words of its value, in a unit as in a shell.
    pub(super) fn words(&self, words: &[String]) -> Vec<String> {
        let mut found = Vec::new();
        for word in words.iter().take(MOST) {
            if let Some(all) = self.list(word) {
                found.extend(all.iter().take(MOST).cloned());
                continue;
            }
            let name = word.strip_prefix('$').filter(|name| is_name(name));
            match name.and_then(|name| self.value(name)) {
                Some(value) => found.extend(value.split_whitespace().take(MOST).map(str::to_owned)),
                None => found.push(self.expand(word)),
            }
        }
        found.truncate(MOST);
        found
    }

    /// The list that a word stands for: `$@`, `${NAME[@]}`.
    fn list(&self, word: &str) -> Option<&Vec<String>> {
        let name = word.strip_prefix('$')?;
        let inside = name.strip_prefix('{').and_then(|n| n.strip_suffix('}'));
        match inside.unwrap_or(name) {
            "@" | "*" => self.parameters.as_ref(),
            name => {
                let array = name.strip_suffix("[@]").or(name.strip_suffix("[*]"))?;
                self.arrays.get(array)
            }
        }
    }

    /// Set a variable; `~` at its beginning is the home directory.
    pub(super) fn assign(&mut self, name: &str, value: &str) {
        let below = value.strip_prefix('~');
        let below = below.filter(|below| below.is_empty() || below.starts_with('/'));
        let value = match below {
            Some(below) => format!("{}{below}", self.user_home.display()),
            None => value.to_owned(),
        };
        self.arrays.remove(name);
        self.environment.insert(name.to_owned(), value);
    }

    /// Become an account: of this host if it is known and may be become, else one elsewhere.
    pub(super) fn turn_into(
        &mut self,
        becoming: &Becoming,
        find: &dyn Fn(&str) -> Option<Account>,
    ) {
        let account = becoming.user.as_deref().and_then(find);
        let may_become = |a: &Account| self.uid == Some(0) || self.uid == Some(a.uid);
        let Some(account) = account.filter(may_become) else {
            self.is_elsewhere = true;
            return;
        };
        if becoming.environment == Environment::Reset {
            self.environment.clear();
        }
        if becoming.environment != Environment::Kept {
            let home = account.home.display().to_string();
            self.environment.insert("HOME".to_owned(), home);
        }
        self.user_home = account.home;
        self.uid = Some(account.uid);
        self.account = Some(account.name);
    }

    /// Go to another directory.
    pub(super) fn move_to(&mut self, directory: Option<PathBuf>) {
        if let Some(directory) = &directory {
            let path = directory.display().to_string();
            self.environment.insert("PWD".to_owned(), path);
        }
        self.directory = directory;
    }

    /// Let a script name its own directory; what it is to be afterwards.
    pub(super) fn enter_script(&mut self, file: &Path) -> [(&'static str, Option<String>); 3] {
        let directory = file.parent().unwrap_or(Path::new("/")).display();
        OF_SCRIPT_TOO.map(|name| {
            let was = self
                .environment
                .insert(name.to_owned(), directory.to_string());
            (name, was)
        })
    }

    /// As it was before that script.
    pub(super) fn leave_script(&mut self, was: [(&'static str, Option<String>); 3]) {
        for (name, value) in was {
            match value {
                Some(value) => self.environment.insert(name.to_owned(), value),
                None => self.environment.remove(name),
            };
        }
    }
}
