//! A gateway that runs and could not start again: its home was closed to its account, or its hermes has gone.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use crate::commands::json::{Profile, State};
use crate::host::Host;
use crate::host::access::Access;
use crate::host::ownership::{giving, opening};
use crate::preflight::again::cannot_start;
use crate::units::unit::Unit;

/// Why no gateway could start there, and what helps.
pub(super) fn shut_out(host: &Host, account: &str, home: &Path) -> Option<String> {
    let meta = host.live().and(host.metadata(home).ok())?;
    // Most homes are as they should be, and to look up the groups of an account takes its time.
    if meta.permissions().mode() & 0o300 == 0o300 && host.account_name(meta.uid()) == account {
        return None;
    }
    let account = host.account(account).ok()??;
    if !Access::new(host, &account).is_shut_out(home) {
        return None;
    }
    let (what, way_out) = match meta.uid() == account.uid {
        true => ("to open it", opening(account.uid, home)),
        false => (
            "look into it, and give it back",
            giving(&account.name, home, None),
        ),
    };
    Some(format!(
        "`{}` cannot work in `{}`, and no gateway could start there; {what}: `{way_out}`",
        account.name,
        home.display()
    ))
}

/// Whether that is what matters most of a profile in this state.
pub(super) fn matters_in(state: State) -> bool {
    matches!(
        state,
        State::Running | State::Degraded | State::Starting | State::Unknown
    )
}

/// Why the unit of a gateway that runs could not start another, where the hermes that was named for it is gone, or none of it
/// is found.
pub(super) fn hermes_gone(
    host: &Host,
    row: &Profile,
    units: &[&Unit],
    named: Option<&Path>,
) -> Option<String> {
    let is_up = matches!(row.state, State::Running | State::Degraded);
    let unit = units.iter().find(|unit| unit.name == row.unit);
    let is_gone = row.hermes.is_none() || named.is_some_and(|hermes| !host.is_file(hermes));
    let unit = unit.filter(|_| is_up && row.installed && is_gone)?;
    let why = cannot_start(host, unit, &row.profile).ok()??;
    Some(format!("`{}` could not start again: {why}", unit.name))
}
