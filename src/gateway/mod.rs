//! The gateway's own files and command line, and the one question they answer: who owns a profile now?
//!
//! Every rule here is a fact about hermes-agent 0.13.0 to 0.19.0 (gateway/status.py, hermes_cli/main.py). Nothing here
//! writes, and nothing here unlinks: upstream removes a lock that it cannot explain, and then two gateways run.

pub mod stop;

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use serde::Deserialize;

use crate::host::process::{self, Process};
use crate::profile::root_for;

/// Held with flock(2) for the life of a gateway; stays behind, unlocked, when it ends.
pub const LOCK: &str = "gateway.lock";
/// Made by a starting gateway, removed by one that ends well.
pub const PID: &str = "gateway.pid";
/// The gateway's account of itself.
pub const STATE: &str = "gateway_state.json";

/// The record in `gateway.pid` and `gateway.lock`.
#[derive(Debug, Clone, Deserialize)]
struct Record {
    pid: i32,
    start_time: Option<u64>,
}

/// `gateway_state.json`, as far as we need it.
#[derive(Debug, Clone, Deserialize)]
pub struct State {
    /// The gateway that wrote it.
    pub pid: i32,
    /// Its start, as hermes reads it.
    pub start_time: Option<u64>,
    /// `starting`, `running`, `degraded`, `draining`, `stopped` or `startup_failed`.
    pub gateway_state: String,
    /// Whether it ends because a restart was asked for.
    #[serde(default)]
    pub restart_requested: bool,
    /// Why it ended, in its own words.
    #[serde(default)]
    pub exit_reason: Option<String>,
}

impl State {
    /// The state file of a profile home; `None` when there is none that can be read.
    pub fn read(home: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(home.join(STATE)).ok()?).ok()
    }

    /// Whether the gateway says that it is up. `degraded` (since 0.14) is up with a platform that it keeps retrying.
    pub fn is_up(&self) -> bool {
        matches!(self.gateway_state.as_str(), "running" | "degraded")
    }

    /// Whether the gateway says that it has ended.
    pub fn has_ended(&self) -> bool {
        matches!(self.gateway_state.as_str(), "stopped" | "startup_failed")
    }
}

/// A process that has a profile, and how we know.
#[derive(Debug, Clone)]
pub struct Owner {
    /// The process; `None` when somebody holds the lock whom we cannot see.
    pub process: Option<Process>,
    /// How it owns the profile, as the middle of a sentence.
    pub how: &'static str,
    /// How much of the profile it has.
    pub hold: Hold,
}

/// How much of a profile a process has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// It runs the gateway, or has not let go of it.
    Has,
    /// It is about to: a `gateway run --replace` or `gateway restart` for this home.
    Takes,
    /// A young `--replace` of another account, root's most of all, hides its environment from us: it may mean this home
    /// or another one, and shows which as soon as it takes its lock.
    MayTake,
}

/// How long a gateway may take from its start to its lock; 0.5 to 10 s were seen, cold starts included.
const START: Duration = Duration::from_secs(60);

