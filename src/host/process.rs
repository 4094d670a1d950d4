//! Processes as /proc shows them. Reads only; a process that goes away while it is read is simply not there.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// One process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Process {
    /// Process ID.
    pub(crate) pid: i32,
    /// The process that started it.
    pub(crate) parent: i32,
    /// Real owner.
    pub(crate) uid: u32,
    /// Its arguments; empty for a kernel thread or a zombie.
    pub(crate) argv: Vec<String>,
    /// Clock ticks from boot to its start: field 22 of /proc/PID/stat (proc_pid_stat(5)).
    pub(crate) start: u64,
    /// The same number as hermes reads it: the 22nd word, which is another field when the name holds a space.
    pub(crate) naive_start: Option<u64>,
    /// Device number of its terminal, 0 without one.
    tty: i32,
}

impl Process {
    /// The process with this ID; `None` when there is none or it is a zombie.
    pub(crate) fn read(pid: i32) -> Option<Self> {
        let dir = dir(pid);
        let stat = fs::read_to_string(dir.join("stat")).ok()?;
        // The name is in parentheses and may hold anything, parentheses too.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        if matches!(*fields.first()?, "Z" | "X") {
            return None;
        }
        Some(Self {
            pid,
            parent: fields.get(1)?.parse().ok()?,
            uid: fs::metadata(&dir).ok()?.uid(),
            argv: argv(pid)?,
            start: fields.get(19)?.parse().ok()?,
            naive_start: stat.split_whitespace().nth(21).and_then(|w| w.parse().ok()),
            tty: fields.get(4)?.parse().ok()?,
        })
    }

    /// How long it has been running.
    pub(crate) fn age(&self) -> Duration {
        let uptime = fs::read_to_string("/proc/uptime")
            .ok()
            .and_then(|t| t.split_whitespace().next()?.parse::<f64>().ok())
            .unwrap_or_default();
        // USER_HZ, the unit of this file, is 100 on every Linux ABI we build for (proc_pid_stat(5), time(7)).
        Duration::from_secs_f64((uptime - self.start as f64 / 100.0).max(0.0))
    }

    /// The systemd unit it belongs to, innermost first, as its control group tells. Units of a container's own systemd
    /// are none of ours.
    pub(crate) fn unit(&self) -> Option<UnitRef> {
        let path = self.cgroup()?;
        container_of(&path)
            .is_none()
            .then(|| UnitRef::from_cgroup(&path))?
    }

    /// The container it runs in, as its control group tells: `docker-ID`, `libpod-ID`, a machine's name.
    pub(crate) fn container(&self) -> Option<String> {
        container_of(&self.cgroup()?)
    }

    /// Its control group.
    fn cgroup(&self) -> Option<String> {
        let text = fs::read_to_string(dir(self.pid).join("cgroup")).ok()?;
        // Version 2 has one line, `0::/path`; on a hybrid host the `name=systemd` line has the path.
        let path = text
            .lines()
            .find_map(|l| l.strip_prefix("0::").filter(|p| *p != "/"))
            .or_else(|| {
                text.lines()
                    .find_map(|l| l.split_once(":name=systemd:"))
                    .map(|(_, p)| p)
            })?;
        Some(path.to_owned())
    }

    /// Its controlling terminal, such as `pts/3`.
    pub(crate) fn terminal(&self) -> Option<String> {
        let (major, minor) = (
            (self.tty >> 8) & 0xfff,
            (self.tty & 0xff) | ((self.tty >> 12) & 0xfff00),
        );
        match major {
            136..=143 => Some(format!("pts/{}", (major - 136) * 256 + minor)),
            4 if minor < 64 => Some(format!("tty{minor}")),
            4 => Some(format!("ttyS{}", minor - 64)),
            _ => None,
        }
    }

    /// A variable of the environment it was started with. `Err` when we may not look.
    pub(crate) fn environ(&self) -> std::io::Result<Environ> {
        fs::read(dir(self.pid).join("environ")).map(Environ)
    }

    /// A path as this process sees it, through its own mount namespace; needs the right to trace it.
    pub(crate) fn path_in_namespace(&self, path: &Path) -> PathBuf {
        dir(self.pid)
            .join("root")
            .join(path.strip_prefix("/").unwrap_or(path))
    }
}

/// An environment block.
pub(crate) struct Environ(Vec<u8>);

impl Environ {
    /// The value of a variable.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .split(|b| *b == 0)
            .filter_map(|entry| std::str::from_utf8(entry).ok())
            .find_map(|entry| entry.strip_prefix(name)?.strip_prefix('='))
    }

    /// The names of all variables.
    pub(crate) fn names(&self) -> impl Iterator<Item = String> + '_ {
        let entries = self.0.split(|b| *b == 0);
        entries.filter_map(|entry| {
            let (name, _) = std::str::from_utf8(entry).ok()?.split_once('=')?;
            Some(name.to_owned())
        })
    }
}

/// The names that Docker, Podman, LXC, systemd-nspawn and Kubernetes give to the control groups of their containers.
fn container_of(cgroup: &str) -> Option<String> {
    let mut parts = cgroup.split('/');
    parts.find_map(|part| {
        let stem = part.strip_suffix(".scope").unwrap_or(part);
        let named = ["docker-", "libpod-", "cri-containerd-", "crio-", "machine-"]
            .iter()
            .any(|prefix| stem.starts_with(prefix) && stem != part);
        let is_container = named
            || ["lxc.payload.", "lxc.payload", "kubepods"]
                .iter()
                .any(|prefix| stem.starts_with(prefix));
        is_container.then(|| stem.replace("\\x2d", "-"))
    })
}

