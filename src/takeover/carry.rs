//! What an old unit says beside what starts its gateway: carried over into settings, or named for a person. Nothing of it
//! goes unsaid but what the shipped unit is known to replace. Pure.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::layout::{GUARD, SHIELD};
use crate::render::addition::Addition;
use crate::render::escape;
use crate::render::model::{RestartPolicy, is_variable};
use crate::settings::Settings;
use crate::takeover::old_unit::OldUnit;
use crate::takeover::replaced::{is_own_variable, is_replaced};
use crate::units::secret::{has_password, is_secret, shown};
use crate::units::unit_file::{Directive, words};

/// What becomes of it.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Carried {
    /// What is taken over.
    pub(crate) settings: Settings,
    /// Each directive that is, with the setting that it is in.
    pub(crate) taken: Vec<(&'static str, String)>,
    /// Each that is not, and why, as a line.
    pub(crate) left: Vec<String>,
    /// Directories that were named as read-only.
    closed: BTreeSet<PathBuf>,
}

/// Directives of which the last one counts.
const ONE: [&str; 5] = ["Group", "MemoryHigh", "MemoryLimit", "MemoryMax", "Restart"];

/// Decide about everything that a unit says.
pub(crate) fn carry(old: &OldUnit) -> Carried {
    let mut carried = Carried::default();
    let mut seen = BTreeSet::new();
    for directive in old.directives.iter() {
        let (section, key) = (&*directive.section, &*directive.key);
        // Sections and directives of this beginning are nobody's but a person's (systemd.unit(5)).
        let is_private = section.starts_with("X-") || key.starts_with("X-");
        if is_private || !seen.insert((section, key)) || section.is_empty() {
            continue;
        }
        let mut lines = old.directives.list(section, key);
        if ONE.contains(&key) {
            lines = lines.pop().into_iter().collect();
        }
        for line in lines {
            carried.decide(old, line);
        }
    }
    carried.directories(old);
    carried.rights(old);
    carried
}

impl Carried {
    fn decide(&mut self, old: &OldUnit, line: &Directive) {
        let value = line.value.as_str();
        match (line.section.as_str(), line.key.as_str()) {
            // The new unit has by itself what this program put over the old one.
            _ if [SHIELD, GUARD].iter().any(|own| line.file.ends_with(own)) => {}
            ("Service", "Environment") => self.environment(old, line),
            ("Service", "EnvironmentFile") => self.environment_file(old, line),
            ("Service", "LoadCredential") => self.credential(old, line),
            ("Service", "MemoryMax" | "MemoryLimit") if old.is_trusted => {
                self.settings.memory_max = Some(value.to_owned());
                self.take("memory-max", line);
            }
            ("Service", "MemoryHigh") if old.is_trusted => {
                self.settings.memory_high = Some(value.to_owned());
                self.take("memory-high", line);
            }
            ("Service", "Group") if (old.expand)(value) == old.account.group => {}
            ("Service", "Group") if old.is_trusted && old.is_system => {
                self.settings.group = Some((old.expand)(value));
                self.take("group", line);
            }
            ("Service", "Restart") if value == "no" => {
                self.settings.restart = Some(RestartPolicy::Never);
                self.take("restart", line);
            }
            ("Service", "ReadWritePaths" | "ReadWriteDirectories") if old.is_system => {
                for path in words(value) {
                    let path = (old.expand)(path.trim_start_matches(['-', '+']));
                    self.writable(old, Path::new(&path), &shown(line));
                }
            }
            // Looked at with the other directories.
            ("Service", "WorkingDirectory") => {}
            _ if is_replaced(old.is_system, line) => {}
            (section, key) if Addition::section(key) == Some(section) => self.add(old, line),
            (section, key) => self.leave(line, why_not(section, key)),
        }
    }

    fn take(&mut self, setting: &'static str, line: &Directive) {
        self.taken.push((setting, shown(line)));
    }

    fn leave(&mut self, line: &Directive, why: &str) {
        self.left.push(format!("{}: {why}", shown(line)));
    }