/// Whoever has the gateway of this profile home now, or is about to take it.
///
/// A stale pid file, a reused PID and a lock file that nobody holds are no owner. `Err` when the lock cannot be
/// examined: then nobody may be assumed absent.
pub fn owner(home: &Path) -> std::io::Result<Option<Owner>> {
    // Any liveness probe, ours and upstream's, holds the lock for an instant. Only a holder that stays counts.
    let patience = Instant::now() + Duration::from_secs(1);
    loop {
        let held = is_locked(&home.join(LOCK))?;
        if let Some(process) = recorded(home, held) {
            let how = if held {
                "runs its gateway"
            } else {
                "is a gateway that still ends or has lost its lock"
            };
            return Ok(Some(Owner {
                process: Some(process),
                how,
                hold: Hold::Has,
            }));
        }
        if !held {
            return Ok(replacer(home));
        }
        if Instant::now() > patience {
            return Ok(Some(Owner {
                process: None,
                how: "holds its lock",
                hold: Hold::Has,
            }));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whether somebody holds the flock. Ours, shared, is there for microseconds.
fn is_locked(path: &Path) -> std::io::Result<bool> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(false),
        Err(e) => return Err(e),
    };
    match Flock::lock(file, FlockArg::LockSharedNonblock) {
        Ok(_lock) => Ok(false),
        Err((_, Errno::EWOULDBLOCK)) => Ok(true),
        Err((_, errno)) => Err(errno.into()),
    }
}

/// The live gateway that the profile's files name.
///
/// With the lock held, the pid and lock records count. Without, the state file counts too, unless it says that its
/// gateway has ended: hermes 0.18 and later refuse to start then, and a gateway that hangs in its exit still has
/// the databases open.
fn recorded(home: &Path, held: bool) -> Option<Process> {
    let record = |name: &str| -> Option<Record> {
        serde_json::from_slice(&fs::read(home.join(name)).ok()?).ok()
    };
    let state = State::read(home).filter(|s| held || !s.has_ended());
    let state = state.map(|s| Record {
        pid: s.pid,
        start_time: s.start_time,
    });
    [record(PID), record(LOCK).filter(|_| held), state]
        .into_iter()
        .flatten()
        .find_map(|record| live(&record))
}

/// The process of a record, if it is still that process and a gateway. A PID alone proves nothing: it is reused.
fn live(record: &Record) -> Option<Process> {
    let process = Process::read(record.pid)?;
    let same = record
        .start_time
        .is_none_or(|start| start == process.start || Some(start) == process.naive_start);
    (same && Command::parse(&process.argv).is_some()).then_some(process)
}

/// A `gateway run --replace` for this home on its way: for 0.5 to 3 s in a takeover nobody holds the lock.
fn replacer(home: &Path) -> Option<Owner> {
    let me = std::process::id() as i32;
    let id = identity(home)?;
    let mut doubtful = None;
    for pid in process::pids().filter(|pid| *pid != me) {
        let Some(command) = process::argv(pid).and_then(|argv| Command::parse(&argv)) else {
            continue;
        };
        let Some(process) = command.replaces.then(|| Process::read(pid)).flatten() else {
            continue;
        };
        let hold = match home_of(&process, &command) {
            Home::Known(path) => {
                let theirs = identity(&process.sees(&path)).or_else(|| identity(&path));
                if theirs != Some(id) {
                    continue;
                }
                Hold::Takes
            }
            Home::Hidden if is_taking(home, &process) => Hold::Takes,
            Home::Hidden if process.age() < START && command.may_mean(home) => Hold::MayTake,
            Home::Hidden => continue,
        };
        let owner = Owner {
            process: Some(process),
            how: "is taking it over with `--replace`",
            hold,
        };
        if hold == Hold::Takes {
            return Some(owner);
        }
        doubtful = Some(owner);
    }
    doubtful
}

/// Whether a process whose environment we may not read left its takeover marker here: another account's replacer,
/// root's most of all. The marker itself may be unreadable too; its owner and its presence are enough.
fn is_taking(home: &Path, process: &Process) -> bool {
    fs::metadata(home.join(".gateway-takeover.json")).is_ok_and(|m| m.uid() == process.uid)
}

/// What makes two paths the same directory.
fn identity(path: &Path) -> Option<(u64, u64)> {
    let meta = fs::metadata(path).ok()?;
    Some((meta.dev(), meta.ino()))
}

/// The profile home a process works on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Home {
    /// As that process names it.
    Known(PathBuf),
    /// Its environment is not ours to read.
    Hidden,
}

/// Which profile home a gateway process works on: `-p`, then HERMES_HOME, then the active profile.
pub fn home_of(process: &Process, command: &Command) -> Home {
    let Ok(env) = process.environ() else {
        return Home::Hidden;
    };
    let user_home = env.get("HOME").unwrap_or("/root");
    let active = |root: &Path| fs::read_to_string(process.sees(&root.join("active_profile"))).ok();
    Home::Known(command.home(
        env.get("HERMES_HOME").map(Path::new),
        Path::new(user_home),
        active,
    ))
}

