//! `--guarded UNIT`: a unit that hermes itself wrote, under the guard. The guard's drop-in replaces the unit's commands by
//! the launcher's; what they were is read from the unit's own files at each start, so that one text serves every profile
//! and version, and whatever `hermes gateway install` writes later. A unit of such a name that runs no gateway is run as
//! it says.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::error::Exit;
use crate::gateway::command_line::{self, Aim, executable, supervised_variable};
use crate::gateway::installation::Installation;
use crate::gateway::owner::Rivals;
use crate::gateway::search_path::SYSTEM;
use crate::gateway::version::Version;
use crate::host::Host;
use crate::host::access::{Access, Closed, open_command};
use crate::host::process::Process;
use crate::launcher::claim::Claim;
use crate::launcher::mask::without_guard;
use crate::launcher::ready::names_default;
use crate::launcher::refusal::Refusal;
use crate::layout::{GUARD, Scope};
use crate::profile::ProfileName;
use crate::units::exec_line::command::{ExecCommand, exec_commands};
use crate::units::exec_line::{BUDGET, Context, effects};
use crate::units::load_path::{LoadPath, load_path};
use crate::units::specifiers::Specifiers;
use crate::units::unit_file::Directives;

/// A unit under the guard, as its own files have it.
#[derive(Debug)]
pub(crate) struct Guarded {
    name: String,
    directives: Directives,
    load_path: LoadPath,
}

/// The gateway that a unit runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// The profile.
    pub(crate) profile: ProfileName,
    /// The hermes root.
    pub(crate) root: PathBuf,
}

impl Target {
    /// The profile home.
    pub(crate) fn home(&self) -> PathBuf {
        self.profile.home(&self.root)
    }
}

impl Guarded {
    /// Read a unit of the system's manager, or of this account's own.
    pub(crate) fn read(name: &str, scope: Scope) -> Result<Self, Refusal> {
        let host = Host::observer(scope, None).map_err(|e| Refusal::Unusable(format!("{e:#}")))?;
        let load_path = load_path(&host);
        let listing = load_path.list();
        let files = listing.files(name);
        let mut directives = Directives::default();
        for path in files.fragment.iter().chain(&files.drop_ins) {
            if path.ends_with(GUARD) {
                continue;
            }
            directives.extend(&listing.directives(&load_path, path));
            let beginning = format!("`{}` ", path.display());
            let unread = load_path.reader.unread();
            if let Some(why) = unread.iter().find(|why| why.starts_with(&beginning)) {
                let closed = Access::new(&host, &host.own).closed(path);
                return Err(Refusal::Unusable(format!(
                    "what `{name}` runs cannot be told: {why}{}",
                    opened(name, &closed)
                )));
            }
        }
        Ok(Self {
            name: name.to_owned(),
            directives,
            load_path,
        })
    }

    /// The unit's own commands of an Exec setting, in the environment that systemd gave to this process.
    pub(crate) fn commands(&self, key: &str) -> Vec<ExecCommand> {
        let account = &self.load_path.account;
        let specifiers = Specifiers {
            unit: &self.name,
            account: (&account.name, account.uid, &account.home),
            is_user: !self.load_path.is_system,
        };
        let lines = self.directives.list("Service", key).into_iter();
        lines
            .flat_map(|line| {
                let variable = |name: &str| std::env::var(name).ok();
                exec_commands(&line.value, |word| specifiers.expand(word), variable)
            })
            .collect()
    }

    /// The one gateway that it runs, if it runs one and says of which profile.
    pub(crate) fn target(&self) -> Option<Target> {
        let environment: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let context = Context {
            user_home: environment.get("HOME").map_or("/", String::as_str).into(),
            environment,
            // The launcher becomes nobody else.
            uid: None,
            directory: std::env::current_dir().ok(),
            account: &|_| None,
            text: &|path| self.load_path.reader.text(path),
            script: &|path| self.load_path.reader.script(path),
            names: &|path| self.load_path.reader.names(path),
            // It was made for the profile of its HERMES_HOME, whichever is active today.
            active: &|_| None,
            budget: Cell::new(BUDGET),
        };
        let commands = self.commands("ExecStart");
        let mut homes: Vec<PathBuf> = commands
            .iter()
            .flat_map(|command| effects(&words(command), &context).calls)
            .filter(|call| !call.is_contained)
            .filter_map(|call| call.home)
            .collect();
        homes.dedup();
        let [home] = &homes[..] else {
            return None;
        };
        let (profile, root) = ProfileName::from_home(home)?;
        let root = root.to_owned();
        Some(Target { profile, root })
    }

