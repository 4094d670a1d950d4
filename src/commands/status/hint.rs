//! What to do next about a profile: one sentence, with commands that work here.

use super::platforms::{give_tokens, way_out};
use crate::commands::json::{Profile, State};
use crate::gateway::config::is_standalone;
use crate::gateway::env_file::ENV;
use crate::gateway::gone::gone;
use crate::gateway::platforms::Tokenless;
use crate::gateway::version::{Rules, Version};
use crate::host::Host;
use crate::host::process::Process;
use crate::host::process_text::stop_command;
use crate::profile::root_of;
use crate::units::inventory::Inventory;

/// The state of a platform that hermes does not try again.
const FATAL: &str = "fatal";

/// What to do next, as commands that work here; `None` when all is well or nobody can help.
pub(super) fn hint(
    host: &Host,
    inventory: &Inventory,
    row: &Profile,
    process: Option<&Process>,
    mute: &[String],
    tokenless: &[Tokenless],
    is_loaded: bool,
) -> Option<String> {
    let (profile, unit) = (&row.profile, &row.unit);
    let scope = host.scope.flag();
    match row.state {
        State::Failed | State::Restarting => {
            let why = row.last_end.as_ref().map(|end| end.why.as_str());
            // While a unit starts again, systemd has forgotten how it ended.
            let why = why.or((row.result != "success").then_some(row.result.as_str()));
            let ended = why.map_or_else(String::new, |why| format!("ended with {why}; "));
            let journal = host.manager().journal_command(unit);
            Some(format!("{ended}see `{journal} -n 20`"))
        }
        State::Gone => {
            let root = host.real(&root_of(&row.home));
            let what = gone(&root, profile).way_out(profile, host.scope);
            Some(format!("profile `{profile}` does not exist: {what}"))
        }
        State::OwnedElsewhere => owned_elsewhere(host, inventory, row, process),
        State::Served => row.served_by.as_ref().map(|server| {
            format!(
                "the gateway of `{server}` serves it; for one of its own: \
                 `hermes-install{scope} --profile {profile} --standalone`"
            )
        }),
        State::Parked => Some(format!(
            "to have it served again: `hermes-install run{scope} {profile} gateway start`"
        )),
        State::Stopped if row.never_started => Some(format!(
            // Units that its manager has not read in their places are forgotten when they stop.
            "it is enabled, and its manager knows of no start since that began; to start it: `{} daemon-reload && \
             hermes-install start{scope} {profile}`",
            host.manager().command_prefix()
        )),
        State::Stopped if is_loaded && row.installed => Some(format!(
            "to start it: `hermes-install start{scope} {profile}`"
        )),
        State::Unknown if host.live().is_none() && would_be_served(host, row) => {
            Some("it needs no unit of its own: the gateway of `default` serves it".to_owned())
        }
        State::Stopped if !row.installed => {
            Some(match row.guarded.as_ref().or(row.shield.as_ref()) {
                Some(other) => format!(
                    "to start it: `{} start {other}`; for the shipped unit in its place: \
                     `hermes-install{scope} --profile {profile} --migrate`",
                    host.manager().command_prefix()
                ),
                None => format!("to install its unit: `hermes-install{scope} --profile {profile}`"),
            })
        }
        State::Running | State::Degraded
            if row.hermes.as_ref().is_some_and(|h| h.needs_restart) =>
        {
            let restart = format!("hermes-install restart{scope} {profile}");
            Some(format!("to restart it after its turns: `{restart}`"))
        }
        State::Degraded if !mute.is_empty() => way_out(row, process?, mute, scope),
        State::Degraded if !tokenless.is_empty() => Some(give_tokens(row, tokenless, scope)),
        State::Degraded if row.platforms.iter().any(|p| p.state == FATAL) => Some(format!(
            "once that is mended, in `{}` where it is the token: `hermes-install restart{scope} {profile}`",
            row.home.join(ENV).display()
        )),
        State::Running if row.platforms.is_empty() => Some(format!(
            "no platform was configured when it started; to set one up: `hermes-install run{scope} {profile} -- gateway \
             setup`, then `hermes-install restart{scope} {profile}`"
        )),
        _ => None,
    }
}

/// Whether the hermes of an image has one gateway for all profiles, and this profile is not one that stands alone.
fn would_be_served(host: &Host, row: &Profile) -> bool {
    let version = row.hermes.as_ref().and_then(|h| Version::parse(&h.version));
    let is_shared = version.is_some_and(|version| Rules::of(Some(version)).is_shared);
    let is_own = row.installed || row.profile.is_default();
    is_shared && !is_own && !is_standalone(&host.real(&row.home))
}

fn owned_elsewhere(
    host: &Host,
    inventory: &Inventory,
    row: &Profile,
    process: Option<&Process>,
) -> Option<String> {
    let Some(process) = process else {
        return Some("its owner cannot be seen from here; look in containers on this host".into());
    };
    let profile = &row.profile;
    let service = row.owner.as_ref().and_then(|o| o.unit.as_ref());
    let is_safe = |unit| Some(unit) == row.shield.as_ref() || Some(unit) == row.guarded.as_ref();
    if service.is_some_and(is_safe) {
        return None;
    }
    let stop = stop_command(process);
    let scope = host.scope.flag();
    let is_by_hand = inventory.is_by_hand(host, &row.home, process);
    Some(match service.filter(|_| !is_by_hand) {
        Some(unit) => format!(
            "running under {unit} (not installed by hermes-install): migrate with \
             `hermes-install{scope} --profile {profile} --migrate`, or stop it with `{stop}`"
        ),
        None => format!(
            "started by hand: to bring it under its unit: `hermes-install adopt{scope} --profile {profile}`; to stop it: \
             `{stop}`"
        ),
    })
}