/// A command line that runs a gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The profile given with `-p` or `--profile`.
    pub profile: Option<String>,
    /// Whether it takes the place of a running gateway: `run --replace`, or `gateway restart`, which stops the old
    /// one and goes on in its own process.
    pub replaces: bool,
}

impl Command {
    /// Read a command line; `None` when it is not a gateway's.
    ///
    /// The forms are those that hermes itself knows (`_gateway_command_subcommand`, gateway/status.py of 0.19.0), and
    /// nixpkgs' `.hermes-wrapped`, which it does not know and we must not miss.
    pub fn parse<S: AsRef<str>>(argv: &[S]) -> Option<Self> {
        let argv: Vec<&str> = argv.iter().map(AsRef::as_ref).collect();
        let rest = after_entry(&argv)?;
        let mut profile = None;
        let mut words = Vec::new();
        let mut args = rest.arguments.iter();
        while let Some(arg) = args.next() {
            if matches!(*arg, "-p" | "--profile") {
                profile = profile.or(args.next().map(|p| (*p).to_owned()));
            } else if let Some(name) = arg.strip_prefix("--profile=").or(arg.strip_prefix("-p=")) {
                profile = profile.or(Some(name.to_owned()));
            } else {
                words.push(*arg);
            }
        }
        let sub = if rest.is_runner {
            &words[..]
        } else {
            let at = words.iter().position(|w| *w == "gateway")?;
            &words[at + 1..]
        };
        let verb = sub.first().copied().filter(|w| !w.starts_with('-'));
        let runs = rest.is_runner || matches!(verb, None | Some("run" | "restart"));
        // `hermes gateway --help` ends by itself; taking it for a gateway for a moment does no harm.
        runs.then(|| Self {
            profile,
            replaces: verb == Some("restart") || sub.contains(&"--replace"),
        })
    }

    /// Whether this command line could mean that profile home, whatever its environment.
    fn may_mean(&self, home: &Path) -> bool {
        let named = home.parent().is_some_and(|p| p.ends_with("profiles"));
        match self.profile.as_deref() {
            None => true,
            Some("default") => !named,
            Some(profile) => named && home.ends_with(profile),
        }
    }

    /// Whether it means whichever profile is active when it starts (`hermes profile use`): no profile is named, and
    /// HERMES_HOME is a root or not set.
    pub fn follows_active(&self, hermes_home: Option<&Path>) -> bool {
        let is_profile = |home: &Path| home.parent().is_some_and(|p| p.ends_with("profiles"));
        self.profile.is_none() && !hermes_home.is_some_and(is_profile)
    }

    /// The profile home this command line means, in this environment.
    pub fn home(
        &self,
        hermes_home: Option<&Path>,
        user_home: &Path,
        active: impl Fn(&Path) -> Option<String>,
    ) -> PathBuf {
        let root = root_for(hermes_home, user_home);
        let named = |name: &str| match name.trim().to_lowercase().as_str() {
            "" | "default" => root.clone(),
            name => root.join("profiles").join(name),
        };
        if let Some(profile) = &self.profile {
            return named(profile);
        }
        match hermes_home {
            Some(home) if !self.follows_active(hermes_home) => home.to_owned(),
            _ => named(&active(&root).unwrap_or_default()),
        }
    }
}

/// What follows the program on a hermes command line.
struct Entry<'a> {
    arguments: &'a [&'a str],
    /// The program is the gateway's own entry point and needs no `gateway` word.
    is_runner: bool,
}

