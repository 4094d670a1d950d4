//! What `uninstall` does about installations that were cut short.

use std::collections::BTreeSet;

use anyhow::Result;

use crate::error::refuse;
use crate::host::Host;
use crate::profile::ProfileName;

/// Those of these units that a manager can stop.
pub(super) fn loaded(host: &Host, units: Vec<String>) -> Result<Vec<String>> {
    let states = match host.live() {
        Some(live) => live.manager().show(&units)?,
        None => Vec::new(),
    };
    let is_loaded = |unit: &String| {
        let mut states = states.iter().filter(|state| state.id == *unit);
        states.any(|state| state.load_state != "not-found" || !state.is_at_rest())
    };
    Ok(units.into_iter().filter(is_loaded).collect())
}

/// What a run that was cut short had begun cannot be told from what others need, and goes together.
pub(super) fn refuse_half(
    host: &Host,
    begun: &BTreeSet<ProfileName>,
    named: &[ProfileName],
) -> Result<()> {
    let is_named = |profile: &&ProfileName| named.is_empty() || named.contains(profile);
    let Some(other) = begun.iter().find(|profile| !is_named(profile)) else {
        return Ok(());
    };
    let scope = host.scope.flag();
    let list = |profiles: BTreeSet<&ProfileName>| -> String {
        let names: Vec<&str> = profiles.into_iter().map(ProfileName::as_str).collect();
        names.join(" --profile ")
    };
    let all = list(begun.iter().chain(named).collect());
    let begun = list(begun.iter().collect());
    refuse!(
        "an earlier run was cut short while it installed profile `{other}`, and nothing is removed beside that";
        "to complete it: `hermes-install{scope} --profile {begun}`";
        "to take it back as well: `hermes-install uninstall{scope} --profile {all}`"
    );
}
