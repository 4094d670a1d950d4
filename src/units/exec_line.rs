//! A command line of a unit, read for the gateway that it runs: directly, through our launcher, or inside `env`, a
//! shell's `-c`, a script. Pure but for the readers it is given.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::gateway::command_line::{Aim, Command, runs_source};
use crate::units::unit_file::words;

/// What a command line runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GatewayCall {
    /// The profile home, as the unit's processes see it; `None` when the line does not say.
    pub(crate) home: Option<PathBuf>,
    /// The profile that the line names.
    pub(crate) profile: Option<String>,
    /// Whether it takes the place of a running gateway.
    pub(crate) replaces: bool,
    /// Whether it means whichever profile is active (`hermes profile use`) when it starts.
    pub(crate) follows_active: bool,
    /// Whether it goes through our launcher.
    pub(crate) is_launcher: bool,
}

/// What the command line runs in.
pub(crate) struct Context<'a> {
    /// Its environment, as far as the unit says.
    pub(crate) environment: BTreeMap<String, String>,
    /// The home directory of the account that it runs as.
    pub(crate) user_home: PathBuf,
    /// The text of a script; `None` when there is none at that path.
    pub(crate) script: &'a dyn Fn(&Path) -> Option<String>,
    /// The active profile under a hermes root.
    pub(crate) active: &'a dyn Fn(&Path) -> Option<String>,
    /// What is left to be spent on all command lines of a unit; [`BUDGET`] at first.
    pub(crate) budget: Cell<usize>,
}

/// Words that may be looked at for one unit, scripts included: a thousand times what people write. Scripts can name each
/// other, and themselves, without end.
pub(crate) const BUDGET: usize = 50_000;
/// Bytes of a word beyond which variables stay as they are: they can be made of each other.
const LONGEST: usize = 64 << 10;
/// What reading a script costs, in words.
const SCRIPT: usize = 500;

/// Programs whose gateway has another file system than we see, or another account than the unit names.
const ELSEWHERE: [&str; 12] = [
    "docker",
    "podman",
    "nerdctl",
    "lxc-execute",
    "lxc-start",
    "systemd-nspawn",
    "machinectl",
    "chroot",
    "su",
    "sudo",
    "runuser",
    "setpriv",
];

/// How deep shells may call shells.
const DEPTH: usize = 4;
/// How many words of a command, and commands of a script, are looked at; people write fewer.
const MOST: usize = 500;

/// The gateway that a command line runs, if any.
pub(crate) fn find(argv: &[String], context: &Context) -> Option<GatewayCall> {
    let mut search = Search {
        context,
        environment: BTreeMap::new(),
        is_elsewhere: false,
    };
    if !search.spend(context.environment.len() + 1) {
        return None;
    }
    search.environment.clone_from(&context.environment);
    let argv: Vec<String> = argv
        .iter()
        .take(MOST)
        .map(|w| variables(w, &search.environment))
        .collect();
    search.command(&argv, DEPTH).or_else(|| {
        // It runs a gateway in a way that is not understood.
        let line = argv.join(" ");
        (line.contains("hermes") && line.contains("gateway run")).then(|| GatewayCall {
            home: None,
            profile: None,
            replaces: line.contains("--replace"),
            follows_active: false,
            is_launcher: false,
        })
    })
}

struct Search<'a> {
    context: &'a Context<'a>,
    environment: BTreeMap<String, String>,
    is_elsewhere: bool,
}

