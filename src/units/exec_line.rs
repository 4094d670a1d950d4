//! A command line of a unit, read for what it does with gateways: run one, directly or through wrappers, shells and
//! scripts, or ask a manager or hermes to. What only speaks of gateways does nothing. Pure but for the readers it is
//! given.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::gateway::command_line::{Aim, Command, SUPERVISED, gateway_verb, is_hermes_line};
use crate::gateway::entry::runs_source;
use crate::profile::{ProfileName, root_for};
use crate::units::script_text::{is_shell, is_shell_script, script_of, speaks_of_running};
use crate::units::shell;
use crate::units::variables::{assignment, variables};
use crate::units::wrapper_table::CONTAINERS;
use crate::units::wrappers::{base, inner, shell_text};

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
    /// Whether it goes through the launcher.
    pub(crate) is_launcher: bool,
}

/// What a command line does with gateways.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Effects {
    /// Gateways that it runs.
    pub(crate) calls: Vec<GatewayCall>,
    /// Words that may run one and cannot be followed.
    pub(crate) unclear: Vec<String>,
    /// What it asks `hermes gateway` to do with gateways that others run: `start`, `stop`, …
    pub(crate) verbs: Vec<String>,
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
/// What reading a script costs, in words.
const SCRIPT: usize = 500;

/// Programs that only speak of what stands on their command line, or have another host run it.
const SPEAKERS: [&str; 9] = [
    "echo", "printf", "logger", "grep", "pgrep", "pkill", "ssh", "mosh", "kubectl",
];

/// How deep shells may call shells.
const DEPTH: usize = 6;
/// How many words of a command, and effects of a line, are looked at; people write fewer.
const MOST: usize = 500;

/// What a command line does.
pub(crate) fn effects(argv: &[String], context: &Context) -> Effects {
    let mut search = Search {
        context,
        environment: BTreeMap::new(),
        is_elsewhere: false,
        found: Effects::default(),
    };
    if !search.spend(context.environment.len() + 1) {
        return search.found;
    }
    search.environment.clone_from(&context.environment);
    let argv = search.expanded(argv);
    search.command(&argv, DEPTH);
    search.found
}

struct Search<'a> {
    context: &'a Context<'a>,
    environment: BTreeMap<String, String>,
    is_elsewhere: bool,
    found: Effects,
}

