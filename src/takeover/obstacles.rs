//! Why a unit cannot be migrated and has to be dealt with by hand. Reads only.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::host::Host;
use crate::host::paths::below_root;
use crate::host::systemctl::Manager;
use crate::profile::ProfileName;
use crate::takeover::template;
use crate::units::load_path::LoadPath;
use crate::units::origin::Origin;
use crate::units::unit::Unit;

/// Why a unit has to be dealt with by hand, and how.
pub(super) fn obstacle(
    host: &Host,
    load_path: &LoadPath,
    unit: &Unit,
    home: &Path,
    traces: &[PathBuf],
) -> Option<(String, String)> {
    let disable = format!("stop it with `{}`", unit.disable_command());
    let quoted = |path: &&Path| format!("`{}`", path.display());
    let is_of_home = |theirs: &Path| host.directory(theirs) == host.directory(home);
    let homes: Vec<Option<&Path>> = unit.calls.iter().map(|r| r.home.as_deref()).collect();
    if load_path.is_system && host.own.uid != 0 {
        return Some((
            "the system's units are root's".to_owned(),
            "run this as root with `--system` and `--run-as`".to_owned(),
        ));
    }
    if unit.origin == Origin::Ours {
        let profile = unit.home().and_then(ProfileName::from_home);
        let profile = profile.map_or_else(|| "NAME".to_owned(), |(name, _)| name.to_string());
        let uninstall =
            |scope: &str| format!("hermes-install uninstall {scope} --profile {profile}");
        let uninstall = unit.installer_command(uninstall);
        return Some((
            "hermes-install itself put it there".to_owned(),
            format!("to take it back: `{uninstall}`"),
        ));
    }
    if let Some(starter) = unit.activators.first() {
        return Some((
            format!("`{starter}` would start it again"),
            format!("first run `{}`", unit.disable_command()),
        ));
    }
    if unit.runs_contained() {
        return Some((
            "its gateway runs in a container, and its files may be those of another account"
                .to_owned(),
            disable,
        ));
    }
    let is_own = template::is_instance(host, unit) || template::leaves_by_mask(load_path, unit);
    if unit.name.contains('@') && !is_own {
        return Some((
            "its file is a template, which other units use".to_owned(),
            disable,
        ));
    }
    let known: BTreeSet<String> = homes.iter().flatten().map(quoted).collect();
    if known.len() > 1 {
        let known: Vec<String> = known.into_iter().collect();
        return Some((
            format!(
                "it runs, or would after a restart, the gateways of {}",
                known.join(" and ")
            ),
            disable,
        ));
    }
    if !homes.is_empty() && !homes.iter().all(|theirs| theirs.is_some_and(is_of_home)) {
        return Some((
            "it does not say clearly that it runs this profile and nothing else".to_owned(),
            disable,
        ));
    }
    out_of_place(load_path, unit, traces, &disable)
}

/// What of a unit's files is not for this run to move.
fn out_of_place(
    load_path: &LoadPath,
    unit: &Unit,
    traces: &[PathBuf],
    disable: &str,
) -> Option<(String, String)> {
    let strange = |path: &&PathBuf| {
        let real = load_path.real(path.parent().unwrap_or(path));
        let text = path.to_string_lossy();
        let is_inside = load_path.is_system || !is_movable(load_path, path) || {
            let home = load_path.real(&load_path.account.home);
            real.starts_with(home) || real.starts_with("/run/user")
        };
        real.starts_with("/nix") || text.contains("/generator") || !is_inside
    };
    if let Some(path) = traces.iter().find(strange) {
        return Some((
            format!(
                "`{}` is generated or lies outside its manager's directories",
                path.display()
            ),
            format!("take it away where it comes from, or {disable}"),
        ));
    }
    let is_foreign = !load_path.is_system && load_path.manager != Manager::User;
    if is_foreign && traces.iter().any(|path| !is_movable(load_path, path)) {
        return Some((
            "a package brings it for every user".to_owned(),
            format!("to mask it for this one: `{}`", unit.command("mask --now")),
        ));
    }
    None
}

/// Whether a path is an admin's or a user's to move, and not a package's.
pub(super) fn is_movable(load_path: &LoadPath, path: &Path) -> bool {
    if load_path.is_system {
        return path.starts_with("/etc/systemd") || path.starts_with("/run/systemd");
    }
    path.starts_with(&load_path.account.home)
        || path.starts_with(format!("/run/user/{}", load_path.account.uid))
}

pub(super) fn relative(path: &Path) -> String {
    below_root(path).to_string_lossy().into_owned()
}