    fn environment(&mut self, old: &OldUnit, line: &Directive) {
        for word in line.words() {
            let Some((name, value)) = word.split_once('=') else {
                continue;
            };
            if is_own_variable(name) || old.known.contains(name) {
                continue;
            }
            let mut value = (old.expand)(value);
            if name == "PATH" && old.is_upstream {
                let owner = old.owner();
                if owner.more(&value).is_empty() {
                    continue;
                }
                value = owner.value(&value);
            }
            let shown = format!("Environment={name}");
            if is_secret(name, &value) || has_password(&value) {
                let env = old.home.join(".env");
                self.left.push(format!(
                    "{shown}=(hidden): a secret, and everybody reads a unit; put it into {}",
                    env.display()
                ));
            } else if name == "HERMES_RESTART_DRAIN_TIMEOUT" && value.parse::<u32>().is_ok() {
                self.settings.drain_timeout = value.parse().ok();
                self.taken
                    .push(("drain-timeout", format!("{shown}={value}")));
            } else if !is_variable(name)
                || (!value.is_empty() && escape::check(name, &value).is_err())
            {
                self.left
                    .push(format!("{shown}: it cannot be written to a unit"));
            } else {
                self.taken.push(("environment", format!("{shown}={value}")));
                let all = self.settings.environment.get_or_insert_default();
                all.insert(name.to_owned(), value);
            }
        }
    }

    fn environment_file(&mut self, old: &OldUnit, line: &Directive) {
        let path = (old.expand)(line.value.trim_start_matches('-'));
        let path = PathBuf::from(path);
        if path == old.home.join(".env") || path == old.root.join(".env") {
            // hermes reads it by itself.
        } else if !old.is_trusted {
            self.leave(
                line,
                "root would read a file that another account names; `--environment-file` has it read",
            );
        } else if !(old.is_file)(&path) {
            self.leave(
                line,
                "there is no such file; `--environment-file` names another",
            );
        } else {
            let files = self.settings.environment_files.get_or_insert_default();
            files.push(path);
            self.take("environment-files", line);
        }
    }

    fn credential(&mut self, old: &OldUnit, line: &Directive) {
        match line.value.split_once(':') {
            Some((name, path)) if old.is_trusted && path.starts_with('/') => {
                let all = self.settings.credentials.get_or_insert_default();
                all.insert(name.to_owned(), PathBuf::from((old.expand)(path)));
                self.take("credentials", line);
            }
            _ => self.leave(line, "the setting `credentials` takes files by name"),
        }
    }

    fn add(&mut self, old: &OldUnit, line: &Directive) {
        let value = with_names(&line.value, old.expand);
        let addition = format!("{}={value}", line.key).parse();
        match addition {
            _ if !old.is_trusted => {
                self.leave(
                    line,
                    "another manager runs the new unit, where this means something else",
                );
            }
            Ok(addition) => {
                let all = self.settings.directives.get_or_insert_default();
                all.push(addition);
                self.take("directives", line);
            }
            Err(_) => self.leave(line, "it cannot be written to a unit"),
        }
    }

    /// Where the gateway worked, and its tools: the new unit starts in the profile home and writes in few places.
    fn directories(&mut self, old: &OldUnit) {
        let line = old.directives.last("Service", "WorkingDirectory");
        if let Some(line) = line {
            let path = match line.value.trim_start_matches('-') {
                "~" => old.account.home.clone(),
                path => PathBuf::from((old.expand)(path)),
            };
            let is_hermes = old.is_upstream || old.hermes.is_some_and(|h| h.starts_with(&path));
            if path != Path::new("/") && !old.is_home(&path) && !is_hermes {
                if old.is_system {
                    self.writable(old, &path, &shown(line));
                }
                if old.terminal != Some(&path) {
                    self.leave(
                        line,
                        "the new unit works in the profile home; relative paths need `terminal.cwd` in config.yaml",
                    );
                }
            }
        }
        if let Some(path) = old
            .terminal
            .filter(|path| old.is_system && !old.is_home(path))
        {
            let what = format!("terminal.cwd: {} in config.yaml", path.display());
            self.writable(old, path, &what);
        }
    }

