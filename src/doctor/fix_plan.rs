//! What findings call for: a plan of remedies, as a person reads it and in the order in which it is carried out.

use std::path::PathBuf;

use crate::doctor::rules::{Finding, Remedy, UnitName};
use crate::host::Host;
use crate::host::systemctl::Manager;

/// What is to be done, and what this account cannot do.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// In the order in which it is done.
    pub(crate) remedies: Vec<Remedy>,
    /// Remedies that need root.
    pub(crate) barred: Vec<Remedy>,
}

/// What findings call for: each remedy once, nothing for units that are stopped on the way.
pub(crate) fn plan(host: &Host, findings: &[Finding]) -> Plan {
    let mut remedies: Vec<Remedy> = Vec::new();
    for remedy in findings.iter().filter_map(|f| f.remedy.clone()) {
        if !remedies.contains(&remedy) {
            remedies.push(remedy);
        }
    }
    remedies.sort_by_key(order);
    let (remedies, barred) = remedies.into_iter().partition(|r| may(host, r));
    Plan { remedies, barred }
}

fn order(remedy: &Remedy) -> u8 {
    match remedy {
        Remedy::Reload { .. } => 0,
        Remedy::Owner { .. } => 1,
        Remedy::Mode { .. } => 2,
        Remedy::Linger { .. } => 3,
        Remedy::Reset { .. } => 4,
        Remedy::KeepOne { .. } => 5,
        Remedy::Remove { .. } => 6,
    }
}

/// Whether this account can do it: root everything, others what is their own manager's or their own file.
fn may(host: &Host, remedy: &Remedy) -> bool {
    let is_own = |unit: &UnitName| unit.manager == Manager::User;
    host.own.uid == 0
        || match remedy {
            Remedy::KeepOne { keep, stop } => is_own(keep) && stop.iter().all(is_own),
            Remedy::Reload { unit } | Remedy::Reset { unit } => is_own(unit),
            Remedy::Linger { account } => *account == host.own.name,
            Remedy::Mode { path, .. } => {
                use std::os::unix::fs::MetadataExt as _;
                std::fs::metadata(path).is_ok_and(|m| m.uid() == host.own.uid)
            }
            Remedy::Owner { .. } => false,
            Remedy::Remove { home, .. } => {
                nix::unistd::access(home, nix::unistd::AccessFlags::W_OK).is_ok()
            }
        }
}

/// A remedy as a line of a plan.
pub(crate) fn describe(remedy: &Remedy) -> String {
    let name = |unit: &UnitName| format!("`{}` ({})", unit.name, unit.manager.command_prefix());
    let list = |paths: &[PathBuf]| {
        let names: Vec<String> = paths.iter().map(|p| format!("`{}`", p.display())).collect();
        names.join(", ")
    };
    match remedy {
        Remedy::KeepOne { keep, stop } => {
            let stop: Vec<String> = stop.iter().map(name).collect();
            format!(
                "keep {}; stop {} as planned, and disable it",
                name(keep),
                stop.join(" and ")
            )
        }
        Remedy::Reload { unit } => format!("{} daemon-reload", unit.manager.command_prefix()),
        Remedy::Reset { unit } => format!(
            "{} reset-failed {}",
            unit.manager.command_prefix(),
            unit.name
        ),
        Remedy::Linger { account } => format!("loginctl enable-linger {account}"),
        Remedy::Mode { path, mode } => format!("chmod {mode:04o} {}", path.display()),
        Remedy::Owner { paths, uid, .. } => format!(
            "chown {} {}",
            crate::host::account::account_name(*uid),
            list(paths)
        ),
        Remedy::Remove { paths, .. } => {
            format!("remove {} unless somebody owns the profile", list(paths))
        }
    }
}
