//! What starts gateways outside of systemd's units: cron tables, start scripts, what shells and desktops run at a login,
//! process managers, and files of containers that work on a home of this host. Reads only.

mod boot;
mod container_files;
mod cron;
mod logins;
mod process_managers;
pub(crate) mod starter;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::host::account::Account;
use crate::host::process::shell_quote;
use crate::host::process_text::as_account;
use crate::host::{DirectoryId, Host};
use crate::output::printable;
use crate::units::exec_line::{BUDGET, Context, Effects, MOST_FOR_ONE, effects, effects_of_lines};
use crate::units::reader::Reader;
use crate::units::secret::words_without_secrets;
use crate::units::starters::starter::Starter;

/// How many lines of a file, and directories beside each other, are looked at.
pub(super) const MOST: usize = 1000;

/// Bytes of a script of the host's that is read whatever it says.
const SHORT: usize = 2048;
/// How many lines that start a gateway are told of one file.
pub(super) const MOST_FOUND: usize = 50;

/// Look everywhere.
pub(crate) fn starters(host: &Host) -> Vec<Starter> {
    let accounts = match host.own.uid {
        0 => host.accounts(),
        _ => vec![host.own.clone()],
    };
    let mut look = Look {
        reader: Reader::new(&host.files),
        own: host.own.uid,
        budget: Cell::new(MOST_FOR_ONE),
        accounts: accounts.into_iter().map(|a| (a.name.clone(), a)).collect(),
        found: Vec::new(),
    };
    look.cron();
    look.at_boot();
    look.supervisors();
    look.desktops();
    for account in look.accounts.clone().into_values() {
        if account.home != Path::new("/") {
            look.budget.set(MOST_FOR_ONE);
            look.of_account(&account);
        }
    }
    look.containers(host);
    look.found
}

/// What starts gateways of these homes, each as a sentence.
pub(crate) fn told_of(host: &Host, homes: &[&Path]) -> Vec<String> {
    let homes: Vec<DirectoryId> = homes.iter().map(|home| host.directory(home)).collect();
    let is_theirs = |starter: &Starter| {
        let home = starter.home.as_ref().map(|home| host.directory(home));
        home.is_some_and(|home| homes.contains(&home))
    };
    let all = starters(host).into_iter();
    all.filter(is_theirs)
        .map(|starter| starter.told())
        .collect()
}

pub(super) struct Look {
    pub(super) reader: Reader,
    /// The account that looks.
    own: u32,
    /// What is left for the files of one account.
    budget: Cell<usize>,
    pub(super) accounts: BTreeMap<String, Account>,
    pub(super) found: Vec<Starter>,
}

/// A command of a file.
#[derive(Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) file: &'a Path,
    pub(super) number: usize,
    pub(super) text: &'a str,
    /// As whom it runs; `None` for everybody who logs in.
    pub(super) account: Option<&'a Account>,
    pub(super) environment: &'a BTreeMap<String, String>,
    pub(super) directory: Option<&'a Path>,
    pub(super) way_out: &'a str,
}

impl Look {
    pub(super) fn files(&self, directory: &str, end: &str) -> Vec<PathBuf> {
        let directory = Path::new(directory);
        let names = self.reader.names(directory).into_iter();
        names
            .filter(|name| name.ends_with(end))
            .take(MOST)
            .map(|name| directory.join(name))
            .collect()
    }

    /// A person is to change a file, with an editor that this host has. Root edits none of another account's: what an editor
    /// does is up to that account.
    pub(super) fn edit(&self, file: &Path, account: &Account) -> String {
        let file = file.display().to_string();
        if account.uid == 0 || account.uid == self.own {
            format!("edit {}", shell_quote(&[file]))
        } else {
            format!("have `{}` edit {}", account.name, shell_quote(&[file]))
        }
    }

    /// A command that works on what is an account's, as that account.
    pub(super) fn as_account(&self, account: &Account, argv: &[&str]) -> String {
        if account.uid == self.own {
            shell_quote(argv)
        } else {
            as_account(&account.name, &shell_quote(argv))
        }
    }

    /// What one file may cost of what is left for its account.
    pub(super) fn budget(&self) -> Cell<usize> {
        Cell::new(self.budget.get().min(BUDGET))
    }

    /// What one command does; `budget` is that of its file.
    pub(super) fn command(&mut self, argv: &[String], line: &Line, budget: &Cell<usize>) {
        let effects = self.look(line, budget, |context| effects(argv, context));
        self.add(line, effects);
    }

    /// Look at something that runs as a line does, for the budget of its file.
    fn look<T>(&self, line: &Line, budget: &Cell<usize>, look: impl FnOnce(&Context) -> T) -> T {
        let mut environment = line.environment.clone();
        // The home of everybody has no path.
        let home = line.account.map_or(Path::new("$HOME"), |a| &a.home);
        if let Some(account) = line.account {
            let home = account.home.display().to_string();
            environment.entry("HOME".to_owned()).or_insert(home);
        }
        let (reader, accounts) = (&self.reader, &self.accounts);
        let context = Context {
            environment,
            user_home: home.to_owned(),
            uid: line.account.map(|account| account.uid),
            directory: line.directory.map(Path::to_owned),
            account: &|name| accounts.get(name).cloned(),
            text: &|path| reader.text(path),
            script: &|path| reader.script(path),
            names: &|path| reader.names(path),
            active: &|root| reader.active_profile(root),
            budget: Cell::new(budget.get()),
        };
        let found = look(&context);
        let left = context.budget.get();
        let spent = budget.replace(left).saturating_sub(left);
        self.budget.set(self.budget.get().saturating_sub(spent));
        found
    }

