//! Programs that run the command which stands on their own command line: where it begins. Pure.

/// How a program takes the command that it runs.
struct Wrapper {
    /// The program, and the words that must follow for it to run something.
    name: &'static str,
    /// Short options that take a word.
    short: &'static str,
    /// Long options that take a word.
    long: &'static [&'static str],
    /// How many words stand between options and command.
    operands: usize,
    /// Whether that command has another file system than this program sees, or another account than the unit names.
    is_elsewhere: bool,
}

const fn same(
    name: &'static str,
    short: &'static str,
    long: &'static [&'static str],
    operands: usize,
) -> Wrapper {
    Wrapper {
        name,
        short,
        long,
        operands,
        is_elsewhere: false,
    }
}

const fn elsewhere(
    name: &'static str,
    short: &'static str,
    long: &'static [&'static str],
    operands: usize,
) -> Wrapper {
    Wrapper {
        is_elsewhere: true,
        ..same(name, short, long, operands)
    }
}

/// By the synopses of their manual pages.
const WRAPPERS: &[Wrapper] = &[
    same("env", "uCS", &["unset", "chdir"], 0),
    same("exec", "a", &[], 0),
    same("command", "", &[], 0),
    same("builtin", "", &[], 0),
    same("time", "fo", &["format", "output"], 0),
    same("nohup", "", &[], 0),
    same("setsid", "", &[], 0),
    same("nice", "n", &["adjustment"], 0),
    same("ionice", "cn", &["class", "classdata"], 0),
    same(
        "chrt",
        "TPD",
        &["sched-runtime", "sched-period", "sched-deadline"],
        1,
    ),
    same("taskset", "", &[], 1),
    same(
        "numactl",
        "mNCil",
        &[
            "membind",
            "cpunodebind",
            "physcpubind",
            "interleave",
            "localalloc",
        ],
        0,
    ),
    same("stdbuf", "ioe", &["input", "output", "error"], 0),
    same("timeout", "ks", &["kill-after", "signal"], 1),
    same("flock", "Ew", &["conflict-exit-code", "wait", "timeout"], 1),
    same(
        "systemd-run",
        "utpMHE",
        &[
            "unit",
            "property",
            "description",
            "slice",
            "uid",
            "gid",
            "working-directory",
            "setenv",
        ],
        0,
    ),
    same("systemd-cat", "tp", &["identifier", "priority"], 0),
    same("systemd-inhibit", "", &["what", "who", "why", "mode"], 0),
    same("dbus-run-session", "", &["config-file"], 0),
    same("dbus-launch", "", &[], 0),
    same(
        "xvfb-run",
        "enfpsw",
        &["error-file", "server-num", "auth-file", "server-args"],
        0,
    ),
    same("unbuffer", "", &[], 0),
    same("tini", "pe", &[], 0),
    same("dumb-init", "r", &["rewrite"], 0),
    same("catatonit", "", &[], 0),
    same("chpst", "uUbedmoprtfcn/", &[], 0),
    same("caffeinate", "tw", &[], 0),
    same("direnv exec", "", &[], 1),
    same("mise exec", "C", &["cd"], 0),
    same("mise x", "C", &["cd"], 0),
    same("asdf exec", "", &[], 0),
    same("pyenv exec", "", &[], 0),
    same("rlwrap", "", &[], 0),
    same("envdir", "", &[], 1),
    same("ddtrace-run", "", &[], 0),
    same("opentelemetry-instrument", "", &[], 0),
    same(
        "uv run",
        "p",
        &[
            "project",
            "directory",
            "python",
            "with",
            "with-editable",
            "extra",
            "group",
            "env-file",
            "index",
            "package",
        ],
        0,
    ),
    same("uvx", "p", &["from", "with", "python"], 0),
    same("poetry run", "CP", &["directory", "project"], 0),
    same("pipenv run", "", &[], 0),
    same("pdm run", "p", &["project"], 0),
    same("pipx run", "", &["spec", "python"], 0),
    same("conda run", "np", &["name", "prefix", "cwd"], 0),
    same("micromamba run", "np", &["name", "prefix", "cwd"], 0),
    same("doppler run", "pct", &["project", "config", "token"], 0),
    same("op run", "", &["env-file", "account"], 0),
    same(
        "infisical run",
        "",
        &["env", "path", "projectId", "token"],
        0,
    ),
    same("dotenv run", "f", &["file"], 0),
    same("dotenvx run", "f", &["env-file", "env"], 0),
    same("varlock run", "p", &["path"], 0),
    same("agent-vault run", "", &["address", "token", "vault"], 0),
    same("onecli run", "", &[], 0),
    same("bws run", "t", &["access-token", "project-id"], 0),
    same("phase run", "", &["env", "app", "path"], 0),
    same("teller run", "c", &["config"], 0),
    same("secretspec run", "Pp", &["profile", "provider"], 0),
    same("fnox exec", "P", &["profile"], 0),
    same("aws-vault exec", "", &["duration", "region"], 1),
    same("chamber exec", "", &[], 1),
    same("hatch run", "", &[], 0),
    same("rye run", "", &[], 0),
    same("proxychains", "f", &[], 0),
    same("proxychains4", "f", &[], 0),
    same("torsocks", "", &[], 0),
    same("ssh-agent", "at", &[], 0),
    same("screen", "Schpstz", &[], 0),
    same("prlimit", "", &[], 0),
    elsewhere(
        "sudo",
        "ugpCrtTUDRh",
        &["user", "group", "prompt", "chdir", "chroot", "host"],
        0,
    ),
    elsewhere("doas", "uC", &[], 0),
    elsewhere("runuser", "ugGw", &["user", "group", "supp-group"], 0),
    elsewhere(
        "setpriv",
        "",
        &[
            "reuid",
            "regid",
            "groups",
            "inh-caps",
            "ambient-caps",
            "bounding-set",
        ],
        0,
    ),
    elsewhere("gosu", "", &[], 1),
    elsewhere("su-exec", "", &[], 1),
    elsewhere("chroot", "", &["userspec", "groups"], 1),
    elsewhere("unshare", "", &[], 0),
    elsewhere("nsenter", "tSG", &["target"], 0),
    elsewhere("ip netns exec", "", &[], 1),
    elsewhere("firejail", "", &[], 0),
    elsewhere("bwrap", "", &[], 0),
];

