//! A command line of a unit, read for what it does with gateways: run one, directly or through wrappers, shells and
//! scripts, or ask a manager or hermes to. What only speaks of gateways does nothing. Pure but for the readers it is
//! given.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::gateway::command_line::{Command, gateway_verb, is_hermes_line};
use crate::gateway::entry::runs_source;
use crate::host::account::Account;
use crate::units::directory::{after_cd, located};
use crate::units::gateway_call::in_container;
use crate::units::nix_command::packaged;
use crate::units::script_text::{is_shell, is_shell_script, script_of, speaks_of_running};
use crate::units::setting::Setting;
use crate::units::shell;
use crate::units::variables::{assignment, variables};
use crate::units::wrapper_table::{CLUSTERS, CONTAINERS};
use crate::units::wrappers::{Becoming, Inner, base, inner, shell_text};

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
    /// The account that the line becomes before, if it becomes one.
    pub(crate) account: Option<String>,
}

/// What a command line does with gateways.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Effects {
    /// Gateways that it runs.
    pub(crate) calls: Vec<GatewayCall>,
    /// Words that may run one and cannot be followed.
    pub(crate) unclear: Vec<String>,
    /// Programs that have a cluster run one.
    pub(crate) in_clusters: Vec<String>,
    /// What it asks `hermes gateway` to do with gateways that others run: `start`, `stop`, …
    pub(crate) verbs: Vec<String>,
}

/// What the command line runs in.
pub(crate) struct Context<'a> {
    /// Its environment, as far as the unit says.
    pub(crate) environment: BTreeMap<String, String>,
    /// The home directory of the account that it runs as.
    pub(crate) user_home: PathBuf,
    /// The ID of that account: root may become any other.
    pub(crate) uid: Option<u32>,
    /// The directory that it works in, where that is known.
    pub(crate) directory: Option<PathBuf>,
    /// The account of a name or number.
    pub(crate) account: &'a dyn Fn(&str) -> Option<Account>,
    /// The text of a file that a shell is given; `None` when there is none at that path.
    pub(crate) text: &'a dyn Fn(&Path) -> Option<String>,
    /// The text of a script that is a program; `None` when there is none at that path.
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
const SPEAKERS: [&str; 8] = [
    "echo", "printf", "logger", "grep", "pgrep", "pkill", "ssh", "mosh",
];

/// How deep shells may call shells.
const DEPTH: usize = 6;
/// How many words of a command, and effects of a line, are looked at; people write fewer.
const MOST: usize = 500;

/// What a command line does.
pub(crate) fn effects(argv: &[String], context: &Context) -> Effects {
    let mut search = Search {
        context,
        setting: Setting::default(),
        found: Effects::default(),
    };
    if !search.spend(context.environment.len() + 1) {
        return search.found;
    }
    search.setting = Setting {
        environment: context.environment.clone(),
        user_home: context.user_home.clone(),
        uid: context.uid,
        ..Setting::default()
    };
    search.setting.move_to(context.directory.clone());
    let argv = search.expanded(argv);
    search.command(&argv, DEPTH);
    search.found
}

pub(super) struct Search<'a> {
    pub(super) context: &'a Context<'a>,
    pub(super) setting: Setting,
    found: Effects,
}

