//! What process managers and desktops start: ini files of supervisord, entries of autostart, what pm2 brings back. Reads
//! only.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::host::account::Account;
use crate::units::starters::{Line, Look, MOST, variable};
use crate::units::unit_file::words;

impl Look {
    /// `KEY=COMMAND` lines of an ini file.
    pub(super) fn assignments(
        &mut self,
        file: &Path,
        key: &str,
        owner: &Account,
        account: Option<&Account>,
    ) {
        let text = self.reader.text(file).unwrap_or_default();
        let budget = self.budget();
        let way_out = self.edit(file, owner);
        let mut who = account.cloned();
        let mut directory = None;
        let mut environment = BTreeMap::new();
        // Of supervisord: the lines behind `command=` count as much as those before it.
        let sections = text.lines().enumerate().take(MOST).collect::<Vec<_>>();
        for section in sections.split(|(_, line)| line.trim_start().starts_with('[')) {
            for (_, line) in section {
                match line
                    .split_once('=')
                    .map(|(name, value)| (name.trim(), value.trim()))
                {
                    Some(("user", name)) => who = self.accounts.get(name).cloned().or(who),
                    Some(("directory" | "Path", path)) => directory = Some(PathBuf::from(path)),
                    Some(("environment", all)) => {
                        let all = all.split(',').filter_map(variable);
                        environment.extend(all);
                    }
                    _ => {}
                }
            }
            for (at, text) in section {
                let Some((name, command)) = text.split_once('=') else {
                    continue;
                };
                if name.trim() == key {
                    let line = Line {
                        file,
                        number: at + 1,
                        text,
                        account: who.as_ref(),
                        environment: &environment,
                        directory: directory.as_deref(),
                        way_out: &way_out,
                    };
                    self.command(&words(command), &line, &budget);
                }
            }
            who = account.cloned();
            directory = None;
            environment.clear();
        }
    }

    pub(super) fn supervisors(&mut self) {
        let mut files = vec![
            PathBuf::from("/etc/supervisord.conf"),
            PathBuf::from("/etc/supervisor/supervisord.conf"),
        ];
        files.extend(self.files("/etc/supervisor/conf.d", ".conf"));
        files.extend(self.files("/etc/supervisord.d", ".ini"));
        for file in files {
            self.assignments(&file, "command", &Account::root(), Some(&Account::root()));
        }
        let mut files = vec![
            PathBuf::from("/etc/monitrc"),
            PathBuf::from("/etc/monit/monitrc"),
        ];
        for directory in [
            "/etc/monit/conf.d",
            "/etc/monit/conf-enabled",
            "/etc/monit.d",
        ] {
            files.extend(self.files(directory, ""));
        }
        for file in files {
            self.monit(&file);
        }
    }

    /// What every desktop starts, whoever logs in.
    pub(super) fn desktops(&mut self) {
        for file in self.files("/etc/xdg/autostart", ".desktop") {
            self.assignments(&file, "Exec", &Account::root(), None);
        }
    }

    /// `start program = "COMMAND"` of monit, with `as uid NAME` behind it.
    fn monit(&mut self, file: &Path) {
        let text = self.reader.text(file).unwrap_or_default();
        let (budget, root) = (self.budget(), Account::root());
        let way_out = self.edit(file, &root);
        for (at, text) in text.lines().enumerate().take(MOST) {
            let line = text.trim_start();
            if !line.starts_with("start") && !line.starts_with("restart") {
                continue;
            }
            let Some((_, rest)) = line.split_once('"') else {
                continue;
            };
            let (command, behind) = rest.split_once('"').unwrap_or((rest, ""));
            let user = behind.split_once("uid ").map(|(_, name)| name.trim());
            let user = user.and_then(|name| self.accounts.get(name.trim_matches('"')));
            let account = user.cloned().unwrap_or_else(|| root.clone());
            let line = Line {
                file,
                number: at + 1,
                text,
                account: Some(&account),
                environment: &BTreeMap::new(),
                directory: None,
                way_out: &way_out,
            };
            self.command(&words(command), &line, &budget);
        }
    }

    /// What `pm2 resurrect` starts at boot.
    pub(super) fn pm2(&mut self, account: &Account) {
        let file = account.home.join(".pm2/dump.pm2");
        let Some(text) = self.reader.text(&file) else {
            return;
        };
        let all: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap_or_default();
        let budget = self.budget();
        for process in all.iter().take(MOST) {
            let value = |key: &str| process.get(key).and_then(serde_json::Value::as_str);
            let Some(program) = value("pm_exec_path") else {
                continue;
            };
            let mut argv = vec![program.to_owned()];
            match process.get("args") {
                Some(serde_json::Value::Array(args)) => {
                    argv.extend(
                        args.iter()
                            .filter_map(|arg| arg.as_str().map(str::to_owned)),
                    );
                }
                args => argv.extend(args.and_then(|a| a.as_str()).map(words).unwrap_or_default()),
            }
            let number = text
                .lines()
                .position(|line| line.contains(program))
                .unwrap_or_default();
            let name = value("name").unwrap_or("NAME");
            let way_out = format!(
                "{} && {}",
                self.as_account(account, &["pm2", "delete", name]),
                self.as_account(account, &["pm2", "save"])
            );
            let environment = process.get("env").and_then(|env| env.get("HERMES_HOME"));
            let environment = environment.and_then(|home| home.as_str());
            let environment = environment.map(|home| ("HERMES_HOME".to_owned(), home.to_owned()));
            let line = Line {
                file: &file,
                number: number + 1,
                text: &argv.join(" "),
                account: Some(account),
                environment: &environment.into_iter().collect(),
                directory: value("pm_cwd").map(Path::new),
                way_out: &way_out,
            };
            self.command(&argv, &line, &budget);
        }
    }
}