impl Search<'_> {
    fn command(&mut self, argv: &[String], depth: usize) -> Option<GatewayCall> {
        let program = base(argv.first()?);
        if let Some(call) = self.launcher(argv) {
            return Some(call);
        }
        if !self.spend(argv.len()) {
            return None;
        }
        self.is_elsewhere |= ELSEWHERE.contains(&program);
        if let Some(command) = Command::parse(argv) {
            return Some(self.call(&command));
        }
        if depth == 0 || runs_source(argv) {
            return None;
        }
        for (at, word) in argv.iter().enumerate() {
            if at > 0 && word.contains(char::is_whitespace) {
                if let Some(call) = self.shell(word, depth - 1) {
                    return Some(call);
                }
            } else if let Some((name, value)) = assignment(word) {
                self.environment.insert(name.to_owned(), value.to_owned());
            } else if at > 0 {
                if let Some(call) = self.launcher(&argv[at..]) {
                    return Some(call);
                }
                if let Some(command) = Command::parse(&argv[at..]) {
                    return Some(self.call(&command));
                }
            }
        }
        // A script is the program itself, or what a shell is given.
        let is_shell = matches!(program, "sh" | "bash" | "dash" | "zsh" | "ksh");
        let script = match is_shell {
            true => argv.iter().skip(1).find(|w| !w.starts_with('-')),
            false => argv.first(),
        };
        let script = Path::new(script?);
        if !self.spend(SCRIPT) {
            return None;
        }
        let text = (self.context.script)(script)?;
        text.contains("hermes")
            .then(|| self.shell(&text, depth - 1))
            .flatten()
    }

    /// Whether there is budget for that.
    fn spend(&self, words: usize) -> bool {
        let left = self.context.budget.get().checked_sub(words);
        self.context.budget.set(left.unwrap_or_default());
        left.is_some()
    }

    /// The commands of a shell's text, one after the other, read without any of a shell's finer points.
    fn shell(&mut self, text: &str, depth: usize) -> Option<GatewayCall> {
        let text = text.replace("\\\n", " ");
        let lines = text.lines().filter(|l| !l.trim_start().starts_with('#'));
        for line in lines.take(MOST) {
            if self.context.budget.get() == 0 {
                return None;
            }
            for simple in line.split([';', '&', '|', '(', ')', '`']).take(MOST) {
                let argv: Vec<String> = words(simple)
                    .iter()
                    .take(MOST)
                    .map(|w| variables(w, &self.environment))
                    .collect();
                if let Some(call) = self.command(&argv, depth) {
                    return Some(call);
                }
            }
        }
        None
    }

    /// A unit of ours in any scope, or one that goes through our launcher.
    fn launcher(&self, argv: &[String]) -> Option<GatewayCall> {
        if base(argv.first()?) != "hermes-install" || argv.get(1).is_none_or(|w| w != "exec") {
            return None;
        }
        let option = |names: [&str; 2]| {
            argv.iter().enumerate().find_map(|(at, word)| {
                let long = word
                    .strip_prefix(names[0])
                    .and_then(|w| w.strip_prefix('='));
                let is_named = names.contains(&word.as_str());
                long.or_else(|| is_named.then(|| argv.get(at + 1).map(String::as_str))?)
            })
        };
        let profile = option(["--profile", "-p"])?.to_owned();
        let command = Command {
            profile: Some(profile),
            aim: Aim::Run,
        };
        let told = option(["--home", "--home"]).map(Path::new);
        let root = told.or_else(|| self.environment.get("HERMES_HOME").map(Path::new));
        let home = command.home(root, &self.context.user_home, |_| None);
        Some(GatewayCall {
            home: (!self.is_elsewhere).then_some(home),
            profile: command.profile,
            replaces: false,
            follows_active: false,
            is_launcher: true,
        })
    }

    fn call(&self, command: &Command) -> GatewayCall {
        let told = self.environment.get("HERMES_HOME").map(Path::new);
        let user_home = match self.environment.get("HOME") {
            Some(home) => Path::new(home),
            None => &self.context.user_home,
        };
        let home = command.home(told, user_home, self.context.active);
        // In a container or under another account only a named home could be meant, and that may be another there.
        let is_known = !self.is_elsewhere && home.is_absolute();
        GatewayCall {
            home: is_known.then_some(home),
            profile: command.profile.clone(),
            replaces: command.aim != Aim::Run,
            follows_active: is_known && command.follows_active(told),
            is_launcher: false,
        }
    }
}