impl Search<'_> {
    fn expanded(&self, argv: &[String]) -> Vec<String> {
        let words = argv.iter().take(MOST);
        words.map(|w| variables(w, &self.environment)).collect()
    }

    fn command(&mut self, argv: &[String], depth: usize) {
        let mut argv = argv;
        while let Some((name, value)) = argv.first().and_then(|word| assignment(word)) {
            self.environment.insert(name.to_owned(), value.to_owned());
            argv = &argv[1..];
        }
        let Some(first) = argv.first() else {
            return;
        };
        if depth == 0 || !self.spend(argv.len()) {
            return;
        }
        let program = base(first);
        if program == "export" {
            return self.command(&argv[1..], depth - 1);
        }
        if let Some(call) = self.launcher(argv) {
            return self.add(call);
        }
        if let Some(command) = Command::parse(argv) {
            let call = self.call(&command);
            return self.add(call);
        }
        if is_hermes_line(argv) || runs_source(argv) {
            self.found.verbs.extend(gateway_verb(argv));
            return;
        }
        if CONTAINERS.contains(&program) {
            return self.container(argv);
        }
        if let Some((text, parameters)) = shell_text(argv) {
            let was = self.is_elsewhere;
            self.is_elsewhere |= matches!(program, "su" | "runuser" | "start-stop-daemon");
            self.shell(&text, parameters, depth - 1);
            self.is_elsewhere = was;
            return;
        }
        if let Some(inner) = inner(argv) {
            let was = self.is_elsewhere;
            self.is_elsewhere |= inner.is_elsewhere;
            self.command(inner.words, depth - 1);
            self.is_elsewhere = was;
            return;
        }
        self.script(argv, depth);
    }

    /// A script is the program itself, or what a shell is given.
    fn script(&mut self, argv: &[String], depth: usize) {
        let Some((path, parameters)) = script_of(argv) else {
            return;
        };
        if !self.spend(SCRIPT) {
            return;
        }
        if let Some(text) = (self.context.script)(Path::new(path)) {
            if is_shell(base(&argv[0])) || is_shell_script(&text) {
                self.shell(&text, parameters, depth - 1);
            } else if speaks_of_running(&text) {
                self.found.unclear.push(path.clone());
            }
            return;
        }
        // A variable that nobody set may be hermes, and a program may run what stands behind its `--`.
        let mut behind = argv.splitn(2, |word| word == "--").skip(1);
        let is_variable = path.contains('$')
            && Command::parse(&[&["hermes".to_owned()], &argv[1..]].concat()).is_some();
        let may_run = !SPEAKERS.contains(&base(&argv[0]))
            && behind.any(|inner| Command::parse(inner).is_some());
        if is_variable || may_run {
            self.found.unclear.push(argv[0].clone());
        }
    }

    /// Whether there is budget for that.
    fn spend(&self, words: usize) -> bool {
        let left = self.context.budget.get().checked_sub(words);
        self.context.budget.set(left.unwrap_or_default());
        left.is_some()
    }

    fn add(&mut self, call: GatewayCall) {
        if !self.found.calls.contains(&call) {
            self.found.calls.push(call);
        }
    }

    /// A gateway in a container: its words are those of hermes, its home is another there.
    fn container(&mut self, argv: &[String]) {
        // An image of hermes runs what follows its name.
        let hermes = |at: usize| match is_image(&argv[at]) {
            true => [&["hermes".to_owned()], &argv[at + 1..]].concat(),
            false => argv[at..].to_vec(),
        };
        let command = (1..argv.len()).find_map(|at| Command::parse(&hermes(at)));
        if let Some(command) = command {
            self.is_elsewhere = true;
            let call = self.call(&command);
            self.add(call);
        }
    }

    /// The commands of a shell's text, one after the other.
    fn shell(&mut self, text: &str, parameters: &[String], depth: usize) {
        for command in shell::commands(text, parameters) {
            if self.context.budget.get() == 0 {
                return;
            }
            let is_passed_over = command
                .branches
                .iter()
                .any(|branch| !branch.can_be_taken(&variables(&branch.subject, &self.environment)));
            if !is_passed_over {
                let argv = self.expanded(&command.words);
                self.command(&argv, depth);
            }
        }
    }

    /// A unit of hermes-install in any scope, or one that goes through the launcher.
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
        let told = option(["--home", "--home"]).map(Path::new);
        let told = told.or_else(|| self.environment.get("HERMES_HOME").map(Path::new));
        let root = root_for(told, &self.context.user_home);
        let home = match profile.parse::<ProfileName>() {
            Ok(name) => name.home(&root),
            Err(_) => root.join("profiles").join(&profile),
        };
        Some(GatewayCall {
            home: (!self.is_elsewhere).then_some(home),
            profile: Some(profile),
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
        // hermes 0.21 and later follow the active profile in a terminal only.
        let is_supervised = self.environment.contains_key(SUPERVISED);
        let active = |root: &Path| match is_supervised {
            true => None,
            false => (self.context.active)(root),
        };
        let home = command.home(told, user_home, active);
        // In a container or under another account only a named home could be meant, and that may be another there.
        let is_known =
            !self.is_elsewhere && home.is_absolute() && !home.to_string_lossy().contains('$');
        GatewayCall {
            home: is_known.then_some(home),
            profile: command.profile.clone(),
            replaces: command.aim != Aim::Run,
            follows_active: is_known && !is_supervised && command.follows_active(told),
            is_launcher: false,
        }
    }
}