/// Services of other people's jobs, as distributions name them; those of ssh have an instance for each connection.
const STARTERS: [&str; 8] = [
    "anacron", "atd", "cron", "crond", "cronie", "fcron", "ssh", "sshd",
];

/// A unit that a process runs in.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct UnitRef {
    /// Unit name.
    pub(crate) name: String,
    /// The user whose manager runs it; `None` for the system manager.
    pub(crate) user: Option<u32>,
}

impl UnitRef {
    fn from_cgroup(path: &str) -> Option<Self> {
        let name = path
            .split('/')
            .rfind(|part| part.ends_with(".service") || part.ends_with(".scope"))?;
        let user = path.split('/').find_map(|part| {
            part.strip_prefix("user@")?
                .strip_suffix(".service")?
                .parse()
                .ok()
        });
        // user@UID.service itself is the system manager's.
        let own = name.starts_with("user@");
        Some(Self {
            name: name.replace("\\x2d", "-"),
            user: if own { None } else { user },
        })
    }

    /// Whether it is a service, which somebody's systemd would have to stop for its processes to end: not a login
    /// session's scope, and not one of those that start other people's jobs and leave them running
    /// (`KillMode=process`, systemd.kill(5)).
    pub(crate) fn is_service(&self) -> bool {
        let name = self.name.strip_suffix(".service");
        name.is_some_and(|name| !STARTERS.contains(&name.split('@').next().unwrap_or(name)))
    }
}

fn dir(pid: i32) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}"))
}

/// Whether a process has a handler for a signal: `SigCgt` of /proc/PID/status (proc_pid_status(5)).
pub(crate) fn catches(pid: i32, signal: nix::sys::signal::Signal) -> std::io::Result<bool> {
    let text = fs::read_to_string(dir(pid).join("status"))?;
    let mask = text.lines().find_map(|l| l.strip_prefix("SigCgt:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    Ok(mask.is_some_and(|mask| mask & (1 << (signal as i32 - 1)) != 0))
}

/// The arguments of a process; `None` when it is gone.
pub(crate) fn argv(pid: i32) -> Option<Vec<String>> {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    Some(
        text.trim_end_matches('\0')
            .split('\0')
            .filter(|_| !text.is_empty())
            .map(str::to_owned)
            .collect(),
    )
}

/// A command line as a person types it into a shell.
pub(crate) fn shell_quote<S: AsRef<str>>(argv: &[S]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:@%,".contains(c);
    let word = |word: &str| match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    };
    let words: Vec<String> = argv.iter().map(|w| word(w.as_ref())).collect();
    words.join(" ")
}

/// The IDs of all processes that we can see.
pub(crate) fn pids() -> impl Iterator<Item = i32> {
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// A duration for people: its two largest units.
pub(crate) fn humanize(age: Duration) -> String {
    let s = age.as_secs();
    match s {
        0..60 => format!("{s} s"),
        60..3600 => format!("{} min {} s", s / 60, s % 60),
        3600..86400 => format!("{} h {} min", s / 3600, s / 60 % 60),
        _ => format!("{} d {} h", s / 86400, s / 3600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_is_given_back_as_a_shell_takes_it() {
        assert_eq!(
            shell_quote(&["/opt/a-b/bin/hermes", "it's", "", "a b"]),
            r"/opt/a-b/bin/hermes 'it'\''s' '' 'a b'"
        );
    }

    #[test]
    fn our_own_process_is_read() {
        let me = Process::read(std::process::id() as i32).expect("we run");
        assert!(!me.argv.is_empty());
        assert!(me.age() < Duration::from_secs(3600));
    }

    #[test]
    fn a_job_is_not_the_service_that_started_it() {
        let is_service = |path| UnitRef::from_cgroup(path).is_some_and(|unit| unit.is_service());
        assert!(is_service("/system.slice/bot.service"));
        assert!(is_service("/system.slice/sshd-bot.service"));
        assert!(is_service(
            "/system.slice/system-hermes.slice/hermes@ssh.service"
        ));
        assert!(!is_service("/system.slice/cron.service"));
        assert!(!is_service(
            "/system.slice/system-sshd.slice/sshd@1-10.0.0.1:22.service"
        ));
        assert!(!is_service("/user.slice/user-1000.slice/session-3.scope"));
    }

    #[test]
    fn a_container_s_control_group_is_known() {
        let container = container_of;
        assert_eq!(
            container("/system.slice/docker-0a1b.scope").as_deref(),
            Some("docker-0a1b")
        );
        assert_eq!(
            container(
                "/machine.slice/machine-a\\x2db.scope/payload/system.slice/hermes-gateway.service"
            )
            .as_deref(),
            Some("machine-a-b")
        );
        assert_eq!(container("/system.slice/docker.service"), None);
        assert_eq!(
            container("/system.slice/hermes-gateway@machine-1.service"),
            None
        );
    }

    #[test]
    fn a_control_group_names_unit_and_manager() {
        let unit = |path| UnitRef::from_cgroup(path).map(|u| (u.name, u.user));
        assert_eq!(
            unit("/system.slice/system-hermes\\x2dgateway.slice/hermes-gateway@a-b.service"),
            Some(("hermes-gateway@a-b.service".into(), None))
        );
        assert_eq!(
            unit("/user.slice/user-1000.slice/user@1000.service/app.slice/x.service"),
            Some(("x.service".into(), Some(1000)))
        );
        assert_eq!(
            unit("/user.slice/user-1000.slice/session-3.scope"),
            Some(("session-3.scope".into(), None))
        );
        assert_eq!(unit("/"), None);
    }
}