    /// What a line was found to do with gateways.
    fn add(&mut self, line: &Line, effects: Effects) {
        let own = line.account.map(|account| account.name.clone());
        let text = printable(&words_without_secrets(&line.text.trim().replace('\t', " ")));
        let starter = |home: Option<PathBuf>, replaces| Starter {
            file: line.file.to_owned(),
            line: line.number,
            text: text.clone(),
            account: own.clone(),
            home,
            replaces,
            is_container: false,
            way_out: line.way_out.to_owned(),
        };
        let asks = effects
            .verbs
            .iter()
            .any(|verb| verb == "start" || verb == "restart");
        let before = self.found.len();
        if effects.calls.is_empty() && asks {
            self.found.push(starter(None, false));
        }
        for call in effects.calls {
            // A line that becomes an account which is not known does not say whose gateway it starts.
            let account = call.account.or(own.clone());
            let starter = Starter {
                account: account.filter(|_| call.home.is_some()),
                is_container: call.is_contained && call.home.is_some(),
                ..starter(call.home, call.replaces)
            };
            if !self.found[before..].contains(&starter) {
                self.found.push(starter);
            }
        }
    }

    /// A file of shell commands that is run with these parameters.
    pub(super) fn script(&mut self, file: &Path, parameters: &[String], account: &Account) {
        self.commands(file, parameters, account, Some(account));
    }

    /// A file of shell commands of an account, run as somebody, or as everybody who logs in.
    pub(super) fn commands(
        &mut self,
        file: &Path,
        parameters: &[String],
        owner: &Account,
        account: Option<&Account>,
    ) {
        self.lines_of(file, parameters, account, |look| look.edit(file, owner));
    }

    /// The same with the command that a person types against it.
    pub(super) fn lines_of(
        &mut self,
        file: &Path,
        parameters: &[String],
        account: Option<&Account>,
        way_out: impl FnOnce(&Self) -> String,
    ) {
        if self.reader.lacks(file) {
            return;
        }
        let text = self.reader.text(file).unwrap_or_default();
        // A short one of the host's may start another that says more.
        let is_short = file.starts_with("/etc") && text.len() < SHORT;
        if !text.contains("gateway") && !is_short {
            return;
        }
        let (budget, environment) = (self.budget(), BTreeMap::new());
        let way_out = way_out(self);
        let lines: Vec<&str> = text.lines().collect();
        let line = |number: usize| Line {
            file,
            number,
            text: lines
                .get(number.wrapping_sub(1))
                .copied()
                .unwrap_or_default(),
            account,
            environment: &environment,
            directory: None,
            way_out: &way_out,
        };
        let found = self.look(&line(0), &budget, |context| {
            effects_of_lines(file, &text, parameters, context)
        });
        for (number, effects) in found {
            self.add(&line(number), effects);
        }
    }
}

pub(super) fn shell(text: &str) -> Vec<String> {
    ["/bin/sh", "-c", text].map(str::to_owned).to_vec()
}

/// `NAME=VALUE`, quotes left out, as crontab(5) and supervisord take it.
pub(super) fn variable(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once('=')?;
    let (name, value) = (name.trim(), value.trim());
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let value = value.trim_matches(['"', '\'']);
    (!name.is_empty() && name.chars().all(plain)).then(|| (name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Scope;

    #[test]
    fn what_one_account_has_read_is_bounded_and_costs_no_other_a_look() {
        let top = tempfile::tempdir().expect("a directory");
        let write = |path: &str, text: &str| {
            let path = top.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            std::fs::write(path, text).expect("written");
        };
        let of = |name: &str, uid: u32| format!("{name}:x:{uid}:{uid}::/home/{name}:/bin/sh\n");
        write("etc/passwd", &(of("mallory", 64123) + &of("victim", 64124)));
        // More words than one file is worth, in so many files that they take all that there is for one account.
        let words = format!("echo{}\n", " word".repeat(200));
        write(
            "home/mallory/big",
            &format!("#!/bin/sh\n{}", words.repeat(400)),
        );
        for n in 0..MOST_FOR_ONE / BUDGET + 5 {
            let entry = format!("home/mallory/.config/autostart/{n:02}.desktop");
            write(&entry, "[Desktop Entry]\nExec=/home/mallory/big\n");
        }
        // Read last.
        let starts = r#"[{"pm_exec_path": "hermes", "args": ["-p", "default", "gateway", "run"]}]"#;
        write("home/mallory/.pm2/dump.pm2", starts);
        write("home/victim/.pm2/dump.pm2", starts);
        let mut host = Host::observer(Scope::System, Some(top.path())).expect("an image");
        host.own = Account::root();
        let found: Vec<PathBuf> = starters(&host).into_iter().map(|s| s.file).collect();
        assert_eq!(found, [Path::new("/home/victim/.pm2/dump.pm2")]);
    }
}