fn base(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

/// `NAME=VALUE`, as `env` and shells take it.
fn assignment(word: &str) -> Option<(&str, &str)> {
    let (name, value) = word.split_once('=')?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (!name.is_empty() && name.chars().all(plain)).then_some((name, value))
}

/// `${NAME}` anywhere and `$NAME` up to the next other character; an unknown one stays as it is.
fn variables(word: &str, environment: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    let mut rest = word;
    while let Some(at) = rest.find('$').filter(|_| out.len() < LONGEST) {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        let (name, after) = match rest.strip_prefix('{') {
            Some(inner) => inner.split_once('}').unwrap_or(("", rest)),
            None => {
                let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
                let end = rest.find(|c| !plain(c)).unwrap_or(rest.len());
                rest.split_at(end)
            }
        };
        match environment.get(name) {
            Some(value) => {
                out.push_str(value);
                rest = after;
            }
            None => out.push('$'),
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::unit_file::command;

    fn run(line: &str) -> Option<GatewayCall> {
        find(
            &command(line),
            &Context {
                environment: BTreeMap::from([
                    ("HERMES_HOME".into(), "/srv/h".into()),
                    ("NAME".into(), "coder".into()),
                ]),
                user_home: "/home/a".into(),
                script: &|path| {
                    (path == Path::new("/x/run.sh"))
                        .then(|| "#!/bin/sh\nset -e\nexport HERMES_HOME=/srv/s\nexec \\\n  hermes gateway run\n".into())
                },
                active: &|_| Some("busy".into()),
                budget: Cell::new(BUDGET),
            },
        )
    }

    #[test]
    fn scripts_that_name_themselves_have_one_budget() {
        let read = Cell::new(0);
        let context = Context {
            environment: BTreeMap::new(),
            user_home: "/home/a".into(),
            script: &|_| {
                read.set(read.get() + 1);
                Some(format!(
                    "#!/bin/sh\n# hermes\n{}",
                    "/x/run.sh\n".repeat(500)
                ))
            },
            active: &|_| None,
            budget: Cell::new(BUDGET),
        };
        for _ in 0..1000 {
            assert_eq!(find(&["/x/run.sh".to_owned()], &context), None);
        }
        assert!(read.get() <= BUDGET / SCRIPT, "{}", read.get());
    }

    #[test]
    fn a_gateway_is_found_inside_shells_wrappers_and_scripts() {
        for (line, home) in [
            (
                "/opt/h/bin/python -m hermes_cli.main -p default gateway run",
                "/srv/h",
            ),
            (
                "-/opt/h/bin/hermes gateway run --replace",
                "/srv/h/profiles/busy",
            ),
            (
                "/bin/sh -c \"cd /x && exec hermes -p coder gateway run\"",
                "/srv/h/profiles/coder",
            ),
            (
                "/usr/bin/env HERMES_HOME=/srv/e hermes -p default gateway run",
                "/srv/e",
            ),
            (
                "/usr/bin/flock /x.lock nice -n 5 hermes -p ${NAME} gateway run",
                "/srv/h/profiles/coder",
            ),
            (
                "/usr/bin/tmux new-session -d 'hermes -p default gateway run'",
                "/srv/h",
            ),
            ("/x/run.sh", "/srv/s/profiles/busy"),
            ("/bin/bash -l /x/run.sh", "/srv/s/profiles/busy"),
            (
                "/usr/local/lib/hermes-install/hermes-install exec --profile coder",
                "/srv/h/profiles/coder",
            ),
            (
                "/usr/bin/hermes-install exec --profile=coder --home /srv/x",
                "/srv/x/profiles/coder",
            ),
        ] {
            let call = run(line).unwrap_or_else(|| panic!("{line}"));
            assert_eq!(call.home.as_deref(), Some(Path::new(home)), "{line}");
        }
    }

    #[test]
    fn what_cannot_be_followed_is_a_gateway_of_an_unknown_home() {
        for line in [
            "/usr/bin/docker run --rm hermes-image hermes gateway run",
            "/bin/sh -c \"$HERMES_BIN gateway run --hermes\"",
            "/usr/bin/sudo -u bob hermes gateway run",
        ] {
            assert_eq!(
                run(line).unwrap_or_else(|| panic!("{line}")).home,
                None,
                "{line}"
            );
        }
    }

    #[test]
    fn other_programs_run_no_gateway() {
        for line in [
            "/usr/bin/hermes-relayer start",
            "/usr/bin/hermes gateway status",
            "/usr/bin/hermes chat",
            "/bin/sh -c \"echo hermes\"",
            "",
        ] {
            assert_eq!(run(line), None, "{line}");
        }
    }

    #[test]
    fn a_bare_run_follows_the_active_profile() {
        assert!(run("hermes gateway run").is_some_and(|r| r.follows_active && !r.replaces));
        assert!(
            run("hermes -p default gateway run --replace")
                .is_some_and(|r| !r.follows_active && r.replaces)
        );
    }
}
