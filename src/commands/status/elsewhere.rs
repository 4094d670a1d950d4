//! Units that run gateways of homes which `status` has no row for.

use std::collections::HashSet;
use std::path::Path;

use crate::commands::json::{Elsewhere, Profile};
use crate::host::{DirectoryId, Host};
use crate::units::inventory::Inventory;

/// The units that run gateways of homes outside these rows.
pub(super) fn elsewhere(host: &Host, inventory: &Inventory, rows: &[Profile]) -> Vec<Elsewhere> {
    let shown: HashSet<DirectoryId> = rows.iter().map(|r| host.directory(&r.home)).collect();
    let mut found = Vec::new();
    for unit in &inventory.units {
        let Some(claim) = unit.claim() else {
            continue;
        };
        let closed = unit.closed_file(host);
        let is_row = |row: &Profile| row.installed && unit.is_installed_for(host, &row.profile);
        if closed.is_some() && rows.iter().any(is_row) {
            // The receipt knows its home.
            continue;
        }
        let calls = match closed {
            Some(_) => &unit.calls[..unit.calls.len().min(1)],
            None => &unit.calls[..],
        };
        for call in calls {
            let told = call.home.as_ref().filter(|_| closed.is_none());
            // A home that is not told is a claim on every row.
            let is_shown = match told {
                Some(home) => shown.contains(&host.directory(home)),
                None => !rows.is_empty() && closed.is_none(),
            };
            if !is_shown {
                found.push(Elsewhere {
                    unit: unit.name.clone(),
                    manager: if unit.is_user() { "user" } else { "system" },
                    account: unit.is_user().then(|| unit.manager_account.name.clone()),
                    how: claim.how.clone(),
                    runs: claim.is_running,
                    guarded: unit.is_guarded,
                    home: told.cloned(),
                    unread: closed.map(Path::to_owned),
                });
            }
        }
    }
    found
}
