//! What starts at boot beside units: rc.local, scripts of cloud-init, init scripts of System V, services of runit, and
//! the command of WSL. Reads only.

use std::collections::BTreeMap;
use std::path::Path;

use crate::host::account::Account;
use crate::host::process::shell_quote;
use crate::units::starters::{Line, Look, MOST, shell};

impl Look {
    pub(super) fn at_boot(&mut self) {
        let root = Account::root();
        for file in ["/etc/rc.local", "/etc/rc.d/rc.local"] {
            self.script(Path::new(file), &[], &root);
        }
        self.at_login(&root);
        // cloud-init runs these at each boot.
        for file in self.files("/var/lib/cloud/scripts/per-boot", "") {
            self.script(&file, &[], &root);
        }
        self.of_system_v(&root);
        for service in self.files("/etc/service", "") {
            self.script(&service.join("run"), &[], &root);
        }
        // Scripts that run when a network comes up, or the machine wakes.
        for directory in [
            "/etc/NetworkManager/dispatcher.d",
            "/etc/network/if-up.d",
            "/usr/lib/systemd/system-sleep",
        ] {
            for file in self.files(directory, "") {
                self.hook(&file, &root);
            }
        }
        self.wsl(&root);
    }

    /// What systemd-sysv-generator(8) makes a unit of that starts at boot, where no other has that name. For such a unit
    /// `systemctl disable` has the links of runlevels changed, and `--now` would stop nothing (252).
    fn of_system_v(&mut self, root: &Account) {
        const UNITS: [&str; 5] = [
            "/etc/systemd/system",
            "/run/systemd/system",
            "/usr/local/lib/systemd/system",
            "/usr/lib/systemd/system",
            "/lib/systemd/system",
        ];
        for link in self.files("/etc/rc3.d", "") {
            let name = link.file_name().unwrap_or_default().to_string_lossy();
            if !name.starts_with('S') || !name.is_char_boundary(3) {
                continue;
            }
            let script = &name[3..];
            let unit = format!("{}.service", script.trim_end_matches(".sh"));
            let has_it = |directory| self.reader.names(Path::new(directory)).contains(&unit);
            if UNITS.into_iter().any(has_it) {
                continue;
            }
            let file = Path::new("/etc/init.d").join(script);
            // Where its header names no runlevels, update-rc.d(8) has nothing to disable.
            let is_told =
                |text: &str| text.contains("Default-Start:") || text.contains("chkconfig:");
            let way_out = |look: &Self| match look.reader.text(&file) {
                Some(text) if is_told(&text) => shell_quote(&["systemctl", "disable", &unit]),
                _ => shell_quote(&["update-rc.d", "-f", script, "remove"]),
            };
            self.lines_of(&file, &["start".to_owned()], Some(root), way_out);
        }
    }

    /// A script that is called when something happens: with which words is not known.
    fn hook(&mut self, file: &Path, root: &Account) {
        self.script(file, &["$1".to_owned(), "$2".to_owned()], root);
    }

    /// `command=` of wsl.conf, which a shell runs as root at each start.
    fn wsl(&mut self, root: &Account) {
        let file = Path::new("/etc/wsl.conf");
        let text = self.reader.text(file).unwrap_or_default();
        let (budget, way_out) = (self.budget(), self.edit(file, root));
        for (at, text) in text.lines().enumerate().take(MOST) {
            let value = text
                .split_once('=')
                .filter(|(name, _)| name.trim() == "command");
            let Some(command) = value.map(|(_, value)| value.trim()) else {
                continue;
            };
            let inner = command.strip_prefix('"').and_then(|c| c.strip_suffix('"'));
            let line = Line {
                file,
                number: at + 1,
                text,
                account: Some(root),
                environment: &BTreeMap::new(),
                directory: None,
                way_out: &way_out,
            };
            self.command(&shell(inner.unwrap_or(command)), &line, &budget);
        }
    }
}
