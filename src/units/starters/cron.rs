//! What cron starts: tables of crontab(5) and the scripts of /etc/cron.*.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::host::account::Account;
use crate::host::process::shell_quote;
use crate::units::starters::{Line, Look, MOST, shell, variable};

impl Look {
    pub(super) fn cron(&mut self) {
        let mut tables = vec![PathBuf::from("/etc/crontab")];
        tables.extend(self.files("/etc/cron.d", ""));
        for table in tables {
            let way_out = self.edit(&table, &Account::root());
            self.cron_table(&table, None, &way_out);
        }
        self.anacron(Path::new("/etc/anacrontab"));
        for directory in ["/var/spool/cron/crontabs", "/var/spool/cron"] {
            for table in self.files(directory, "") {
                let name = table.file_name().unwrap_or_default().to_string_lossy();
                if let Some(account) = self.accounts.get(&*name).cloned() {
                    let way_out = shell_quote(&["crontab", "-u", &account.name, "-e"]);
                    self.cron_table(&table, Some(&account), &way_out);
                }
            }
        }
        let root = Account::root();
        for often in ["hourly", "daily", "weekly", "monthly"] {
            for file in self.files(&format!("/etc/cron.{often}"), "") {
                self.script(&file, &[], &root);
            }
        }
    }

    /// anacrontab(5): a period, a delay, a name, and a command of root's.
    fn anacron(&mut self, file: &Path) {
        let text = self.reader.text(file).unwrap_or_default();
        let (budget, root) = (self.budget(), Account::root());
        let way_out = self.edit(file, &root);
        for (at, text) in text.lines().enumerate().take(MOST) {
            let line = text.trim_start();
            let begins = line.starts_with('@') || line.starts_with(|c: char| c.is_ascii_digit());
            let Some(command) = after_times(line, 3).filter(|_| begins) else {
                continue;
            };
            let line = Line {
                file,
                number: at + 1,
                text,
                account: Some(&root),
                environment: &BTreeMap::new(),
                directory: None,
                way_out: &way_out,
            };
            self.command(&shell(command), &line, &budget);
        }
    }

    /// A table of crontab(5); that of the system names an account in each line.
    fn cron_table(&mut self, file: &Path, of: Option<&Account>, way_out: &str) {
        let text = self.reader.text(file).unwrap_or_default();
        let budget = self.budget();
        let mut environment = BTreeMap::new();
        for (at, text) in text.lines().enumerate().take(MOST) {
            let line = text.trim_start();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some((name, value)) = variable(line) {
                environment.insert(name, value);
                continue;
            }
            let times = if line.starts_with('@') { 1 } else { 5 };
            let Some((account, command)) = after_times(line, times).and_then(|rest| match of {
                Some(account) => Some((account.clone(), rest)),
                None => {
                    let (user, rest) = rest.split_once(char::is_whitespace)?;
                    Some((self.accounts.get(user)?.clone(), rest))
                }
            }) else {
                continue;
            };
            let line = Line {
                file,
                number: at + 1,
                text,
                account: Some(&account),
                environment: &environment,
                directory: Some(&account.home),
                way_out,
            };
            self.command(&shell(command), &line, &budget);
        }
    }
}

/// What follows so many words.
fn after_times(line: &str, times: usize) -> Option<&str> {
    let mut rest = line;
    for _ in 0..times {
        rest = rest.split_once(char::is_whitespace)?.1.trim_start();
    }
    Some(rest)
}