impl Search<'_> {
    fn expanded(&self, argv: &[String]) -> Vec<String> {
        let words = argv.iter().take(MOST);
        words
            .map(|w| variables(w, &self.setting.environment))
            .collect()
    }

    /// What a program has run as somebody else; afterwards all is as before.
    fn within(&mut self, becoming: Option<Becoming>, run: impl FnOnce(&mut Self)) {
        if !self.spend(self.setting.environment.len()) {
            return;
        }
        let was = self.setting.clone();
        if let Some(becoming) = becoming {
            self.setting.turn_into(&becoming, self.context.account);
        }
        run(self);
        self.setting = was;
    }

    fn command(&mut self, argv: &[String], depth: usize) {
        let mut argv = argv;
        while let Some((name, value)) = argv.first().and_then(|word| assignment(word)) {
            let (name, value) = (name.to_owned(), value.to_owned());
            self.setting.environment.insert(name, value);
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
        let setting = &self.setting;
        let directory = setting.directory.as_deref();
        if let Some(moved) = after_cd(argv, directory, &setting.user_home) {
            return self.setting.move_to(moved);
        }
        if let Some(call) = self.launcher(argv) {
            return self.add(call);
        }
        if let Some(command) = Command::parse(argv) {
            let call = self.call(&command);
            return self.add(call);
        }
        if is_hermes_line(argv) || runs_source(argv) {
            return self.other_words_of_hermes(argv);
        }
        if CONTAINERS.contains(&program) {
            return self.container(argv, depth);
        }
        if CLUSTERS.contains(&program) {
            let runs = (1..argv.len()).any(|at| in_container(argv, at).is_some());
            self.found.in_clusters.extend(runs.then(|| first.clone()));
            return;
        }
        if let Some(argv) = packaged(argv) {
            return self.command(&argv, depth - 1);
        }
        if let Some(shell) = shell_text(argv) {
            return self.within(shell.becoming, |search| {
                search.shell(&shell.text, shell.parameters, depth - 1);
            });
        }
        match inner(argv) {
            // The words before the command may set variables for those behind it.
            Some(Inner {
                words,
                becoming: None,
            }) => self.command(words, depth - 1),
            Some(inner) => self.within(inner.becoming, |search| {
                search.command(inner.words, depth - 1);
            }),
            None => self.script(argv, depth),
        }
    }

    fn other_words_of_hermes(&mut self, argv: &[String]) {
        self.found.verbs.extend(gateway_verb(argv));
        let speaks = |word: &&String| word.contains('\n') || word.contains(';');
        let mut sources = argv.iter().filter(speaks);
        if !is_hermes_line(argv) && sources.any(|source| speaks_of_running(source)) {
            self.found.unclear.push(argv[0].clone());
        }
    }

    /// A script is the program itself, or what a shell is given.
    fn script(&mut self, argv: &[String], depth: usize) {
        let Some((path, parameters)) = script_of(argv) else {
            return;
        };
        if !self.spend(SCRIPT) {
            return;
        }
        let setting = &self.setting;
        // What has no `/` is looked for among programs.
        let is_path = path.contains('/') || path != &argv[0];
        let directory = setting.directory.as_deref();
        let file = located(path, directory, &setting.user_home).filter(|_| is_path);
        let is_given = matches!(base(&argv[0]), "." | "source") || is_shell(base(&argv[0]));
        let read = match is_given {
            true => self.context.text,
            false => self.context.script,
        };
        if let Some(text) = file.as_deref().and_then(read) {
            if is_given || is_shell_script(&text) {
                let file = file.unwrap_or_default();
                let run = |search: &mut Self| {
                    let was = search.setting.enter_script(&file);
                    search.shell(&text, parameters, depth - 1);
                    search.setting.leave_script(was);
                };
                match matches!(base(&argv[0]), "." | "source") {
                    true => run(self),
                    false => self.within(None, run),
                }
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
    fn container(&mut self, argv: &[String], depth: usize) {
        let was = std::mem::replace(&mut self.setting.is_elsewhere, true);
        if let Some(command) = (1..argv.len()).find_map(|at| in_container(argv, at)) {
            let call = self.call(&command);
            self.add(call);
        } else if let Some(shell) = (1..argv.len()).find_map(|at| shell_text(&argv[at..])) {
            self.shell(&shell.text, shell.parameters, depth - 1);
        }
        self.setting.is_elsewhere = was;
    }

    /// The commands of a shell's text, one after the other.
    fn shell(&mut self, text: &str, parameters: &[String], depth: usize) {
        for command in shell::commands(text, parameters) {
            if self.context.budget.get() == 0 {
                return;
            }
            let is_passed_over = command.branches.iter().any(|branch| {
                !branch.can_be_taken(&variables(&branch.subject, &self.setting.environment))
            });
            if !is_passed_over {
                let argv = self.expanded(&command.words);
                self.command(&argv, depth);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::unit_file::command;

    fn run(line: &str) -> Option<GatewayCall> {
        all(line).calls.into_iter().next()
    }

    fn text_of(path: &Path) -> Option<String> {
        let text = match path.to_str()? {
            "/x/run.sh" => {
                "#!/bin/sh\nset -e\nexport HERMES_HOME=/srv/s\nexec \\\n  hermes gateway run\n"
            }
            "/x/plain.sh" => "set -e\nexec hermes -p default gateway run\n",
            "/x/coder" => "#!/bin/sh\nexec hermes -p coder \"$@\"\n",
            "/x/beside.sh" => {
                "#!/bin/sh\ncd \"$(dirname \"$0\")\" || exit\nDIR=$(pwd)\n. ./env.sh\nHERMES_HOME=$DIR/data hermes -p $NAME gateway run\n"
            }
            "/x/env.sh" => "export NAME=beside\n",
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
                uid: Some(0),
                directory: Some("/x".into()),
                account: &|name| {
                    let home = Path::new("/home").join(name);
                    match name {
                        "root" => Some(Account::root()),
                        name => (name == "bob").then(|| Account::future(name, &home)),
                    }
                },
                text: &text_of,
                script: &text_of,
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
            ("/bin/bash run.sh", "/srv/s/profiles/busy"),
            ("/bin/sh -c ./run.sh", "/srv/s/profiles/busy"),
            (
                "/bin/sh -c 'cd /tmp && ../x/run.sh'",
                "/srv/s/profiles/busy",
            ),
            (
                "/bin/sh -c 'cd /tmp; bash ./x.sh; cd ..; sh x/plain.sh'",
                "/srv/h",
            ),
            ("/bin/sh /x/beside.sh", "/x/data/profiles/beside"),
            (
                "/usr/bin/nix run github:NousResearch/hermes-agent -- -p default gateway run",
                "/srv/h",
            ),
            (
                "/usr/bin/nix develop /x -c hermes -p default gateway run",
                "/srv/h",
            ),
            (
                "/usr/bin/python3 -c 'from hermes_cli.main import main; main()' -p coder gateway run",
                "/srv/h/profiles/coder",
            ),
            (
                "/bin/su - bob -c 'hermes -p default gateway run'",
                "/home/bob/.hermes",
            ),
            ("/bin/su bob -c 'hermes -p default gateway run'", "/srv/h"),
            (
                "/usr/bin/sudo -u bob -i hermes -p coder gateway run",
                "/home/bob/.hermes/profiles/coder",
            ),
            (
                "/usr/bin/sudo -u bob HERMES_HOME=/srv/b hermes -p coder gateway run",
                "/srv/b/profiles/coder",
            ),
            (
                "/usr/bin/sudo -u bob sudo hermes -p coder gateway run",
                "UNKNOWN",
            ),
            (
                "/bin/sh -c 'su - bob -c true; hermes -p default gateway run'",
                "/srv/h",
            ),
            (
                "/usr/sbin/runuser -l bob -c 'hermes -p default gateway run'",
                "/home/bob/.hermes",
            ),
            (
                "/usr/bin/env -u HERMES_HOME HOME=/root /usr/bin/setpriv --reuid=bob hermes -p default gateway run",
                "/srv/h",
            ),
        ] {
            let call = run(line).unwrap_or_else(|| panic!("{line}"));
            let found = call.home.as_deref().unwrap_or(Path::new("UNKNOWN"));
            assert_eq!(found, Path::new(home), "{line}");
        }
    }

    #[test]
    fn what_cannot_be_followed_is_a_gateway_of_an_unknown_home() {
        for line in [
            "/usr/bin/docker run --rm hermes-image hermes gateway run",
            "/usr/bin/sudo -u eve hermes gateway run",
            "/usr/bin/devcontainer exec --workspace-folder /x hermes gateway run",
            "/usr/bin/docker exec bot sh -lc 'cd /x && hermes gateway run'",
            "/usr/bin/docker exec bot su - hermes -c 'hermes gateway run'",
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
        for line in [
            "/usr/bin/kubectl exec pod -- hermes gateway run",
            "/usr/bin/oc -n bots exec deploy/bot -c main -- hermes gateway run",
        ] {
            assert_eq!(all(line).in_clusters.len(), 1, "{line}");
            assert!(all(line).unclear.is_empty() && all(line).calls.is_empty());
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
            uid: None,
            directory: None,
            account: &|_| None,
            text: &|_| None,
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
