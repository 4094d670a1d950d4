//! The programs that run the command which stands on their own command line, as data.

/// How a program takes the command that it runs.
pub(super) struct Wrapper {
    /// The program, and the words that must follow for it to run something.
    pub(super) name: &'static str,
    /// Short options that take a word.
    pub(super) short: &'static str,
    /// Long options that take a word.
    pub(super) long: &'static [&'static str],
    /// How many words stand between options and command.
    pub(super) operands: usize,
    /// Whether that command has another file system than this program sees, or another account than the unit names.
    pub(super) is_elsewhere: bool,
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
pub(super) const WRAPPERS: &[Wrapper] = &[
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
