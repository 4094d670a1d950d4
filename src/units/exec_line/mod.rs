//! A command line of a unit, read for what it does with gateways: run one, directly or through wrappers, shells and
//! scripts, or ask a manager or hermes to. What only speaks of gateways does nothing. Pure but for the readers it is
//! given.

pub(crate) mod command;
mod container_run;
mod effects;
mod execution;
pub(crate) mod gateway_call;
mod nix_command;
mod script;
mod script_text;
mod shell_run;
mod shell_text;
mod wrapper;
mod wrapper_table;
mod wrappers;

use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

use crate::gateway::command_line::{Command, gateway_verb, is_hermes_line};
use crate::gateway::entry::runs_source;
pub(crate) use crate::units::exec_line::effects::{Context, Effects, GatewayCall};
use crate::units::exec_line::execution::Execution;
use crate::units::exec_line::gateway_call::in_container;
use crate::units::exec_line::nix_command::packaged;
use crate::units::exec_line::script::shell_of;
use crate::units::exec_line::script_text::speaks_of_running;
use crate::units::exec_line::shell_text::{ShellText, shell_text, typed};
use crate::units::exec_line::wrapper_table::{CLUSTERS, CONTAINERS};
use crate::units::exec_line::wrappers::{Becoming, Inner, base, inner};
use crate::units::shell;
use crate::units::shell::directory::after_cd;
use crate::units::shell::items::Shell;
use crate::units::shell::variables::assignment;

/// Words that may be looked at for one unit, scripts included: a thousand times what people write. Scripts can name each
/// other, and themselves, without end.
pub(crate) const BUDGET: usize = 50_000;
/// How much the files of one account are worth, in such words.
pub(crate) const MOST_FOR_ONE: usize = 20 * BUDGET;
/// What reading a script costs, in words.
const SCRIPT: usize = 500;

/// How deep shells may call shells, and functions each other.
const DEPTH: usize = 12;

/// What a command line does.
pub(crate) fn effects(argv: &[String], context: &Context) -> Effects {
    let mut search = Search::new(context);
    if search.spend(context.environment.len() + 1) {
        let argv = search.execution.words(argv);
        search.command(&argv, DEPTH);
    }
    search.found.remove(&0).unwrap_or_default()
}

/// What a file of shell commands does that is run with these parameters, by its lines, from 1.
pub(crate) fn effects_of_lines(
    file: &Path,
    text: &str,
    parameters: &[String],
    context: &Context,
) -> BTreeMap<usize, Effects> {
    let mut search = Search::new(context);
    if search.spend(context.environment.len() + SCRIPT) {
        search.execution.enter_script(file);
        search.execution.parameters = Some(parameters.to_vec());
        search.is_of_file = true;
        let text = Rc::new(shell::read(text, shell_of(file)));
        search.run(&text, 0..text.items.len(), DEPTH);
    }
    search.found
}

struct Search<'a> {
    context: &'a Context<'a>,
    execution: Execution,
    /// What the command reads that runs.
    input: Option<String>,
    /// The line that runs, and whether those that follow are of the same file.
    line: usize,
    is_of_file: bool,
    /// How many blocks of shells' texts are being run, each within the one before.
    blocks: usize,
    /// What was typed into a terminal counts for what is typed later.
    terminals: BTreeMap<String, Execution>,
    found: BTreeMap<usize, Effects>,
}

impl<'a> Search<'a> {
    fn new(context: &'a Context<'a>) -> Self {
        let mut execution = Execution {
            environment: context.environment.clone(),
            user_home: context.user_home.clone(),
            uid: context.uid,
            ..Execution::default()
        };
        execution.move_to(context.directory.clone());
        Self {
            context,
            execution,
            input: None,
            line: 0,
            is_of_file: false,
            blocks: 0,
            terminals: BTreeMap::new(),
            found: BTreeMap::new(),
        }
    }

    fn found(&mut self) -> &mut Effects {
        self.found.entry(self.line).or_default()
    }

