//! What findings call for: the plan, as a person reads it and in the order in which it is carried out.

use std::path::PathBuf;

use crate::doctor::finding::{Finding, Fix};
use crate::host::Host;
use crate::host::process::shell_quote;
use crate::host::systemctl::Manager;
use crate::units::unit_id::UnitId;

/// What is to be done, and what this account cannot do.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// In the order in which it is done.
    pub(crate) fixes: Vec<Fix>,
    /// Fixes that need root.
    pub(crate) barred: Vec<Fix>,
}

/// What findings call for: each fix once, nothing for units that are stopped on the way.
pub(crate) fn plan(host: &Host, findings: &[Finding]) -> Plan {
    let mut fixes: Vec<Fix> = Vec::new();
    for fix in findings.iter().filter_map(|f| f.fix.clone()) {
        if !fixes.iter().any(|known| is_same(known, &fix)) {
            fixes.push(fix);
        }
    }
    fixes.sort_by_key(order);
    let (fixes, barred) = fixes.into_iter().partition(|r| may(host, r));
    Plan { fixes, barred }
}

/// Whether one makes the other needless: a manager reads the files of all its units at once.
fn is_same(one: &Fix, other: &Fix) -> bool {
    match (one, other) {
        (Fix::Reload { unit: a }, Fix::Reload { unit: b }) => a.manager == b.manager,
        _ => one == other,
    }
}

fn order(fix: &Fix) -> u8 {
    match fix {
        Fix::Reload { .. } => 0,
        Fix::Owner { .. } => 1,
        Fix::Mode { .. } => 2,
        Fix::Linger { .. } => 3,
        Fix::Reset { .. } => 4,
        Fix::KeepOne { .. } => 5,
        Fix::Remove { .. } => 6,
    }
}

/// Whether this account can do it: root everything, others what is their own manager's or their own file.
fn may(host: &Host, fix: &Fix) -> bool {
    let is_own = |unit: &UnitId| unit.manager == Manager::User;
    host.own.uid == 0
        || match fix {
            Fix::KeepOne { keep, stop } => is_own(keep) && stop.iter().all(is_own),
            Fix::Reload { unit } | Fix::Reset { unit } => is_own(unit),
            Fix::Linger { account } => *account == host.own.name,
            Fix::Mode { path, .. } => {
                use std::os::unix::fs::MetadataExt as _;
                std::fs::metadata(path).is_ok_and(|m| m.uid() == host.own.uid)
            }
            Fix::Owner { .. } => false,
            Fix::Remove { home, .. } => {
                nix::unistd::access(home, nix::unistd::AccessFlags::W_OK).is_ok()
            }
        }
}

/// A fix as a line of a plan.
pub(crate) fn describe(fix: &Fix) -> String {
    let name = |unit: &UnitId| format!("`{}` ({})", unit.name, unit.manager.command_prefix());
    let list = |paths: &[PathBuf]| {
        let names: Vec<String> = paths.iter().map(|p| format!("`{}`", p.display())).collect();
        names.join(", ")
    };
    match fix {
        Fix::KeepOne { keep, stop } => {
            let stop: Vec<String> = stop.iter().map(name).collect();
            format!(
                "keep {}; stop {} as planned, and disable it",
                name(keep),
                stop.join(" and ")
            )
        }
        Fix::Reload { unit } => format!("{} daemon-reload", unit.manager.command_prefix()),
        Fix::Reset { unit } => format!(
            "{} reset-failed {}",
            unit.manager.command_prefix(),
            unit.name
        ),
        Fix::Linger { account } => format!("loginctl enable-linger {account}"),
        Fix::Mode { path, mode } => {
            let mode = format!("{mode:04o}");
            shell_quote(&["chmod", &mode, &*path.to_string_lossy()])
        }
        Fix::Owner { paths, account, .. } => format!("chown {account} {}", list(paths)),
        Fix::Remove { paths, .. } => {
            format!("remove {} unless somebody owns the profile", list(paths))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::{Findings, Severity};
    use crate::layout::Scope;

    #[test]
    fn a_manager_reads_its_units_files_once() {
        let top = tempfile::tempdir().expect("a directory");
        let mut host = Host::observer(Scope::System, Some(top.path())).expect("a host");
        host.own.uid = 0;
        let mut findings = Findings::new("not-reloaded", Severity::Warning);
        let units = [
            (Manager::System, "a.service"),
            (Manager::UserOf("alice".to_owned()), "a.service"),
            (Manager::System, "b.service"),
        ];
        for (manager, name) in units {
            let unit = UnitId {
                manager,
                name: name.to_owned(),
            };
            let finding = findings.add(String::new(), String::new());
            finding.fix(Fix::Reload { unit });
        }
        let plan = plan(&host, &findings.list);
        let lines: Vec<String> = plan.fixes.iter().map(describe).collect();
        let of_alice = "systemctl --user -M alice@ daemon-reload";
        assert_eq!(lines, ["systemctl daemon-reload", of_alice]);
    }
}