    /// The version of the hermes that it runs, where its files tell.
    pub(crate) fn version(&self) -> Option<Version> {
        self.commands("ExecStart")
            .iter()
            .find_map(|command| version_of(&words(command)))
    }

    /// Become what the unit runs: its gateway when nobody else has the profile, or what else it says. Returns only to
    /// refuse, or with the end of a command before the last.
    pub(crate) fn launch(&self, mut wait: impl FnMut(&str)) -> Result<Exit, Refusal> {
        let mut commands = self.commands("ExecStart");
        let loops = |command: &ExecCommand| command.argv.iter().any(|word| word == "--guarded");
        if commands.is_empty() || commands.iter().any(loops) {
            return Err(Refusal::Unusable(format!(
                "`{}` has no `ExecStart=` of its own; see `systemctl cat {}`",
                self.name, self.name
            )));
        }
        let Some(target) = self.target() else {
            return self.run(commands, &[]);
        };
        let _lock = Claim {
            profile: &target.profile,
            root: &target.root,
            unit: &self.name,
            rivals: Rivals::Replacers,
        }
        .take(&mut wait)?;
        let variables: Vec<_> = commands
            .iter_mut()
            .filter_map(|command| adapt(command, &target))
            .collect();
        // SIGUSR1 keeps its meaning, unlike for units of this project: `hermes update` and `hermes gateway restart` send it
        // seconds after a start, too, and wait half an hour for a gateway that does not end.
        self.run(commands, &variables)
    }

    /// Run what the unit says of an Exec setting; the last command in the place of this process.
    pub(crate) fn run_own(&self, key: &str) -> Result<Exit, Refusal> {
        self.run(self.commands(key), &[])
    }

    /// Run the unit's own commands, the last in the place of this process.
    fn run(
        &self,
        mut commands: Vec<ExecCommand>,
        variables: &[(&str, &str)],
    ) -> Result<Exit, Refusal> {
        let Some(last) = commands.pop() else {
            return Ok(Exit::Done);
        };
        for command in &commands {
            let status = self.ready(command)?.status();
            let status = status.map_err(|e| self.cannot_run(command, &e))?;
            if !status.success() && !command.ignores_failure {
                return Ok(Exit::Differs);
            }
        }
        let why = self.ready(&last)?.envs(variables.iter().copied()).exec();
        Err(self.cannot_run(&last, &why))
    }

    fn ready(&self, command: &ExecCommand) -> Result<Command, Refusal> {
        if command.is_privileged {
            return Err(Refusal::Unusable(format!(
                "`{}` starts `{}` with rights that the guard does not have; {}",
                self.name,
                command.program,
                without_guard(&self.load_path, &self.name)
            )));
        }
        let mut ready = Command::new(found(&command.program));
        ready.arg0(&command.argv[0]).args(&command.argv[1..]);
        Ok(ready)
    }

    fn cannot_run(&self, command: &ExecCommand, why: &std::io::Error) -> Refusal {
        Refusal::Unusable(format!(
            "`{}`, which `{}` runs, cannot be executed: {why}; make its environment anew, or have hermes write the unit anew \
             with `hermes gateway install`",
            command.program, self.name
        ))
    }

    /// What a stop of a unit that runs no gateway does without the guard: its own commands, or its own signal, and a wait
    /// for its end, which systemd limits.
    pub(crate) fn stop(&self, main: Option<&Process>) -> Result<Exit, Refusal> {
        let commands = self.commands("ExecStop");
        if !commands.is_empty() {
            return self.run(commands, &[]);
        }
        let name = self.directives.value("Service", "KillSignal");
        let signal = name.and_then(|name| name.parse().ok());
        let signal =
            rustix::process::Signal::from_named_raw(signal.unwrap_or(Signal::SIGTERM) as i32);
        let handle = main.and_then(|process| process.hold().ok()?);
        if let Some((handle, signal)) = handle.zip(signal) {
            let _ = handle.send(signal);
            while !handle.ends_within(Duration::from_secs(60)) {}
        }
        Ok(Exit::Done)
    }
}

