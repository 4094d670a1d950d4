//! Rules about profiles on disks of their own.

use super::{Rule, edit};
use crate::doctor::facts::Facts;
use crate::doctor::finding::Findings;
use crate::doctor::finding::Severity::Warning;
use crate::host::mounts::{Mount, mount_of, network_of};
use crate::host::process::shell_quote;
use crate::units::unit::Unit;
use crate::units::unit_file::words;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "home-on-the-network",
        severity: Warning,
        about: "The profile home is on a file system that other hosts can mount, too. SQLite keeps no database in WAL mode whole \
                there when two hosts have it open. Whether a lock of one host is seen by another is up to the file system and its \
                options (nfs with `nolock`, sshfs: no), so nothing keeps a second host from running the same profile.",
        fix: "move the root to a disk of this host, and have backups on the network; else let no other host run the profile",
        source: "nfs(5), local_lock and nolock; the page of SQLite about WAL",
        check: on_network,
    },
    Rule {
        id: "starts-before-its-disk",
        severity: Warning,
        about: "The profile home is on a disk that boot does not wait for (`nofail`, `noauto`, a network), and the unit does not wait \
                for it either: it starts beside the empty mount point, where hermes makes a new, empty profile or fails.",
        fix: "RequiresMountsFor= with the path in [Unit]",
        source: "systemd.unit(5), RequiresMountsFor=; systemd.mount(5), FSTAB",
        check: before_disk,
    },
];

fn on_network(facts: &Facts, findings: &mut Findings) {
    for home in facts.homes.iter().map(|known| &known.home) {
        let Some(remark) = network_of(&facts.mounts, home) else {
            continue;
        };
        let home_text = home.display().to_string();
        let what = format!("`{home_text}` is {remark}");
        let hint = shell_quote(&["findmnt", "--target", &home_text]);
        findings.add(what, hint).home(home);
    }
}

fn before_disk(facts: &Facts, findings: &mut Findings) {
    let units = facts.inventory.units.iter();
    for unit in units.filter(|unit| !unit.is_user() && !unit.is_masked) {
        // The launcher waits by itself.
        let mut calls = unit.calls.iter().filter(|call| !call.is_launcher);
        let mount = calls.find_map(|call| {
            let mount = mount_of(&facts.mounts, call.home.as_deref()?)?;
            (mount.is_late && !waits(unit, mount)).then_some(mount)
        });
        if let Some(mount) = mount {
            let what = format!(
                "{} does not wait for `{}`, which has its profile and may be mounted after it has started",
                unit.title(),
                mount.place.display()
            );
            let finding = findings.add(what, edit(unit)).unit(unit);
            if let Some(line) = unit.directives.last("Service", "ExecStart") {
                finding.at(unit, line);
            }
        }
    }
}

/// Whether a unit is ordered behind a mount: by its path, by the unit of the mount, or by the target of all of the network.
fn waits(unit: &Unit, mount: &Mount) -> bool {
    let values = |section: &str, key: &str| -> Vec<String> {
        let lines = unit.directives.list(section, key);
        let words = lines.iter().flat_map(|line| words(&line.value));
        words.map(|word| unit.expand(&word)).collect()
    };
    let is_below = |path: &String| {
        let path = path.trim_start_matches('-');
        std::path::Path::new(path).starts_with(&mount.place)
    };
    // systemd reads no escapes here: they are of the name.
    let after = unit.directives.list("Unit", "After");
    let after: Vec<String> = after
        .iter()
        .flat_map(|line| line.value.split_whitespace())
        .map(|name| unit.expand(name))
        .collect();
    // systemd waits for the disk of a working directory by itself.
    values("Unit", "RequiresMountsFor").iter().any(is_below)
        || values("Unit", "WantsMountsFor").iter().any(is_below)
        || values("Service", "WorkingDirectory").iter().any(is_below)
        || after.contains(&mount.unit_name())
        || (mount.is_of_network() && after.iter().any(|unit| unit == "remote-fs.target"))
}
