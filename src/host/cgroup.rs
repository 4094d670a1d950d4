//! What a control group's path says of a process: the unit it runs in, or the container.

/// The names that Docker, Podman, LXC, systemd-nspawn and Kubernetes give to the control groups of their containers.
pub(super) fn container_of(cgroup: &str) -> Option<String> {
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
        (is_container && is_name(stem)).then(|| stem.replace("\\x2d", "-"))
    })
}

/// The user below whose manager a control group is, and who named it, therefore.
pub(super) fn user_of(cgroup: &str) -> Option<u32> {
    let parts: Vec<&str> = cgroup.trim_start_matches('/').split('/').collect();
    manager_of(parts.get(..3)?)
}

/// Whether this could be the name of a unit (systemd.unit(5)); below a user's manager that user makes control groups of
/// any name, backticks and blanks included.
fn is_name(name: &str) -> bool {
    let is_of_it = |c: char| c.is_ascii_alphanumeric() || ":-_.\\@".contains(c);
    name.chars().all(is_of_it)
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
    /// From the path of a control group. Only the parts that a manager of systemd made count: below its own units a
    /// service may name groups as it likes, where it was delegated to (systemd.resource-control(5), Delegate=).
    pub(crate) fn from_cgroup(path: &str) -> Option<Self> {
        let is_unit =
            |part: &str| (part.ends_with(".service") || part.ends_with(".scope")) && is_name(part);
        let is_ours = |part: &&str| is_unit(part) || part.ends_with(".slice");
        // What comes before is a container manager's.
        let parts: Vec<&str> = path.split('/').skip_while(|part| !is_ours(part)).collect();
        let first = |parts: &[&str]| parts.iter().position(|part| !part.ends_with(".slice"));
        let at = first(&parts)?;
        let mut name = *parts.get(at)?;
        let mut user = None;
        if let Some(uid) = manager_of(&parts[..=at]) {
            let below = &parts[at + 1..];
            if let Some(unit) = first(below).and_then(|at| below.get(at)) {
                (name, user) = (unit, Some(uid));
            }
        }
        is_unit(name).then(|| Self {
            name: (*name).to_owned(),
            user,
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

/// The user whose manager is at `/user.slice/user-UID.slice/user@UID.service`.
fn manager_of(parts: &[&str]) -> Option<u32> {
    let [slice, of_user, service] = parts else {
        return None;
    };
    let uid = service.strip_prefix("user@")?.strip_suffix(".service")?;
    let is_whole = *slice == "user.slice" && *of_user == format!("user-{uid}.slice");
    is_whole.then(|| uid.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

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
            unit("/system.slice/hermes\\x2dbot.service"),
            Some(("hermes\\x2dbot.service".into(), None))
        );
        assert_eq!(
            unit("/user.slice/user-1000.slice/user@1000.service/app.slice/x.service"),
            Some(("x.service".into(), Some(1000)))
        );
        assert_eq!(
            unit("/user.slice/user-1000.slice/session-3.scope"),
            Some(("session-3.scope".into(), None))
        );
        assert_eq!(
            unit("/user.slice/user-1000.slice/user@1000.service"),
            Some(("user@1000.service".into(), None))
        );
        assert_eq!(unit("/"), None);
        let below = "/user.slice/user-1000.slice/user@1000.service";
        assert_eq!(
            unit(&format!("{below}/app.slice/a`kill -9 1`.service")),
            None
        );
        assert_eq!(
            container_of(&format!("{below}/docker-a`kill -9 1`.scope")),
            None
        );
        assert_eq!(
            user_of(&format!("{below}/docker-postgres.scope")),
            Some(1000)
        );
        assert_eq!(user_of("/system.slice/docker-0a1b.scope"), None);
    }

    #[test]
    fn a_control_group_below_a_unit_is_that_unit_s() {
        let unit = |path| UnitRef::from_cgroup(path).map(|u| (u.name, u.user));
        assert_eq!(
            unit("/system.slice/bot.service/user@0.service/ssh.service"),
            Some(("bot.service".into(), None))
        );
        assert_eq!(
            unit("/system.slice/user@1000.service/x.service"),
            Some(("user@1000.service".into(), None))
        );
        assert_eq!(
            unit(
                "/user.slice/user-1000.slice/user@1000.service/app.slice/x.service/user@0.service/y.service"
            ),
            Some(("x.service".into(), Some(1000)))
        );
        assert_eq!(
            unit("/docker/0a1b/system.slice/x.service"),
            Some(("x.service".into(), None))
        );
    }
}