/// Programs that run commands in a file system of their own; what they start is not read further than its words.
pub(crate) const CONTAINERS: [&str; 16] = [
    "docker",
    "podman",
    "nerdctl",
    "lxc-execute",
    "lxc-start",
    "lxc",
    "systemd-nspawn",
    "machinectl",
    "incus",
    "pct",
    "distrobox",
    "distrobox-enter",
    "toolbox",
    "flatpak-spawn",
    "apptainer",
    "singularity",
];

/// The command inside a command line.
pub(crate) struct Inner<'a> {
    /// Its words.
    pub(crate) words: &'a [String],
    /// Whether it has another file system or another account than the outer one.
    pub(crate) is_elsewhere: bool,
}

/// The command that this one runs, if its program is one that runs others.
pub(crate) fn inner(argv: &[String]) -> Option<Inner<'_>> {
    let program = base(argv.first()?);
    WRAPPERS.iter().find_map(|wrapper| {
        let mut names = wrapper.name.split(' ');
        if names.next() != Some(program) {
            return None;
        }
        let mut rest = wrapper.skip_options(&argv[1..]);
        for name in names {
            let [first, more @ ..] = rest else {
                return None;
            };
            if first != name {
                return None;
            }
            rest = wrapper.skip_options(more);
        }
        rest = rest.get(wrapper.operands..)?;
        if rest.first().is_some_and(|word| word == "--") {
            rest = &rest[1..];
        }
        Some(Inner {
            words: rest,
            is_elsewhere: wrapper.is_elsewhere,
        })
    })
}

