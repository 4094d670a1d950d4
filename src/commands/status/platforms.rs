//! What is said of the messaging platforms of a gateway: its own record, and those that it could not load.

use crate::commands::json::{Platform, Profile};
use crate::gateway::platforms::{Remedy, remedy};
use crate::gateway::state::State as Record;
use crate::host::process::Process;
use crate::output::printable;

/// The word for a platform that hermes has no adapter for.
const NO_ADAPTER: &str = "no-adapter";

/// The platforms, without those that an earlier gateway left in the record.
pub(super) fn platforms(record: &Record, mute: &[String]) -> Vec<Platform> {
    let recorded = record.own_platforms().map(|(name, p)| Platform {
        name: printable(name),
        state: printable(&p.state),
        error: p.error_message.as_deref().map(printable),
        since: (p.retrying_since.as_deref())
            .or(p.updated_at.as_deref())
            .map(printable),
    });
    let mut all: Vec<Platform> = recorded.collect();
    for name in mute {
        if all.iter().all(|platform| platform.name != *name) {
            all.push(Platform {
                name: name.clone(),
                state: NO_ADAPTER.to_owned(),
                error: Some(
                    "hermes could not load it; its library or a setting is missing".to_owned(),
                ),
                since: None,
            });
        }
    }
    all
}

/// What helps against platforms without an adapter, as a sentence; `scope` is the flag that the commands need.
pub(super) fn way_out(
    row: &Profile,
    process: &Process,
    mute: &[String],
    scope: &str,
) -> Option<String> {
    let platform = mute.first()?;
    let profile = &row.profile;
    let restart = format!("hermes-install restart{scope} {profile}");
    let logs = format!("`hermes-install logs{scope} {profile} -n 50` says what is missing");
    Some(match remedy(process, platform) {
        Remedy::TryAgain => format!(
            "{logs}; `{restart}` has hermes install the library of {platform} once the package index can be reached"
        ),
        Remedy::Install(command) => {
            format!("{logs}; a library: `{command}`, then `{restart}`")
        }
        Remedy::Build(what) => format!("{logs}; a library: {what}, then `{restart}`"),
        Remedy::Extra(extra) => format!(
            "{logs}; a library: `hermes-install run{scope} {profile} pm install --extra {extra}`, then `{restart}`"
        ),
    })
}