/// Whether a word names an image of hermes: `REGISTRY/OWNER/hermes-agent:TAG`.
fn is_image(word: &str) -> bool {
    let name = word.rsplit('/').next().unwrap_or(word);
    name.split([':', '@']).next() == Some("hermes-agent")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::unit_file::command;

    fn run(line: &str) -> Option<GatewayCall> {
        all(line).calls.into_iter().next()
    }

    fn all(line: &str) -> Effects {
        effects(
            &command(line),
            &Context {
                environment: BTreeMap::from([
                    ("HERMES_HOME".into(), "/srv/h".into()),
                    ("NAME".into(), "coder".into()),
                ]),
                user_home: "/home/a".into(),
                script: &|path| {
                    let text = match path.to_str()? {
                        "/x/run.sh" => {
                            "#!/bin/sh\nset -e\nexport HERMES_HOME=/srv/s\nexec \\\n  hermes gateway run\n"
                        }
                        "/x/plain.sh" => "set -e\nexec hermes -p default gateway run\n",
                        "/x/coder" => "#!/bin/sh\nexec hermes -p coder \"$@\"\n",
                        "/x/watch" => {
                            "#!/bin/bash\nif ! pgrep -f 'hermes gateway run'; then\n  logger hermes gateway run\nfi\n"
                        }
                        "/x/entry" => {
                            "#!/bin/sh\nMODE=\"${1:-gateway}\"\ncase $MODE in\n gateway) exec hermes -p default gateway run;;\n *) exec hermes dashboard;;\nesac\n"
                        }
                        "/x/ui.py" => "#!/usr/bin/python3\nrun(['hermes', 'gateway', 'run'])\n",
                        _ => return None,
                    };
                    Some(text.into())
                },
                active: &|_| Some("busy".into()),
                budget: Cell::new(BUDGET),
            },
        )
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
            ("/bin/bash /x/plain.sh", "/srv/h"),
            ("/x/coder gateway run --replace", "/srv/h/profiles/coder"),
            ("/x/entry gateway", "/srv/h"),
            ("/x/entry", "/srv/h"),
            (
                "/usr/bin/varlock run -- hermes -p ${NAME:-other} gateway run",
                "/srv/h/profiles/coder",
            ),
            (
                "/usr/bin/sops exec-env /x.env 'hermes -p ${NONE:-other} gateway run'",
                "/srv/h/profiles/other",
            ),
            (
                "/usr/bin/script -q -c 'hermes -p default gateway run' /dev/null",
                "/srv/h",
            ),
            (
                "/usr/bin/uv --directory /srv/x run hermes -p default gateway run",
                "/srv/h",
            ),
            (
                "/bin/sh -c 'pgrep -f hermes || exec hermes -p default gateway run'",
                "/srv/h",
            ),
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
            "/usr/bin/sudo -u bob hermes gateway run",
            "/usr/bin/incus exec box -- hermes gateway run",
            "/bin/sh -c 'for p in a b; do hermes -p $p gateway run & done'",
            "/sbin/start-stop-daemon --start --chuid bob --exec /opt/h/bin/hermes -- gateway run",
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
            "/bin/sh -c \"echo hermes gateway run\"",
            "/bin/sh -c \"true # hermes gateway run\"",
            "/usr/bin/hermes logs gateway -f",
            "/usr/bin/hermes logs gateway",
            "/usr/bin/hermes -z 'say whether the hermes gateway run was fine'",
            "/usr/bin/hermes skills install gateway",
            "/usr/bin/logger 'starting hermes gateway'",
            "/usr/bin/pgrep -f 'hermes gateway run'",
            "/usr/bin/ssh host hermes gateway run",
            "/usr/bin/journalctl -f -u hermes gateway",
            "/x/watch",
            "/x/entry dashboard",
            "",
        ] {
            assert_eq!(run(line), None, "{line}");
        }
    }

    #[test]
    fn what_may_run_a_gateway_is_no_gateway_yet() {
        for line in [
            "/bin/sh -c \"$HERMES_BIN gateway run --hermes\"",
            "/x/ui.py",
            "/usr/bin/node --enable-source-maps /x/ui.py --port 1",
            "/usr/bin/unheard-of-vault run -- /opt/h/bin/hermes gateway run",
        ] {
            let all = all(line);
            assert!(all.calls.is_empty(), "{line}");
            assert_eq!(all.unclear.len(), 1, "{line}");
        }
        for line in [
            "/usr/bin/ssh host -- hermes gateway run",
            "/usr/bin/unheard-of run -- hermes dashboard",
            "/usr/bin/node /x/nothing.js hermes gateway run",
        ] {
            assert_eq!(all(line), Effects::default(), "{line}");
        }
        let verbs =
            all("/bin/sh -c 'hermes gateway stop --all; hermes -p coder gateway start'").verbs;
        assert_eq!(verbs, ["stop", "start"]);
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
            assert_eq!(
                effects(&["/x/run.sh".to_owned()], &context),
                Effects::default()
            );
        }
        assert!(read.get() <= BUDGET / SCRIPT, "{}", read.get());
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