    fn writable(&mut self, old: &OldUnit, path: &Path, what: &str) {
        let known = self.settings.read_write_paths.iter().flatten();
        if old.is_home(path) || known.into_iter().any(|p| p == path) {
            return;
        }
        if (old.is_own)(path) && old.account.uid != 0 {
            let all = self.settings.read_write_paths.get_or_insert_default();
            all.push(path.to_owned());
            self.taken.push(("read-write-paths", what.to_owned()));
        } else if self.closed.insert(path.to_owned()) {
            self.left.push(format!(
                "{what}: read-only under the new unit; `read-write-paths = [{:?}]` in config.toml opens it",
                path.display().to_string()
            ));
        }
    }

    /// What the sandbox of the new unit takes away.
    fn rights(&mut self, old: &OldUnit) {
        let relaxed = "`hardening = \"relaxed\"` in config.toml gives them back";
        let text = match (old.is_system, old.account.uid) {
            (true, 0) => format!(
                "root's rights: the new unit has no capability, and /etc, /opt, /srv and /usr are read-only for it; \
                 {relaxed}, and `read-write-paths` opens directories"
            ),
            (true, _) => format!(
                "rights: the new unit has no sudo and no devices, and writes to the profile and its account's home alone; \
                 {relaxed}, and `read-write-paths` opens directories"
            ),
            (false, _) => format!("rights: the new unit has no sudo; {relaxed}"),
        };
        self.left.push(text);
    }
}

/// Why a directive is not taken over.
fn why_not(section: &str, key: &str) -> &'static str {
    match (section, key) {
        ("Install", _) => "the new unit starts at boot and by its own name",
        (_, key) if key.starts_with("Exec") => {
            "commands are not taken over: they may start or stop gateways"
        }
        (_, key) if key.starts_with("Condition") || key.starts_with("Assert") => {
            "conditions are not taken over: they skip a start in silence"
        }
        (_, "StandardOutput" | "StandardError") => {
            "the new unit writes to the journal; see `hermes-install logs`"
        }
        _ => "the new unit does without it",
    }
}

