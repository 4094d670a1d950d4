//! What a command line says of a gateway: whether it runs one, of which profile home, by which executable.

use std::fs;
use std::path::{Path, PathBuf};

use crate::host::process::Process;
use crate::profile::root_for;

/// The profile home a process works on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Home {
    /// As that process names it.
    Known(PathBuf),
    /// Its environment is not ours to read.
    Hidden,
}

/// Which profile home a gateway process works on: `-p`, then HERMES_HOME, then the active profile.
pub(crate) fn home_of(process: &Process, command: &Command) -> Home {
    let Ok(env) = process.environ() else {
        return Home::Hidden;
    };
    let user_home = env.get("HOME").unwrap_or("/root");
    let active = |root: &Path| {
        fs::read_to_string(process.path_in_namespace(&root.join("active_profile"))).ok()
    };
    Home::Known(command.home(
        env.get("HERMES_HOME").map(Path::new),
        Path::new(user_home),
        active,
    ))
}

/// A command line that runs a gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command {
    /// The profile given with `-p` or `--profile`.
    pub(crate) profile: Option<String>,
    /// Whether it takes the place of a running gateway: `run --replace`, or `gateway restart`, which stops the old
    /// one and goes on in its own process.
    pub(crate) replaces: bool,
}

impl Command {
    /// Read a command line; `None` when it is not a gateway's.
    ///
    /// The forms are those that hermes itself knows (`_gateway_command_subcommand`, gateway/status.py of 0.19.0), and
    /// nixpkgs' `.hermes-wrapped`, which it does not know and we must not miss.
    pub(crate) fn parse<S: AsRef<str>>(argv: &[S]) -> Option<Self> {
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
    pub(crate) fn may_mean(&self, home: &Path) -> bool {
        let named = home.parent().is_some_and(|p| p.ends_with("profiles"));
        match self.profile.as_deref() {
            None => true,
            Some("default") => !named,
            Some(profile) => named && home.ends_with(profile),
        }
    }

    /// Whether it means whichever profile is active when it starts (`hermes profile use`): no profile is named, and
    /// HERMES_HOME is a root or not set.
    pub(crate) fn follows_active(&self, hermes_home: Option<&Path>) -> bool {
        let is_profile = |home: &Path| home.parent().is_some_and(|p| p.ends_with("profiles"));
        self.profile.is_none() && !hermes_home.is_some_and(is_profile)
    }

    /// The profile home this command line means, in this environment.
    pub(crate) fn home(
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
pub(crate) fn executable<S: AsRef<str>>(argv: &[S]) -> Option<PathBuf> {
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
}