impl Wrapper {
    fn skip_options<'a>(&self, words: &'a [String]) -> &'a [String] {
        let mut at = 0;
        while let Some(word) = words.get(at) {
            let Some(option) = word.strip_prefix('-').filter(|o| !o.is_empty()) else {
                break;
            };
            at += 1;
            if option == "-" {
                break;
            }
            let takes_word = match option.strip_prefix('-') {
                Some(long) => self.long.contains(&long),
                // The word of a cluster's last option is the next one; `-n5` has it attached.
                None => option
                    .find(|c| self.short.contains(c))
                    .is_some_and(|i| i + 1 == option.len()),
            };
            at += usize::from(takes_word);
        }
        words.get(at..).unwrap_or_default()
    }
}

/// The shell's text on the command line of a program that takes one, and the parameters behind it.
pub(crate) fn shell_text(argv: &[String]) -> Option<(String, &[String])> {
    let program = base(argv.first()?);
    let after = |at: usize| argv.get(at + 1..).unwrap_or_default();
    let is_text_option = |word: &String| {
        let cluster = word.strip_prefix('-').filter(|o| !o.starts_with('-'));
        cluster.is_some_and(|o| o.ends_with('c')) || word == "--command"
    };
    match program {
        "sh" | "bash" | "dash" | "zsh" | "ksh" | "ash" | "busybox" | "su" | "runuser"
        | "script" | "flock" => {
            let at = argv.iter().position(is_text_option)?;
            // `$0` stands between a shell's text and its parameters.
            Some((
                argv.get(at + 1)?.clone(),
                argv.get(at + 3..).unwrap_or_default(),
            ))
        }
        "sops" => {
            let at = argv.iter().position(|word| word == "exec-env")?;
            Some((after(at).get(1)?.clone(), &[]))
        }
        "nix-shell" => {
            let at = argv.iter().position(|w| w == "--run" || w == "--command")?;
            Some((after(at).first()?.clone(), &[]))
        }
        "start-stop-daemon" => {
            let program = |w: &String| matches!(w.as_str(), "-x" | "--exec" | "-a" | "--startas");
            let starts = argv.iter().any(|w| w == "-S" || w == "--start");
            let at = argv.iter().position(program).filter(|_| starts)?;
            let end = argv.iter().position(|w| w == "--").unwrap_or(argv.len());
            Some((
                [&[after(at).first()?.clone()], after(end)]
                    .concat()
                    .join(" "),
                &[],
            ))
        }
        "eval" | "watch" => Some((argv[1..].join(" "), &[])),
        "tmux" => {
            let at = argv.iter().position(|w| {
                matches!(w.as_str(), "new-session" | "new" | "new-window" | "neww")
            })?;
            let window = Wrapper {
                name: "tmux",
                short: "cefFnstxy",
                long: &[],
                operands: 0,
                is_elsewhere: false,
            };
            Some((window.skip_options(after(at)).join(" "), &[]))
        }
        _ => None,
    }
}

/// The last part of a path.
pub(crate) fn base(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Option<String> {
        let argv: Vec<String> = line.split(' ').map(str::to_owned).collect();
        inner(&argv).map(|i| i.words.join(" "))
    }

    #[test]
    fn the_command_begins_behind_options_and_operands() {
        for (line, words) in [
            (
                "/usr/bin/nice -n 5 hermes gateway run",
                "hermes gateway run",
            ),
            ("nice -n5 hermes", "hermes"),
            ("flock -n -E 0 /run/x.lock hermes", "hermes"),
            ("env -u A -i B=1 hermes", "B=1 hermes"),
            ("sudo -u bob -H -- hermes", "hermes"),
            ("uv --directory /srv/h run --python 3.11 hermes", "hermes"),
            ("timeout -k 5 1h hermes", "hermes"),
            ("ip netns exec vpn hermes", "hermes"),
            ("screen -dmS bot hermes", "hermes"),
            ("runuser -u bob -- hermes", "hermes"),
        ] {
            assert_eq!(of(line).as_deref(), Some(words), "{line}");
        }
        for line in [
            "pgrep -f hermes",
            "ssh host hermes gateway run",
            "uv pip install hermes",
            "logger hermes",
        ] {
            assert_eq!(of(line), None, "{line}");
        }
    }
}
