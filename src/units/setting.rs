//! What a command runs in: as whom, where, and with which variables, as far as the commands before it say. Pure.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::host::account::Account;
use crate::units::directory::OF_SCRIPT_TOO;
use crate::units::wrapper_table::Environment;
use crate::units::wrappers::Becoming;

/// What a command runs in.
#[derive(Debug, Default, Clone)]
pub(super) struct Setting {
    pub(super) environment: BTreeMap<String, String>,
    pub(super) user_home: PathBuf,
    pub(super) directory: Option<PathBuf>,
    pub(super) uid: Option<u32>,
    pub(super) account: Option<String>,
    pub(super) is_elsewhere: bool,
}

impl Setting {
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
        match becoming.environment {
            Environment::Kept => {}
            Environment::Home => {
                let home = account.home.display().to_string();
                self.environment.insert("HOME".to_owned(), home);
            }
            Environment::Reset => self.environment.clear(),
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
