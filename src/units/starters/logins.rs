//! What shells and desktops run when somebody logs in. Reads only.

use std::path::PathBuf;

use crate::host::account::Account;
use crate::units::starters::Look;

impl Look {
    /// What the shells of everybody read who logs in.
    pub(super) fn at_login(&mut self, root: &Account) {
        const FILES: [&str; 9] = [
            "/etc/profile",
            "/etc/bash.bashrc",
            "/etc/bashrc",
            "/etc/zsh/zshenv",
            "/etc/zsh/zprofile",
            "/etc/zsh/zshrc",
            "/etc/zsh/zlogin",
            "/etc/zshrc",
            "/etc/fish/config.fish",
        ];
        let mut files: Vec<PathBuf> = FILES.iter().map(PathBuf::from).collect();
        files.extend(self.files("/etc/profile.d", ".sh"));
        files.extend(self.files("/etc/fish/conf.d", ".fish"));
        for file in files {
            self.commands(&file, &[], root, None);
        }
    }

    /// What those of one account run.
    pub(super) fn of_account(&mut self, account: &Account) {
        const SHELL: [&str; 14] = [
            ".profile",
            ".bash_profile",
            ".bash_login",
            ".bashrc",
            ".bash_aliases",
            ".zshenv",
            ".zprofile",
            ".zlogin",
            ".zshrc",
            ".xprofile",
            ".xinitrc",
            ".xsession",
            ".xsessionrc",
            ".config/fish/config.fish",
        ];
        // Most have none of these, which one listing tells.
        let _ = self.reader.names(&account.home);
        for name in SHELL {
            self.script(&account.home.join(name), &[], account);
        }
        for (directory, end) in [(".config/fish/conf.d", ".fish"), (".bashrc.d", "")] {
            let directory = account.home.join(directory);
            for file in self.files(&directory.to_string_lossy(), end) {
                self.script(&file, &[], account);
            }
        }
        let autostart = account.home.join(".config/autostart");
        for file in self.files(&autostart.to_string_lossy(), ".desktop") {
            self.assignments(&file, "Exec", account, Some(account));
        }
        self.pm2(account);
    }
}