    /// What a program has run as somebody else; afterwards all is as before.
    fn within(&mut self, becoming: Option<Becoming>, run: impl FnOnce(&mut Self)) {
        if !self.spend(self.execution.len()) {
            return;
        }
        let was = self.execution.clone();
        if let Some(becoming) = becoming {
            self.execution.turn_into(&becoming, self.context.account);
        }
        run(self);
        self.execution = was;
    }

    /// A command of another program's, which knows no function of a shell's.
    fn command(&mut self, argv: &[String], depth: usize) {
        self.command_of(argv, false, depth);
    }

    /// A command, perhaps one that a shell runs itself.
    fn command_of(&mut self, argv: &[String], is_shell_s: bool, depth: usize) {
        let set = argv.iter().take_while(|word| assignment(word).is_some());
        let (set, argv) = argv.split_at(set.count());
        let assign = |search: &mut Self| {
            for (name, value) in set.iter().filter_map(|word| assignment(word)) {
                search.execution.assign(name, value);
            }
        };
        let is_whole = argv.is_empty() || after_cd(argv, None, Path::new("/")).is_some();
        if set.is_empty() || is_whole {
            assign(self);
            return self.program(argv, is_shell_s, depth);
        }
        self.within(None, |search| {
            assign(search);
            search.program(argv, is_shell_s, depth);
        });
    }

    fn program(&mut self, argv: &[String], is_shell_s: bool, depth: usize) {
        let Some(first) = argv.first() else {
            return;
        };
        if depth == 0 || !self.spend(argv.len()) {
            return;
        }
        if is_shell_s && self.builtin(argv, depth) {
            return;
        }
        let program = base(first);
        let execution = &self.execution;
        let directory = execution.directory.as_deref();
        if let Some(moved) = after_cd(argv, directory, &execution.user_home) {
            return self.execution.move_to(moved);
        }
        if let Some(call) = self.launcher(argv) {
            return self.add(call);
        }
        if let Some(command) = Command::parse(argv) {
            let call = self.call(&command);
            if !self.execution.is_elsewhere {
                self.found().lines.push(argv.to_vec());
            }
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
            self.found().in_clusters.extend(runs.then(|| first.clone()));
            return;
        }
        if let Some(argv) = packaged(argv) {
            return self.command(&argv, depth - 1);
        }
        if let Some(shell) = shell_text(argv) {
            return self.text(shell, depth);
        }
        if let Some((parameters, becoming)) = typed(argv).filter(|_| self.input.is_some()) {
            return self.reading(parameters, becoming, depth);
        }
        match inner(argv) {
            Some(inner) => self.inner(program, inner, depth),
            None => self.script(argv, depth),
        }
    }

    /// A shell's text on a command line.
    fn text(&mut self, shell: ShellText, depth: usize) {
        let ShellText {
            text,
            parameters,
            becoming,
            terminal,
        } = shell;
        self.within(becoming, |search| {
            let remembered = terminal.as_ref();
            if let Some(was) = remembered.and_then(|name| search.terminals.get(name)) {
                search.execution.clone_from(was);
            }
            search.shell(&text, Shell::Posix, Some(parameters), depth - 1);
            if let Some(name) = terminal {
                search.terminals.insert(name, search.execution.clone());
            }
        });
    }

    /// The command that stands behind a program.
    fn inner(&mut self, program: &str, inner: Inner, depth: usize) {
        match inner {
            // What it reads stands for `{}`, or behind the words.
            Inner { words, .. } if matches!(program, "xargs" | "parallel") => {
                let mut words = words.to_vec();
                match words.iter_mut().find(|word| word.contains("{}")) {
                    Some(word) => *word = word.replace("{}", "$ITEM"),
                    None => words.push("$ITEM".to_owned()),
                }
                self.command(&words, depth - 1);
            }
            Inner {
                words: [],
                becoming: becoming @ Some(_),
                ..
            } => self.reading(&[], becoming, depth),
            // The words before the command may set variables for those behind it.
            Inner {
                words,
                becoming: None,
                set,
            } if set.is_empty() => self.command(words, depth - 1),
            Inner {
                words,
                becoming,
                set,
            } => self.within(becoming, |search| {
                for (name, value) in set.into_iter().filter_map(assignment) {
                    search.execution.assign(name, value);
                }
                search.command(words, depth - 1);
            }),
        }
    }

