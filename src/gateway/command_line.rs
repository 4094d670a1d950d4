//! What a command line says of a gateway: whether it runs one, of which profile home, by which executable.

use std::path::{Path, PathBuf};

use crate::gateway::config::ACTIVE_PROFILE;
use crate::gateway::entry::{Entry, runs_source};
use crate::gateway::installation::Installation;
use crate::gateway::version::{DefaultProfile, Rules, Version};
use crate::host::process::{Process, shell_quote};
use crate::host::read::{self, read_small_text};
use crate::profile::{is_named_home, root_for};

/// Set for a gateway that a service manager starts; it does not follow the active profile then (since 0.21.0).
const SUPERVISED: &str = "HERMES_SUPERVISED_CHILD";

/// What hermes 0.17 to 0.20 ask for instead; for all else that it means they have systemd's `INVOCATION_ID`, too. `python -m
/// hermes_cli.main` of 0.18 to 0.20 reads the active profile a second time, after its start and whatever its command line names:
/// gateway/code_skew.py imports that module anew.
const SUPERVISED_BY_S6: &str = "HERMES_S6_SUPERVISED_CHILD";

/// The variables that keep a gateway from the active profile.
pub(crate) const SUPERVISED_VARIABLES: [&str; 2] = [SUPERVISED, SUPERVISED_BY_S6];

/// The one of them that a version asks for. The older serves where nobody can tell the version: 0.17 and all later ones know it.
pub(crate) fn supervised_variable(version: Option<Version>) -> &'static str {
    match version.map(|version| Rules::of(Some(version)).default_profile) {
        Some(DefaultProfile::Unnamed) => SUPERVISED,
        _ => SUPERVISED_BY_S6,
    }
}

/// The profile home a process works on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Home {
    /// As that process names it.
    Known(PathBuf),
    /// Its environment may not be read.
    Hidden,
}

/// Which profile home a gateway process works on: `-p`, then HERMES_HOME, then the active profile.
pub(crate) fn home_of(process: &Process, command: &Command) -> Home {
    let Ok(env) = process.environ() else {
        return Home::Hidden;
    };
    let user_home = env.get("HOME").unwrap_or("/root");
    let is_managed = env.get(SUPERVISED).is_some() || env.get("INVOCATION_ID").is_some();
    let active = |root: &Path| {
        let view = process.view().ok()?;
        let file = view.at(&root.join(ACTIVE_PROFILE));
        let name = read_small_text(&file, read::JSON).ok()??;
        let version = || Installation::of_process(process).and_then(|found| found.version);
        let follows = env.get(SUPERVISED_BY_S6).is_none()
            && (!is_managed || Rules::of(version()).default_profile != DefaultProfile::Unnamed);
        follows.then_some(name)
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
    /// What it does when a gateway runs already.
    pub(crate) aim: Aim,
}

/// What a gateway's command line does when a gateway runs already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aim {
    /// `gateway run`: it is refused.
    Run,
    /// `gateway run --replace`: it ends that gateway and takes its place.
    Replace,
    /// `gateway restart`: what that means differs by version ([`crate::gateway::version::Rules`]).
    Restart,
}

impl Command {
    /// Read a command line; `None` when it is not a gateway's.
    ///
    /// The forms are those that hermes itself knows (`_gateway_command_subcommand`, gateway/status.py of 0.19.0 to
    /// 0.22.2), and nixpkgs' `.hermes-wrapped`, which it does not know and which must not be missed.
    pub(crate) fn parse<S: AsRef<str>>(argv: &[S]) -> Option<Self> {
        let argv: Vec<&str> = argv.iter().map(AsRef::as_ref).collect();
        let entry = Entry::find(&argv)?;
        let (profile, words) = entry.words();
        let sub = if entry.is_runner {
            &words[..]
        } else {
            after_gateway(&words)?
        };
        let verb = sub.first().copied().filter(|w| !w.starts_with('-'));
        let runs = entry.is_runner || matches!(verb, None | Some("run" | "restart"));
        let aim = match verb {
            Some("restart") => Aim::Restart,
            _ if sub.contains(&"--replace") => Aim::Replace,
            _ => Aim::Run,
        };
        // `hermes gateway --help` ends by itself; taking it for a gateway for a moment does no harm.
        runs.then_some(Self { profile, aim })
    }

