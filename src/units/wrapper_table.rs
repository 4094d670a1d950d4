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
    /// As whom that command runs.
    pub(super) becomes: Becomes,
}

/// As whom the command of a program runs.
pub(super) enum Becomes {
    /// As the program does.
    Same,
    /// In a file system that is another than this program sees, or as somebody whom the words do not name.
    Elsewhere,
    /// As the account that one of these options names, else as the other one, if there is one.
    Option(&'static [&'static str], Option<&'static str>, Environment),
    /// As the account that is the last operand.
    Operand(Environment),
}

/// What is left of the environment for somebody's command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Environment {
    /// All of it, the home directory of the one before included.
    Kept,
    /// All but the home directory, which is that account's.
    Home,
    /// Nothing; it begins anew, as at a login.
    Reset,
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
        becomes: Becomes::Same,
    }
}

const fn elsewhere(
    name: &'static str,
    short: &'static str,
    long: &'static [&'static str],
    operands: usize,
) -> Wrapper {
    Wrapper {
        becomes: Becomes::Elsewhere,
        ..same(name, short, long, operands)
    }
}

/// A program that runs its command as the account that is its operand.
const fn operand(name: &'static str, environment: Environment) -> Wrapper {
    Wrapper {
        becomes: Becomes::Operand(environment),
        ..same(name, "", &[], 1)
    }
}

/// A program that runs its command as the account that an option names.
const fn option(
    wrapper: Wrapper,
    names: &'static [&'static str],
    other: Option<&'static str>,
    environment: Environment,
) -> Wrapper {
    Wrapper {
        becomes: Becomes::Option(names, other, environment),
        ..wrapper
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
    option(
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
        &["uid"],
        None,
        Environment::Reset,
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
    option(
        same("chpst", "uUbedmoprtfcn/", &[], 0),
        &["u"],
        None,
        Environment::Kept,
    ),
    same("caffeinate", "tw", &[], 0),
    same("direnv exec", "", &[], 1),
    same("devenv shell", "", &[], 0),
    same("devbox run", "ce", &["config", "env", "environment"], 0),
    same("flox activate", "dr", &["dir", "remote"], 0),
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
    same("busybox", "", &[], 0),
    same("entr", "", &[], 0),
    same("strace", "oeEpsSuPbXIOa", &[], 0),
    same("ltrace", "oelpsuxnaAD", &[], 0),
    same("cgexec", "g", &[], 0),
    same("faketime", "", &[], 1),
    same("cpulimit", "lpeP", &["limit", "pid", "exe", "path"], 0),
    same(
        "py-spy record",
        "orfd",
        &["output", "rate", "format", "duration"],
        0,
    ),
    same("watchmedo auto-restart", "dp", &["directory", "pattern"], 0),
    option(
        same(
            "sudo",
            "ugpCrtTUDRh",
            &["user", "group", "prompt", "chdir", "chroot", "host"],
            0,
        ),
        &["u", "user"],
        Some("root"),
        Environment::Reset,
    ),
    option(
        same("doas", "uC", &[], 0),
        &["u"],
        Some("root"),
        Environment::Reset,
    ),
    option(
        same("pkexec", "", &["user"], 0),
        &["user"],
        Some("root"),
        Environment::Reset,
    ),
    option(
        same("runuser", "ugGw", &["user", "group", "supp-group"], 0),
        &["u", "user"],
        Some("root"),
        Environment::Home,
    ),
    option(
        same(
            "setpriv",
            "",
            &[
                "reuid",
                "regid",
                "groups",
                "inh-caps",
                "ambient-caps",
                "bounding-set",
                "securebits",
                "pdeathsig",
                "selinux-label",
                "apparmor-profile",
            ],
            0,
        ),
        &["reuid"],
        None,
        Environment::Kept,
    ),
    operand("gosu", Environment::Home),
    operand("su-exec", Environment::Home),
    operand("s6-setuidgid", Environment::Kept),
    operand("setuidgid", Environment::Kept),
    elsewhere("chroot", "", &["userspec", "groups"], 1),
    elsewhere("unshare", "", &[], 0),
    elsewhere("nsenter", "tSG", &["target"], 0),
    elsewhere("ip netns exec", "", &[], 1),
    elsewhere("firejail", "", &[], 0),
    elsewhere("bwrap", "", &[], 0),
];

/// Programs that run commands in a file system of their own; what they start is not read further than its words.
pub(crate) const CONTAINERS: [&str; 22] = [
    "docker",
    "docker-compose",
    "podman",
    "podman-compose",
    "devcontainer",
    "crictl",
    "ctr",
    "nerdctl",
    "lxc-attach",
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

/// Programs that have a cluster run commands: where their files are is not this host's to say.
pub(super) const CLUSTERS: [&str; 4] = ["kubectl", "oc", "k3s", "microk8s"];