    fn other_words_of_hermes(&mut self, argv: &[String]) {
        self.found().verbs.extend(gateway_verb(argv));
        let speaks = |word: &&String| word.contains('\n') || word.contains(';');
        let mut sources = argv.iter().filter(speaks);
        if !is_hermes_line(argv) && sources.any(|source| speaks_of_running(source)) {
            self.found().unclear.push(argv[0].clone());
        }
    }

    /// Whether there is budget for that.
    fn spend(&self, words: usize) -> bool {
        let left = self.context.budget.get().checked_sub(words);
        self.context.budget.set(left.unwrap_or_default());
        left.is_some()
    }

    fn add(&mut self, call: GatewayCall) {
        let found = self.found();
        if !found.calls.contains(&call) {
            found.calls.push(call);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::host::account::Account;
    use crate::units::unit_file::command;

    fn run(line: &str) -> Option<GatewayCall> {
        all(line).calls.into_iter().next()
    }

    fn text_of(path: &Path) -> Option<String> {
        let text = match path.to_str()? {
            "/x/deep.sh" => {
                return Some(
                    "for a in x; do ".repeat(490) + ". /x/deep.sh" + &"; done".repeat(490),
                );
            }
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
            "/x/ctl" => {
                "#!/bin/bash\nif [ \"$1\" = start ]; then\n  shift\n  exec hermes -p \"${1:-default}\" gateway run\nelif [[ $1 == st* ]]; then\n  pgrep hermes\nelif [ -z \"$ANY\" ]; then\n  exec hermes dashboard\nelse\n  exec hermes -p ops gateway run\nfi\n"
            }
            "/x/shifts" => {
                "#!/bin/sh\ncase \"$1\" in\n start) shift; hermes -p \"$1\" gateway run;;\n *) hermes dashboard;;\nesac\n"
            }
            "/x/ui.py" => "#!/usr/bin/python3\nrun(['hermes', 'gateway', 'run'])\n",
            _ => return None,
        };
        Some(text.into())
    }

    #[test]
    fn blocks_in_each_other_end() {
        assert_eq!(all("/bin/sh /x/deep.sh"), Effects::default());
    }

    fn all(line: &str) -> Effects {
        with(&command(line), effects)
    }

    fn with<T>(argv: &[String], look: impl FnOnce(&[String], &Context) -> T) -> T {
        look(
            argv,
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
                names: &|_| vec!["a".into(), "b".into()],
                active: &|_| Some("busy".into()),
                budget: Cell::new(BUDGET),
            },
        )
    }

    #[test]
    fn the_line_of_a_gateway_is_known_behind_what_starts_it() {
        for line in [
            "/bin/bash -lc 'cd /opt && exec /opt/h/bin/hermes gateway run'",
            "/usr/sbin/runuser -u bob -- env HOME=/home/bob /opt/h/bin/hermes gateway run",
            "/usr/bin/env BIN=/opt/h/bin/hermes sh -c 'exec $BIN gateway run'",
        ] {
            let lines = all(line).lines;
            assert_eq!(lines, [["/opt/h/bin/hermes", "gateway", "run"]], "{line}");
        }
        // What is in a container is no program of this host.
        let inside = all("docker exec agent /opt/h/bin/hermes gateway run");
        assert_eq!((inside.calls.len(), inside.lines.len()), (1, 0));
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
            ("/x/ctl start", "/srv/h"),
            ("/x/shifts start coder", "/srv/h/profiles/coder"),
            ("/x/ctl start coder", "/srv/h/profiles/coder"),
            // What a variable is that some file may set is not known.
            ("/x/ctl run", "/srv/h/profiles/ops"),
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
                "/usr/bin/systemd-run --uid=bob --setenv=HERMES_HOME=/srv/b hermes -p coder gateway run",
                "/srv/b/profiles/coder",
            ),
            (
                "/usr/bin/systemd-run --scope -E HERMES_HOME=/srv/b hermes -p default gateway run",
                "/srv/b",
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
            (
                "/usr/bin/sudo /sbin/start-stop-daemon --start --background --pidfile /run/h.pid \
                 --chuid bob:users --exec /usr/bin/python3 --startas /opt/h/bin/hermes -- -p coder gateway run",
                "/home/bob/.hermes/profiles/coder",
            ),
            (
                "start-stop-daemon -Sbmp /run/h.pid -a /opt/h/bin/hermes -x/usr/bin/python3 -d /srv -c bob -- -p default \
                 gateway run",
                "/srv/h",
            ),
            (
                "start-stop-daemon --exec=/usr/bin/env --start -- HERMES_HOME=/srv/d hermes -p default gateway run",
                "/srv/d",
            ),
            (
                "start-stop-daemon --start --chdir /x --startas ./run.sh",
                "/srv/s/profiles/busy",
            ),
        ] {
            let call = run(line).unwrap_or_else(|| panic!("{line}"));
            let found = call.home.as_deref().unwrap_or(Path::new("UNKNOWN"));
            assert_eq!(found, Path::new(home), "{line}");
        }
    }

