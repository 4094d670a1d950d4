//! What a unit starts: by its files, and by what its manager loaded of them.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::host::Host;
use crate::host::systemctl::Manager;
use crate::units::exec_line::{BUDGET, Context, Effects, effects};
use crate::units::load_path::LoadPath;
use crate::units::unit::{Unit, find_account};
use crate::units::unit_file::{Directive, words};

impl Unit {
    /// Read what its command lines do.
    pub(super) fn read_effects(&mut self, host: &Host, load_path: &LoadPath) {
        // It runs whatever /etc/rc.local or a script of System V says, once: what that starts is started beside systemd, which
        // does not watch it, and `starters` reads the file (systemd-rc-local-generator(8), systemd-sysv-generator(8)).
        if self.name == "rc-local.service" || self.is_of_system_v() {
            return;
        }
        let mut all = self.effects_of_files(host, load_path);
        // What runs now may be another text than the files hold.
        if self.is_stale() {
            all.extend(self.effects_as_loaded(host, load_path));
        }
        for effects in all {
            for mut call in effects.calls {
                // The launcher leaves `--replace` out, and stays with the profile of HERMES_HOME.
                call.is_launcher |= self.is_guarded;
                call.replaces &= !self.is_guarded;
                call.follows_active &= !self.is_guarded;
                if !self.calls.contains(&call) {
                    self.calls.push(call);
                }
            }
            self.lines.extend(effects.lines);
            self.unclear.extend(effects.unclear);
            self.in_clusters.extend(effects.in_clusters);
            self.verbs.extend(effects.verbs);
        }
    }

    /// Whether systemd made it from a script of System V's.
    fn is_of_system_v(&self) -> bool {
        let source = self.directives.value("Unit", "SourcePath");
        let fragment = self.files.fragment.as_deref();
        fragment.is_some_and(|file| file.starts_with("/run/systemd/generator.late"))
            && source.is_some_and(|file| file.starts_with("/etc/"))
    }

    /// Its files of variables, each with the line that names it.
    pub(crate) fn environment_files(&self) -> impl Iterator<Item = (&Directive, PathBuf)> {
        let lines = self.directives.list("Service", "EnvironmentFile");
        lines.into_iter().map(|line| {
            let path = self.expand(line.value.trim_start_matches('-'));
            (line, PathBuf::from(path))
        })
    }

    fn effects_of_files(&self, host: &Host, load_path: &LoadPath) -> Vec<Effects> {
        let mut environment: BTreeMap<String, String> = self
            .directives
            .environment(|v| self.expand(v))
            .into_iter()
            .map(|(name, (value, _))| (name, value))
            .collect();
        for (_, path) in self.environment_files() {
            let text = load_path.reader.text(&path).unwrap_or_default();
            for line in text
                .lines()
                .filter(|l| !l.trim_start().starts_with(['#', ';']))
            {
                if let Some((name, value)) = line.split_once('=') {
                    let value = words(value).join(" ");
                    environment.insert(name.trim().to_owned(), value);
                }
            }
        }
        let lines = self.directives.list("Service", "ExecStart");
        let lines = lines.iter().map(|line| -> Vec<String> {
            let words = line.command().iter();
            words.map(|w| self.expand(w)).collect()
        });
        self.effects(host, load_path, lines, &environment)
    }

    fn effects_as_loaded(&self, host: &Host, load_path: &LoadPath) -> Vec<Effects> {
        let Some(state) = &self.loaded else {
            return Vec::new();
        };
        let environment = words(&state.environment)
            .iter()
            .filter_map(|word| word.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        // `{ path=… ; argv[]=A B C ; ignore_errors=…`, the words joined.
        let argv = state.exec_start.split_once("argv[]=").map(|(_, rest)| rest);
        let line = argv.and_then(|rest| rest.split(" ; ").next());
        let lines = line.map(|l| l.split_whitespace().map(str::to_owned).collect());
        self.effects(host, load_path, lines.into_iter(), &environment)
    }

    /// `WorkingDirectory=`, else the root of the file system, or a user's home.
    fn working_directory(&self, home: &Path) -> PathBuf {
        let told = self.directives.value("Service", "WorkingDirectory");
        match told.map(|told| told.trim_start_matches('-')) {
            Some("~") => home.to_owned(),
            Some(told) => PathBuf::from(self.expand(told)),
            None if self.is_user() => home.to_owned(),
            None => PathBuf::from("/"),
        }
    }

    /// The environment of its command lines, from that of its manager's units and its own (systemd.exec(5)).
    pub(super) fn environment(
        &self,
        given: &BTreeMap<String, String>,
        user_home: &Path,
        own: &BTreeMap<String, String>,
    ) -> BTreeMap<String, String> {
        let mut all = given.clone();
        // systemd sets it for an account that the unit names (systemd.exec(5), ENVIRONMENT VARIABLES).
        if self.is_user() || self.directives.value("Service", "User").is_some() {
            all.insert("HOME".to_owned(), user_home.display().to_string());
        }
        all.extend(own.clone());
        for line in self.directives.list("Service", "UnsetEnvironment") {
            for name in line.words() {
                all.remove(name);
            }
        }
        all
    }

    fn effects(
        &self,
        host: &Host,
        load_path: &LoadPath,
        lines: impl Iterator<Item = Vec<String>>,
        environment: &BTreeMap<String, String>,
    ) -> Vec<Effects> {
        // An account that does not exist, or is made for each run, has no home of its own.
        let home = self.account.as_ref().map(|a| a.home.clone());
        let user_home = home.unwrap_or_else(|| PathBuf::from("/"));
        let reader = &load_path.reader;
        // Nobody else's manager is asked for what the unit says itself.
        let is_told = environment.contains_key("HERMES_HOME");
        let is_asked = !is_told || !matches!(self.manager, Manager::UserOf(_));
        let nothing = BTreeMap::new();
        let given = if is_asked {
            load_path.environment(host)
        } else {
            &nothing
        };
        let context = Context {
            environment: self.environment(given, &user_home, environment),
            uid: self.account.as_ref().map(|a| a.uid),
            directory: Some(self.working_directory(&user_home)),
            account: &|name| find_account(host, name),
            user_home,
            text: &|path| reader.text(path),
            script: &|path| reader.script(path),
            names: &|path| reader.names(path),
            active: &|root| reader.active_profile(root),
            budget: Cell::new(reader.at_most(BUDGET)),
        };
        let most = context.budget.get();
        let found = lines.map(|argv| effects(&argv, &context)).collect();
        reader.spend(most - context.budget.get());
        found
    }
}