/// The way out where files of a unit are closed to its account; empty where no mode says so.
fn opened(unit: &str, closed: &[Closed]) -> String {
    if closed.is_empty() {
        return String::new();
    }
    let command = open_command(closed.iter());
    format!("; to open it: `{command}` as root, then start `{unit}`")
}

/// The words of a command that is executed, its program as it is found.
fn words(command: &ExecCommand) -> Vec<String> {
    let mut words = command.argv.clone();
    words[0].clone_from(&command.program);
    words
}

fn version_of(argv: &[String]) -> Option<Version> {
    let hermes = executable(argv, |path| path.exists())?;
    Installation::find(&hermes, &|path| path.to_owned())?.version
}

/// Make a gateway's own command line safe: it replaces nobody, and stays with its profile. A variable that it needs
/// for that.
fn adapt(command: &mut ExecCommand, target: &Target) -> Option<(&'static str, &'static str)> {
    let argv = words(command);
    let parsed = command_line::Command::parse(&argv)?;
    if parsed.aim == Aim::Replace {
        command.argv.retain(|word| word != "--replace");
    }
    if !target.profile.for_hermes(&target.root).is_default() {
        return None;
    }
    let version = version_of(&argv);
    let names = parsed.profile.is_none() && names_default(version, &target.root);
    let verb = command.argv.iter().position(|word| word == "gateway");
    if let Some(verb) = verb.filter(|_| names) {
        let named = ["--profile", "default"].map(str::to_owned);
        command.argv.splice(verb..verb, named);
    }
    Some((supervised_variable(version), "1"))
}

/// A program as systemd finds it: in its own list of directories, not in the unit's PATH (systemd.exec(5),
/// ExecSearchPath=).
fn found(program: &str) -> PathBuf {
    if program.contains('/') {
        return program.into();
    }
    let mut places = SYSTEM.iter().map(|place| Path::new(place).join(program));
    places
        .find(|path| path.is_file())
        .unwrap_or_else(|| program.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_of_the_default_profile_keeps_it_whether_it_names_it_or_not() {
        let disk = tempfile::tempdir().expect("a directory");
        let root = disk.path().join("root");
        let target = Target {
            profile: "default".parse().expect("a name"),
            root,
        };
        let adapted = |version: &str, words: &str| {
            let prefix = disk.path().join(version);
            let record = format!("lib/python3.13/site-packages/hermes_agent-{version}.dist-info");
            std::fs::create_dir_all(prefix.join(record)).expect("made");
            std::fs::create_dir_all(prefix.join("bin")).expect("made");
            let (python, hermes) = (prefix.join("bin/python"), prefix.join("bin/hermes"));
            std::fs::write(&python, "\x7fELF").expect("written");
            std::fs::write(&hermes, format!("#!{}\n", python.display())).expect("written");
            let program = hermes.display().to_string();
            let mut command = ExecCommand {
                argv: std::iter::once(program.as_str())
                    .chain(words.split(' '))
                    .map(str::to_owned)
                    .collect(),
                program,
                ignores_failure: false,
                is_privileged: false,
            };
            let variable = adapt(&mut command, &target).expect("a gateway of the default profile");
            (command.argv[1..].join(" "), variable.0)
        };
        let named = "--profile default gateway run";
        // Up to 0.20 a second reading of the profile heeds a variable alone, whatever the command line names.
        let by_s6 = "HERMES_S6_SUPERVISED_CHILD";
        for words in ["gateway run --replace", "--profile default gateway run"] {
            assert_eq!(
                adapted("0.19.0", words),
                (named.to_owned(), by_s6),
                "{words}"
            );
        }
        let short = "-p default gateway run".to_owned();
        assert_eq!(adapted("0.20.4", &short), (short, by_s6));
        let unnamed = ("gateway run".to_owned(), "HERMES_SUPERVISED_CHILD");
        assert_eq!(adapted("0.22.2", "gateway run"), unnamed);
    }
}