fn after_entry<'a>(argv: &'a [&'a str]) -> Option<Entry<'a>> {
    let name = |arg: &'a str| arg.rsplit('/').next().unwrap_or(arg);
    let is_hermes = |arg: &'a str| matches!(name(arg), "hermes" | ".hermes-wrapped");
    let first = *argv.first()?;
    if is_hermes(first) {
        return Some(Entry {
            arguments: &argv[1..],
            is_runner: false,
        });
    }
    if !name(first).starts_with("python") && !name(first).starts_with("pypy") {
        return None;
    }
    // An interpreter: options, then `-m MODULE` or a script.
    let mut at = 1;
    while let Some(arg) = argv.get(at) {
        match *arg {
            "-m" => {
                let module = *argv.get(at + 1)?;
                let is_runner = module == "gateway.run";
                return (is_runner || module == "hermes_cli.main" || module == "hermes_cli").then(
                    || Entry {
                        arguments: &argv[at + 2..],
                        is_runner,
                    },
                );
            }
            "-X" | "-W" => at += 2,
            option if option.starts_with('-') => at += 1,
            script => {
                let is_runner = script.ends_with("gateway/run.py");
                return (is_runner || is_hermes(script) || script.ends_with("hermes_cli/main.py"))
                    .then(|| Entry {
                        arguments: &argv[at + 1..],
                        is_runner,
                    });
            }
        }
    }
    None
}

/// The hermes executable that a gateway's command line belongs to: the script that it names, or the one beside the
/// interpreter of `python -m hermes_cli.main`. `None` when it names none by an absolute path.
pub fn executable<S: AsRef<str>>(argv: &[S]) -> Option<PathBuf> {
    Command::parse(argv)?;
    let script = argv
        .iter()
        .take(2)
        .map(|word| Path::new(word.as_ref()))
        .find(|path| path.file_name().is_some_and(|name| name == "hermes"));
    let path = match script {
        Some(script) => script.to_owned(),
        None => Path::new(argv.first()?.as_ref()).with_file_name("hermes"),
    };
    path.is_absolute().then_some(path)
}

/// Seconds that the gateway of this profile is configured to drain for, where its files say so:
/// HERMES_RESTART_DRAIN_TIMEOUT, overridden by `agent.restart_drain_timeout` in config.yaml (gateway/run.py 0.19.0).
pub fn drain_setting(home: &Path) -> Option<u32> {
    let config = configuration(home)?;
    let value = &config["agent"]["restart_drain_timeout"];
    let seconds = value
        .as_f64()
        .or_else(|| value.as_i64().map(|n| n as f64))
        .or_else(|| value.as_str()?.trim().parse().ok())?;
    // A float-to-integer cast saturates, so nonsense becomes a bound and not a panic.
    Some(seconds.ceil() as u32)
}

/// Whether the gateway of this root serves the other profiles, too: `gateway.multiplex_profiles` (since 0.17); then
/// a gateway of a named profile refuses to start beside it (hermes_cli/gateway.py 0.19.0).
pub fn is_multiplexed(root: &Path) -> bool {
    configuration(root).is_some_and(|c| c["gateway"]["multiplex_profiles"].as_bool() == Some(true))
}

fn configuration(home: &Path) -> Option<yaml_rust2::Yaml> {
    let text = crate::units::load_path::text(Path::new("/"), &home.join("config.yaml"))?;
    // The parser recurses; a file that nests without end would take our stack.
    if is_nested_deeply(&text) {
        return None;
    }
    let docs = yaml_rust2::YamlLoader::load_from_str(&text).ok()?;
    docs.into_iter().next()
}

fn is_nested_deeply(text: &str) -> bool {
    const MOST: usize = 200;
    let mut depth = 0_usize;
    for c in text.chars() {
        match c {
            '[' | '{' => depth += 1,
            ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MOST {
            return true;
        }
    }
    text.lines().any(|line| {
        let indent = line.len() - line.trim_start().len();
        indent > MOST || line.matches("- ").count() > MOST || line.matches("? ").count() > MOST
    })
}

/// The drain of a gateway whose files do not set one: 180 s up to 0.17, none since 0.18.0 (hermes_cli/config.py).
pub fn default_drain(version: Option<Version>) -> u32 {
    match version {
        Some(version) if version >= Version(0, 18, 0) => 0,
        _ => 180,
    }
}

/// A hermes version, `X.Y.Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32, pub u32, pub u32);

impl Version {
    /// The oldest whose gateway we know.
    pub const OLDEST: Self = Self(0, 13, 0);
    /// The newest whose gateway we know.
    pub const NEWEST: Self = Self(0, 19, u32::MAX);

    /// From the first line of `hermes --version`: `Hermes Agent v0.19.0 (2026.7.20)`.
    pub fn from_output(text: &str) -> Option<Self> {
        text.lines().next()?.split_whitespace().find_map(|word| {
            let mut parts = word.trim_start_matches('v').split('.');
            let mut next = || parts.next()?.parse().ok();
            let version = Self(next()?, next()?, next()?);
            // A release date such as 2026.7.20 has the same form.
            (version.0 < 1000).then_some(version)
        })
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Option<Command> {
        Command::parse(&line.split(' ').collect::<Vec<_>>())
    }

    #[test]
    fn the_command_lines_of_gateways_are_known() {
        for line in [
            "/opt/h/bin/python /opt/h/bin/hermes --profile coder gateway run",
            "/opt/h/bin/python3.11 -m hermes_cli.main gateway run --replace",
            "python -u -X dev /src/hermes_cli/main.py gateway",
            "hermes gateway run -v",
            "/nix/store/x/bin/.hermes-wrapped -p coder gateway run",
            "python /x/gateway/run.py",
            "hermes gateway restart",
        ] {
            assert!(parse(line).is_some(), "{line}");
        }
        for line in [
            "hermes gateway status",
            "hermes chat",
            "journalctl -u hermes-gateway -f",
            "vim /opt/hermes gateway run",
            "sudo hermes gateway run --replace",
            "bash -c hermes",
            "hermes-install exec --profile coder",
            "python -m http.server",
            "",
        ] {
            assert!(parse(line).is_none(), "{line}");
        }
    }

    #[test]
    fn a_replacer_and_its_profile_are_read_wherever_the_options_stand() {
        let command = parse("hermes gateway run --replace -p coder").expect("a gateway");
        assert_eq!(command.profile.as_deref(), Some("coder"));
        assert!(command.replaces);
        assert!(
            !parse("hermes -p coder gateway run")
                .expect("a gateway")
                .replaces
        );
    }

    #[test]
    fn a_home_follows_flag_then_variable_then_active_profile() {
        let home = |line: &str, env: Option<&str>, active: Option<&str>| {
            parse(line)
                .expect("a gateway")
                .home(env.map(Path::new), Path::new("/home/a"), |_| {
                    active.map(str::to_owned)
                })
        };
        let at = Path::new;
        assert_eq!(home("hermes gateway", None, None), at("/home/a/.hermes"));
        assert_eq!(
            home("hermes gateway", None, Some("x\n")),
            at("/home/a/.hermes/profiles/x")
        );
        assert_eq!(
            home("hermes -p default gateway", None, Some("x")),
            at("/home/a/.hermes")
        );
        assert_eq!(
            home("hermes gateway", Some("/srv/profiles/x"), Some("y")),
            at("/srv/profiles/x")
        );
        assert_eq!(
            home("hermes -p y gateway", Some("/srv/profiles/x"), None),
            at("/srv/profiles/y")
        );
    }

    #[test]
    fn the_executable_is_the_script_or_the_one_beside_the_interpreter() {
        let executable = |line: &str| executable(&line.split(' ').collect::<Vec<_>>());
        for line in [
            "/opt/x/bin/python -m hermes_cli.main --profile coder gateway run",
            "/opt/x/bin/python3.11 /opt/x/bin/hermes gateway run",
            "/opt/x/bin/hermes gateway run",
        ] {
            assert_eq!(
                executable(line).as_deref(),
                Some(Path::new("/opt/x/bin/hermes")),
                "{line}"
            );
        }
        assert_eq!(executable("python -m hermes_cli.main gateway run"), None);
        assert_eq!(executable("/usr/bin/sleep 5"), None);
    }

    #[test]
    fn versions_are_read_and_ordered() {
        let version = Version::from_output("Hermes Agent v0.19.0 (2026.7.20)\nPython: 3.11.7");
        assert_eq!(version, Some(Version(0, 19, 0)));
        assert!(Version(0, 19, 3) < Version::NEWEST);
        assert_eq!(default_drain(version), 0);
        assert_eq!(default_drain(Some(Version(0, 17, 9))), 180);
        assert_eq!(Version::from_output("command not found"), None);
    }
}