    #[test]
    fn an_arm_of_a_case_runs_when_its_patterns_are_the_first_that_fit() {
        let run = |profile: &str| format!("hermes -p {profile} gateway run");
        let [a, b, c, d, e] = ["a", "b", "c", "d", "e"].map(run);
        let case = format!(
            "case $1 in\n (x|y*) {a};;\n *z?) case $2 in q) {b};; esac; {c};;\n [0-9]) {d}; set -- w x;;\n \
             *) {e}\nesac"
        );
        for (word, expected) in [
            ("x", "a"),
            ("y-one", "a"),
            ("1zz", "c"),
            ("5", "d e"),
            ("", "d e"),
            ("$A", "a c d e"),
        ] {
            let argv = ["/bin/sh", "-c", &case, "sh", word, "w"].map(str::to_owned);
            let found = with(&argv, effects).calls.into_iter();
            let homes = found.filter_map(|call| call.home);
            let profiles = homes.map(|home| {
                home.iter()
                    .next_back()
                    .expect("a name")
                    .to_string_lossy()
                    .to_string()
            });
            let profiles: Vec<String> = profiles.collect();
            assert_eq!(profiles.join(" "), expected, "{word}");
        }
    }

    #[test]
    fn what_an_arm_prints_is_read_behind_its_end() {
        for text in [
            "case x in x) echo hermes -p coder gateway run;; y) a;; esac | sh",
            "if [ x = x ]; then echo hermes -p coder gateway run; else a; fi | sh",
        ] {
            let found = with(&["/bin/sh", "-c", text].map(str::to_owned), effects);
            assert_eq!(found.calls.len(), 1, "{text}");
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
            "/bin/sh -c 'for p in $(ls); do hermes -p $p gateway run & done'",
            "/bin/sh -c 'hermes profile list | xargs -n1 -I{} hermes -p {} gateway run'",
            "/usr/bin/docker run -v hermes:/opt/data nousresearch/hermes-agent gateway run",
            "/sbin/start-stop-daemon --start --chuid eve --exec /opt/h/bin/hermes -- gateway run",
            "/sbin/start-stop-daemon --start --chroot /srv --exec /opt/h/bin/hermes -- gateway run",
        ] {
            assert_eq!(
                run(line).unwrap_or_else(|| panic!("{line}")).home,
                None,
                "{line}"
            );
        }
    }