/// A value for another unit: names of this one are written out, and all else means the same there, `%%` too.
fn with_names(value: &str, expand: &dyn Fn(&str) -> String) -> String {
    let mut written = String::new();
    let mut rest = value.chars();
    while let Some(c) = rest.next() {
        let specifier = rest.as_str().chars().next().filter(|_| c == '%');
        written.push(c);
        let Some(specifier) = specifier else { continue };
        rest.next();
        if "iIfpPjJ".contains(specifier) {
            written.pop();
            written += &expand(&format!("%{specifier}")).replace('%', "%%");
        } else {
            written.push(specifier);
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::account::Account;
    use crate::units::unit_file::Directives;

    /// What becomes of a unit of alice's bot; `change` makes it another.
    fn carried(text: &str, change: impl Fn(&mut OldUnit)) -> Carried {
        let alice = Account {
            group: "alice".to_owned(),
            ..Account::future("alice", Path::new("/home/alice"))
        };
        carried_as(&alice, text, change)
    }

    fn carried_as(account: &Account, text: &str, change: impl Fn(&mut OldUnit)) -> Carried {
        let directives = Directives::of(Path::new("/etc/systemd/system/bot.service"), text);
        let mut old = OldUnit {
            directives: &directives,
            expand: &|text| text.replace("%i", "b"),
            is_upstream: false,
            is_system: true,
            is_trusted: true,
            account,
            home: Path::new("/home/alice/.hermes"),
            root: Path::new("/home/alice/.hermes"),
            hermes: Some(Path::new("/opt/hermes/bin/hermes")),
            known: &BTreeSet::from(["KNOWN_TOKEN".to_owned()]),
            terminal: None,
            is_own: &|path| path == Path::new("/srv/hub"),
            is_file: &|path| path == Path::new("/etc/bot/env"),
        };
        change(&mut old);
        carry(&old)
    }

    fn named(carried: &Carried, what: &str) -> bool {
        carried.left.iter().any(|line| line.starts_with(what))
    }

    #[test]
    fn a_bot_s_files_variables_dependencies_and_limits_move_and_the_rest_is_named() {
        let text = "[Unit]\nDescription=my bot\nRequires=llm-router.service\nAfter=llm-router.service network-online.target\n\
            RequiresMountsFor=/srv\nConditionPathExists=/x\n[Service]\nUser=alice\nWorkingDirectory=/srv/hub\n\
            EnvironmentFile=/etc/bot/env\nEnvironmentFile=-/etc/gone\nEnvironment=HTTPS_PROXY=http://127.0.0.1:7890\n\
            Environment=TZ=Europe/Berlin BOT_TOKEN=123456:ABCDEFGH KNOWN_TOKEN=123456:ABCDEFGH\n\
            Environment=HERMES_HOME=/home/alice/.hermes HERMES_RESTART_DRAIN_TIMEOUT=77\nSupplementaryGroups=docker\n\
            ExecStartPre=+/usr/local/bin/fetch-secrets\nExecStart=/opt/hermes/bin/hermes -p default gateway run\n\
            ExecReload=/bin/kill -USR1 $MAINPID\nRestart=always\nMemoryMax=1G\nMemoryMax=2G\nLimitNOFILE=4096\n\
            PrivateTmp=no\nProtectSystem=full\nStandardOutput=append:/var/log/bot.log\nX-Mine=1\n\
            [Install]\nWantedBy=multi-user.target\nAlias=robot.service\n";
        let carried = carried(text, |_| {});
        let settings = &carried.settings;
        assert_eq!(settings.memory_max.as_deref(), Some("2G"));
        assert_eq!(settings.drain_timeout.map(|span| span.0), Some(77));
        assert_eq!(
            settings.environment_files,
            Some(vec!["/etc/bot/env".into()])
        );
        assert_eq!(settings.read_write_paths, Some(vec!["/srv/hub".into()]));
        let environment: Vec<&String> = settings
            .environment
            .iter()
            .flat_map(|all| all.keys())
            .collect();
        assert_eq!(environment, ["HTTPS_PROXY", "TZ"]);
        let directives: Vec<String> = settings
            .directives
            .iter()
            .flatten()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            directives,
            [
                "Requires=llm-router.service",
                "After=llm-router.service network-online.target",
                "RequiresMountsFor=/srv",
                "SupplementaryGroups=docker",
                "LimitNOFILE=4096",
            ]
        );
        let left = [
            "ConditionPathExists=/x: ",
            "EnvironmentFile=-/etc/gone: there is no such file",
            "Environment=BOT_TOKEN=(hidden): ",
            "ExecStartPre=+/usr/local/bin/fetch-secrets: ",
            "PrivateTmp=no: ",
            "StandardOutput=append:/var/log/bot.log: ",
            "Alias=robot.service: ",
            "WorkingDirectory=/srv/hub: the new unit works in the profile home",
            "rights: ",
        ];
        for line in left {
            assert!(named(&carried, line), "{line}: {:#?}", carried.left);
        }
        assert_eq!(carried.left.len(), left.len(), "{:#?}", carried.left);
        let all = format!("{carried:?}");
        assert!(!all.contains("ABCDEFGH"), "{all}");
    }

    #[test]
    fn hermes_own_unit_leaves_nothing_behind_but_rights() {
        let text = "[Unit]\nDescription=Hermes Agent Gateway\nAfter=network-online.target\nWants=network-online.target\n\
            StartLimitIntervalSec=0\n[Service]\nType=simple\nUser=alice\nGroup=alice\n\
            ExecStart=/opt/hermes/bin/python -m hermes_cli.main gateway run\nWorkingDirectory=/opt/hermes/lib\n\
            Environment=\"HOME=/home/alice\" \"PATH=/opt/hermes/bin:/bin\" \"VIRTUAL_ENV=/opt/hermes\"\nRestart=always\n\
            RestartSec=5\nRestartForceExitStatus=75\nKillMode=mixed\nKillSignal=SIGTERM\nTimeoutStopSec=60\n\
            ExecReload=/bin/kill -USR1 $MAINPID\nExecStopPost=-/opt/hermes/bin/python -m gateway.cgroup_cleanup\n\
            StandardOutput=journal\nStandardError=journal\n[Install]\nWantedBy=multi-user.target\n";
        let carried = carried(text, |old| old.is_upstream = true);
        assert_eq!(carried.settings, Settings::default());
        assert_eq!(carried.left.len(), 1, "{:#?}", carried.left);
    }

    #[test]
    fn hermes_own_commands_around_a_stop_are_no_loss_and_people_s_are() {
        let source = |module: &str| {
            format!(
                "\"/opt/h/bin/python3\" \"-I\" \"-c\" \"import os, sys, runpy; \
                 sys.path.insert(0, '/opt/h/lib/site-packages'); import hermes_bootstrap; \
                 runpy.run_module('{module}', run_name='__main__', alter_sys=True)\""
            )
        };
        let (mark, cleanup) = ("gateway.systemd_stop_mark", "gateway.cgroup_cleanup");
        // As 0.21.5, 0.22.2, and 0.22.2 from its own installer write them.
        for (key, module) in [("ExecStop", mark), ("ExecStopPost", cleanup)] {
            for line in [
                format!("/opt/h/bin/python -m {module}"),
                source(module),
                format!("/home/a/.hermes/hermes-agent/.hermes/bin/hermes --run-module {module}"),
            ] {
                let text = format!("[Service]\nUser=alice\n{key}=-{line}\n");
                let left = carried(&text, |old| old.is_upstream = true).left;
                assert_eq!(left.len(), 1, "{key}={line}: {left:#?}");
            }
        }
        for line in [
            "ExecStop=/usr/local/bin/tell-me".to_owned(),
            format!("ExecStop=/bin/sh -c 'tell-me; python -m {mark}'"),
            format!("ExecStop=-{}", source("my.own")),
            format!("ExecStopPost=/bin/sh -c 'tell-me; python -m {cleanup}'"),
        ] {
            let text = format!("[Service]\nUser=alice\n{line}\n");
            let carried = carried(&text, |old| old.is_upstream = true);
            let key = line.split_once('=').expect("a directive").0;
            assert!(named(&carried, key), "{line}: {:#?}", carried.left);
        }
    }

    #[test]
    fn root_lends_its_rights_to_no_words_of_another_account() {
        let text = "[Service]\nEnvironmentFile=/etc/bot/env\nSupplementaryGroups=docker\nMemoryMax=2G\nNice=-20\n\
            LoadCredential=a:/etc/shadow\nGroup=root\nEnvironment=TZ=UTC\n";
        let carried = carried(text, |old| old.is_trusted = false);
        let only = Settings {
            environment: Some([("TZ".to_owned(), "UTC".to_owned())].into()),
            ..Settings::default()
        };
        assert_eq!(carried.settings, only);
        for key in [
            "EnvironmentFile",
            "SupplementaryGroups",
            "MemoryMax",
            "Nice",
            "LoadCredential",
            "Group",
        ] {
            assert!(
                named(&carried, &format!("{key}=")),
                "{key}: {:#?}",
                carried.left
            );
        }
    }

    #[test]
    fn root_s_rights_and_a_directory_of_others_are_named_and_not_opened() {
        let text = "[Service]\nWorkingDirectory=/srv/other\n";
        let carried = carried_as(&Account::root(), text, |old| {
            old.terminal = Some(Path::new("/srv/hub"));
        });
        assert_eq!(carried.settings.read_write_paths, None);
        for line in [
            "root's rights: ",
            "WorkingDirectory=/srv/other: read-only",
            "terminal.cwd: /srv/hub",
        ] {
            assert!(named(&carried, line), "{line}: {:#?}", carried.left);
        }
    }

    #[test]
    fn an_instance_s_name_is_written_out_since_the_new_one_is_another() {
        let carried = carried(
            "[Unit]\nAfter=db@%i.service\nOnFailure=alert@%n.service\nWants=5%%of%%i@%i.service\n",
            |_| {},
        );
        let directives: Vec<String> = carried
            .settings
            .directives
            .iter()
            .flatten()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            directives,
            [
                "After=db@b.service",
                "OnFailure=alert@%n.service",
                "Wants=5%%of%%i@b.service"
            ]
        );
    }
}