    /// One that cannot be read.
    pub(crate) fn unknown() -> Self {
        Self {
            profile: None,
            aim: Aim::Run,
        }
    }

    /// Whether this command line could mean that profile home, whatever its environment.
    pub(crate) fn may_mean(&self, home: &Path) -> bool {
        let named = is_named_home(home);
        match self.profile.as_deref() {
            None => true,
            Some(profile) => match profile.trim().to_lowercase().as_str() {
                "" | "default" => !named,
                name => named && home.ends_with(name),
            },
        }
    }

    /// Whether it means whichever profile is active when it starts (`hermes profile use`): no profile is named, and
    /// HERMES_HOME is a root or not set.
    pub(crate) fn follows_active(&self, hermes_home: Option<&Path>) -> bool {
        self.profile.is_none() && !hermes_home.is_some_and(is_named_home)
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

/// Options of hermes that take a word (hermes_cli/_parser.py of 0.19.0 to 0.22.2).
const WITH_WORD: [&str; 16] = [
    "-z",
    "--oneshot",
    "--usage-file",
    "-m",
    "--model",
    "--provider",
    "--reasoning",
    "-t",
    "--toolsets",
    "-r",
    "--resume",
    "--in",
    "-c",
    "--continue",
    "-s",
    "--skills",
];

/// What follows `gateway`, where that is hermes' command and not a word of another: `hermes logs gateway` reads a log.
fn after_gateway<'a, 'b>(words: &'b [&'a str]) -> Option<&'b [&'a str]> {
    let mut at = 0;
    while let Some(word) = words.get(at) {
        // What a variable holds that is not known may be an option, or nothing.
        if !word.starts_with(['-', '$']) {
            return (*word == "gateway").then(|| &words[at + 1..]);
        }
        at += 1 + usize::from(WITH_WORD.contains(word));
    }
    None
}

/// Whether a command line runs hermes, whatever for.
pub(crate) fn is_hermes_line<S: AsRef<str>>(argv: &[S]) -> bool {
    Entry::find(&argv.iter().map(AsRef::as_ref).collect::<Vec<_>>()).is_some()
}

/// The verb of a `hermes gateway VERB`.
pub(crate) fn gateway_verb<S: AsRef<str>>(argv: &[S]) -> Option<String> {
    let argv: Vec<&str> = argv.iter().map(AsRef::as_ref).collect();
    let entry = Entry::find(&argv)?;
    let (_, words) = entry.words();
    after_gateway(&words)?
        .first()
        .map(|verb| (*verb).to_owned())
}

/// The hermes executable that a gateway's command line belongs to: the script that it names, the launcher of its
/// installation, or the one beside the interpreter; the first that is there, else the first. `None` when it names none
/// by an absolute path.
pub(crate) fn executable<S: AsRef<str>>(
    argv: &[S],
    exists: impl Fn(&Path) -> bool,
) -> Option<PathBuf> {
    Command::parse(argv)?;
    let argv: Vec<&str> = argv.iter().map(AsRef::as_ref).collect();
    let places = Entry::find(&argv)?.executables;
    let is_usable = |path: &&PathBuf| {
        path.is_absolute() && path.file_name().is_some_and(|name| name == "hermes")
    };
    let mut usable = places.iter().filter(is_usable);
    let there = usable.clone().find(|path| exists(path));
    there.or_else(|| usable.next()).cloned()
}

/// The longest word that [`shown`] prints whole.
const LONGEST: usize = 120;

