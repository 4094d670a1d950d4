//! Whether the manager of a scope can be used: it answers, it is new enough, and a user's outlives the logins.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::error::refuse;
use crate::host::boot::user_packages;
use crate::host::systemctl::Systemctl;
use crate::host::{Host, Live};
use crate::layout::{SYSTEMD_FLOOR, Scope};
use crate::output::Output;
use crate::render::invalid::Invalid;

/// How long logind may take to start a user's manager.
const PATIENCE: Duration = Duration::from_secs(30);

/// The manager answers; in user scope lingering is on, or is switched on now. Returns whether it was switched on now.
pub(crate) fn reach_manager(host: &Host, live: &Live, output: &Output) -> Result<bool> {
    let manager = live.manager();
    if host.scope == Scope::System {
        if let Err(e) = manager.reach() {
            refuse!("systemd does not answer: {e:#}"; "to see its state: `systemctl status`");
        }
        return Ok(false);
    }
    let enabled = !is_lingering(host);
    if enabled {
        let name = &host.own.name;
        if let Err(e) = live.set_linger(name, true) {
            let way_out = user_packages(&host.root)
                .unwrap_or_else(|| format!("loginctl enable-linger {name}"));
            refuse!(
                "your gateway would stop when you log out: lingering is off, and switching it on failed: {e:#}";
                "as root, `{way_out}`; then run this again"
            );
        }
        output.done(format!(
            "lingering is on: `{name}`'s services start at boot and stay after logout"
        ));
    }
    // logind starts the manager on its own time; it is there once its bus is.
    let deadline = Instant::now() + PATIENCE;
    loop {
        match manager.reach() {
            Ok(_) => return Ok(enabled),
            Err(e) if Instant::now() > deadline => {
                if enabled {
                    let _ = live.set_linger(&host.own.name, false);
                }
                if let Some(install) = user_packages(&host.root) {
                    refuse!(
                        "your systemd manager does not answer: {e:#}";
                        "as root, `{install}`; then log in as `{}` again", host.own.name
                    );
                }
                refuse!(
                    "your systemd manager does not answer: {e:#}";
                    "log in as `{}` directly, not with su", host.own.name;
                    "`--system` as root needs no manager of yours"
                );
            }
            Err(_) => std::thread::sleep(Duration::from_millis(100)),
        }
    }
}

/// Whether this user's manager outlives its sessions.
pub(crate) fn is_lingering(host: &Host) -> bool {
    host.at(&Path::new("/var/lib/systemd/linger").join(&host.own.name))
        .exists()
}

/// The systemd level to render for: this host's, or for an image the floor. One that is older is refused alike. Nothing in
/// the units is newer than 247, but a claim about systemd counts when one was booted, and none below 252 is.
pub(crate) fn systemd_level(host: &Host) -> Result<u32> {
    let level = match host.live() {
        Some(live) => Some(live.systemd_version()?),
        None => systemd_version(host),
    };
    match level {
        Some(level) if level < SYSTEMD_FLOOR => bail!(Invalid::Systemd(level)),
        Some(level) if host.live().is_some() => Ok(level),
        _ => Ok(SYSTEMD_FLOOR),
    }
}

/// The version that runs, or the one whose library an image has.
pub(crate) fn systemd_version(host: &Host) -> Option<u32> {
    if let Some(live) = host.live() {
        return live.systemd_version().ok();
    }
    let libraries = [
        "/usr/lib/systemd",
        "/usr/lib64/systemd",
        "/usr/lib/x86_64-linux-gnu/systemd",
        "/usr/lib/aarch64-linux-gnu/systemd",
    ];
    let entries = libraries
        .iter()
        .flat_map(|dir| fs::read_dir(host.real(Path::new(dir))))
        .flatten()
        .flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .find_map(|name| {
            let version = name.strip_prefix("libsystemd-shared-")?;
            let end = version.find(|c: char| !c.is_ascii_digit())?;
            version[..end].parse().ok()
        })
}

/// The search path that a manager gives to services which set none; systemd's own (systemd.exec(5)) where it does not tell.
pub(crate) fn search_path(manager: &Systemctl) -> String {
    let usual = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin";
    let path = environment(manager).ok().and_then(|mut e| e.remove("PATH"));
    path.unwrap_or_else(|| usual.to_owned())
}

/// The variables that a manager gives to all its services.
pub(crate) fn environment(manager: &Systemctl) -> Result<BTreeMap<String, String>> {
    Ok(told(&manager.ask(&["show-environment"])?))
}

/// Variables as `systemctl show-environment` prints them. What holds a space, as on WSL, is quoted for a shell; what holds
/// more is not read.
fn told(environment: &str) -> BTreeMap<String, String> {
    let variable = |line: &str| {
        let (name, value) = line.split_once('=')?;
        let value = match value.strip_prefix("$'") {
            None => value,
            Some(quoted) => quoted
                .strip_suffix('\'')
                .filter(|value| !value.contains('\\'))?,
        };
        Some((name.to_owned(), value.to_owned()))
    };
    environment.lines().filter_map(variable).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_a_manager_are_read_with_and_without_quotes() {
        let path = |text: &str| told(text).remove("PATH");
        assert_eq!(path("HOME=/h\nPATH=/a:/b\nX=1\n").as_deref(), Some("/a:/b"));
        assert_eq!(path("PATH=$'/a b:/c'\n").as_deref(), Some("/a b:/c"));
        assert_eq!(path("PATH=$'/a\\'b'\n"), None);
        assert_eq!(path("MYPATH=/a\n"), None);
    }
}