    #[test]
    fn loops_and_functions_are_run_with_what_they_are_given() {
        for (text, homes) in [
            ("for p in a b; do hermes -p $p gateway run & done", "a b"),
            (
                "L='a b'; for p in $L; do hermes -p $p gateway run; done",
                "a b",
            ),
            (
                "L=(a b); L+=(c); for p in \"${L[@]}\"; do hermes -p $p gateway run; done",
                "a b c",
            ),
            (
                "for p in {a,b}{1,2}; do hermes -p $p gateway run; done",
                "a1 a2 b1 b2",
            ),
            (
                "for d in profiles/*/; do hermes -p \"$(basename \"$d\")\" gateway run; done",
                "a b",
            ),
            (
                "start() { exec hermes -p \"$1\" gateway run; }; start coder; start ops",
                "coder ops",
            ),
            ("run() { \"$@\"; }; run nohup hermes -p a gateway run", "a"),
            (
                "all() { for p; do one $p; done; }; one() { hermes -p ${1%/} gateway run; }; all a/ b",
                "a b",
            ),
            (
                "function go { shift; set -- x \"$@\"; hermes -p $2 gateway run; }; go a b c",
                "b",
            ),
            ("h=hermes; a='gateway run'; $h -p x $a", "x"),
            (
                "hermes() { command hermes -p y \"$@\"; }; hermes gateway run",
                "y",
            ),
            (
                "usage() { echo 'start|stop'; }; start() { hermes -p x gateway run; }; usage start",
                "",
            ),
            ("trap 'hermes -p t gateway run' EXIT", "t"),
            ("bash -s -- z <<'E'\nhermes -p $1 gateway run\nE", "z"),
            ("P=q; bash <<E\nhermes -p $P gateway run\nE", "q"),
            ("echo 'hermes -p w gateway run' | at now", "w"),
            ("cat <<E | tee x | sh\nhermes -p w gateway run\nE", "w"),
            ("ssh host bash -s <<E\nhermes gateway run\nE", ""),
            ("cat <<E > x.sh\nhermes gateway run\nE", ""),
            ("crontab - <<E\n@reboot hermes gateway run\nE", ""),
        ] {
            let argv = ["/bin/bash", "-c", text].map(str::to_owned);
            let calls = with(&argv, effects).calls;
            let profiles: Vec<String> = calls.into_iter().filter_map(|call| call.profile).collect();
            assert_eq!(profiles.join(" "), homes, "{text}");
        }
    }

    #[test]
    fn a_variable_before_a_command_is_for_that_command() {
        let line = "/bin/sh -c 'HERMES_HOME=/srv/x hermes -p default gateway run & hermes -p default gateway run'";
        let homes: Vec<_> = all(line).calls.into_iter().filter_map(|c| c.home).collect();
        assert_eq!(homes, [Path::new("/srv/x"), Path::new("/srv/h")]);
    }

    #[test]
    fn a_container_s_home_is_that_of_the_host_which_it_has_inside() {
        let image = "nousresearch/hermes-agent";
        for (options, home) in [
            ("-v /home/b/.hermes:/opt/data:Z", "/home/b/.hermes"),
            ("-v ~/.hermes:/opt/data -v /x:/y", "/home/a/.hermes"),
            ("--volume=./data:/root/.hermes", "/x/data"),
            ("--mount type=bind,source=/srv/d,target=/opt/data", "/srv/d"),
            ("-v /home/b:/b -e HERMES_HOME=/b/.hermes", "/home/b/.hermes"),
        ] {
            let call = run(&format!(
                "/usr/bin/podman run -d {options} {image} gateway run"
            ));
            let call = call.unwrap_or_else(|| panic!("{options}"));
            assert!(call.is_contained);
            assert_eq!(call.home.as_deref(), Some(Path::new(home)), "{options}");
            let profile = run(&format!(
                "/usr/bin/podman run {options} {image} -p p gateway run"
            ));
            let profile = profile.and_then(|call| call.home);
            assert_eq!(
                profile,
                Some(Path::new(home).join("profiles/p")),
                "{options}"
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
            "/x/ctl status",
            "/x/shifts status coder",
            "/x/ctl stop",
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
            names: &|_| Vec::new(),
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
        for variable in ["HERMES_SUPERVISED_CHILD", "HERMES_S6_SUPERVISED_CHILD"] {
            let kept = run(&format!("/usr/bin/env {variable}=1 hermes gateway run"));
            assert!(kept.is_some_and(|r| !r.follows_active), "{variable}");
        }
        assert!(
            run("hermes -p default gateway run --replace")
                .is_some_and(|r| !r.follows_active && r.replaces)
        );
    }
}