/// A command line for people, as they would type it: a gateway that is started through a source is shown by its
/// executable, any other long word as its beginning.
pub(crate) fn shown<S: AsRef<str>>(argv: &[S]) -> String {
    let mut words: Vec<String> = argv.iter().map(|w| w.as_ref().to_owned()).collect();
    if runs_source(&words) {
        let entry = executable(&words, |path| path.exists()).zip(Entry::find(
            &argv.iter().map(AsRef::as_ref).collect::<Vec<_>>(),
        ));
        if let Some((hermes, entry)) = entry {
            words = vec![hermes.display().to_string()];
            words.extend(entry.arguments);
        }
    }
    for word in &mut words {
        let is_long = word.chars().nth(LONGEST).is_some() || word.contains('\n');
        if is_long {
            let line = word.lines().next().unwrap_or_default();
            *word = line
                .chars()
                .take(LONGEST / 4)
                .chain("...".chars())
                .collect();
        }
    }
    shell_quote(&words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::inline_source::tests::{IN_PLACE, LAUNCHER, RUNTIME};

    fn parse(line: &str) -> Option<Command> {
        Command::parse(&line.split(' ').collect::<Vec<_>>())
    }

    #[test]
    fn a_profile_is_meant_however_it_is_written() {
        let may_mean = |line: &str, home: &str| {
            let command = parse(line).expect("a gateway's");
            command.may_mean(Path::new(home))
        };
        let (root, coder) = ("/srv/h", "/srv/h/profiles/coder");
        assert!(may_mean("hermes -p Coder gateway run --replace", coder));
        assert!(may_mean("hermes -p Default gateway run --replace", root));
        assert!(!may_mean("hermes -p Coder gateway run --replace", root));
        assert!(!may_mean("hermes -p other gateway run --replace", coder));
        assert!(may_mean("hermes gateway run --replace", coder));
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
            "python3 -Im hermes_cli.main gateway run",
        ] {
            assert!(parse(line).is_some(), "{line}");
        }
        for line in [
            "hermes gateway status",
            "hermes logs gateway",
            "hermes logs gateway -f",
            "hermes --skills x skills install gateway",
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
        assert_eq!(command.aim, Aim::Replace);
        let aim = |line: &str| parse(line).expect("a gateway").aim;
        assert_eq!(aim("hermes -p coder gateway run"), Aim::Run);
        assert_eq!(aim("hermes gateway restart --all"), Aim::Restart);
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
    fn a_gateway_is_known_through_the_sources_that_hermes_starts_itself_with() {
        for (source, rest, profile) in [
            (LAUNCHER, "--profile coder gateway run", Some("coder")),
            (RUNTIME, "gateway run", None),
            (IN_PLACE, "", Some("coder")),
            (LAUNCHER, "--run-module gateway.run", None),
        ] {
            let mut argv = vec!["/opt/h/bin/python3", "-I", "-c", source];
            argv.extend(rest.split_whitespace());
            let command = Command::parse(&argv).unwrap_or_else(|| panic!("{source}"));
            assert_eq!(command.profile.as_deref(), profile, "{source}");
        }
        let watcher = "import os, sys, time\nwhile True: time.sleep(1)";
        for argv in [
            ["python3", "-I", "-c", LAUNCHER, "gateway", "status"],
            [
                "python3",
                "-I",
                "-c",
                LAUNCHER,
                "--run-module",
                "acp_adapter",
            ],
            ["python3", "-u", "-c", watcher, "hermes", "gateway"],
            ["python3", "-X", "-c", "hermes", "gateway", "status"],
        ] {
            assert_eq!(Command::parse(&argv), None, "{argv:?}");
        }
        let argv = [
            "/usr/bin/python3",
            "-c",
            watcher,
            "4711",
            "hermes",
            "gateway",
            "run",
        ];
        assert_eq!(Command::parse(&argv), None);
    }

    #[test]
    fn no_source_is_shown_to_people() {
        let shown = |source: &str, rest: &[&str]| {
            let mut argv = vec!["/opt/h/bin/python3", "-I", "-c", source];
            argv.extend(rest);
            shown(&argv)
        };
        assert_eq!(
            shown(LAUNCHER, &["-p", "coder", "gateway", "run"]),
            "/home/a/.hermes/hermes-agent/.hermes/bin/hermes -p coder gateway run"
        );
        let other = shown("import time\ntime.sleep(5)", &["gateway"]);
        assert_eq!(other, "/opt/h/bin/python3 -I -c 'import time...' gateway");
    }

    #[test]
    fn the_executable_is_the_script_or_the_one_beside_the_interpreter() {
        let executable = |line: &str| executable(&line.split(' ').collect::<Vec<_>>(), |_| false);
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
