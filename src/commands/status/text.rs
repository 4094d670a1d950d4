//! What `--long` says of each profile: a line for each fact, readable without colour; and the way out that every answer has.

use std::fmt::Write as _;
use std::path::Path;

use anstyle::{AnsiColor, Style};

use super::details::see_end;
use super::platforms::way_out;
use super::since::Clock;
use crate::commands::json::{Elsewhere, Hermes, Owner, Platform, Profile, State, Status};
use crate::gateway::config::is_standalone;
use crate::gateway::gone::gone;
use crate::gateway::version::{Rules, Version};
use crate::host::Host;
use crate::host::mounts::{Mount, mounts, network_of};
use crate::host::process::Process;
use crate::host::process_text::{ago, stop_command};
use crate::host::span;
use crate::output::wrap::sentence;
use crate::profile::root_for;
use crate::takeover::other_owner::OtherOwner;
use crate::units::inventory::Inventory;

/// The whole answer.
pub(super) fn text(host: &Host, status: &Status, clock: &Clock, width: usize) -> String {
    let mut out = String::new();
    let mounts = mounts(host);
    for profile in &status.profiles {
        out += &about(host, profile, &mounts, clock, width);
    }
    for other in &status.elsewhere {
        out += &sentence("", &elsewhere(other), 2, width);
    }
    out
}

/// The answer where there is no profile.
pub(super) fn nobody(host: &Host, status: &Status) -> String {
    let mut out = format!(
        "no profile is installed in the {} scope, and there is none under `{}`\n",
        host.scope.name(),
        host.default_root().display()
    );
    for other in &status.elsewhere {
        out += &(elsewhere(other) + "\n");
    }
    out
}

/// Sentences are wrapped; a command stays whole.
fn about(host: &Host, row: &Profile, mounts: &[Mount], clock: &Clock, width: usize) -> String {
    let style = colour(row.state);
    let boot = match (row.installed, row.enabled) {
        (false, false) => "not installed here",
        (_, true) => "starts at boot",
        (true, false) => "does not start at boot",
    };
    let mut out = format!(
        "{}: {style}{}{style:#} ({} scope, {boot})\n",
        row.profile,
        row.state.name(),
        row.scope.name()
    );
    let mut line = |label: &str, text: String| {
        out += &sentence(&format!("  {label:9}"), &text, 11, width);
    };
    if row.installed {
        line("unit", unit(row));
    }
    if let Some(owner) = &row.owner {
        line("owner", owned(owner));
    }
    if let Some(end) = &row.last_end {
        let ago = end.at.and_then(ago);
        line("ended", end.why.clone() + &ago.unwrap_or_default());
    }
    if let Some(waiting) = &row.next_start {
        line("waits", waiting.to_string());
    }
    if let Some(hermes) = &row.hermes {
        line("hermes", version(hermes));
    }
    if row.installed || row.owner.is_some() {
        line("account", row.account.clone());
    }
    let remark = network_of(mounts, &row.home).map(|remark| format!(", {remark}"));
    line(
        "home",
        row.home.display().to_string() + &remark.unwrap_or_default(),
    );
    for platform in &row.platforms {
        line("platform", of_platform(platform, clock));
    }
    if let Some(shield) = &row.shield {
        line(
            "shield",
            format!(
                "{shield}, not installed by hermes-install, under a drop-in that makes it safe"
            ),
        );
    }
    if let Some(unit) = &row.guarded {
        line(
            "guarded",
            format!("{unit}, which hermes made; its start, stop and restarts are the guard's"),
        );
    }
    for claim in row.other_owners.iter().filter(|c| !is_safe(row, c)) {
        line("also", format!("{}; `{}`", claim.who, claim.way_out));
    }
    for text in &row.drift {
        line("drift", text.clone());
    }
    // How it ended stands above.
    let is_told = row.last_end.is_some() && matches!(row.state, State::Failed | State::Restarting);
    let why = see_end(row);
    let hint = row
        .hint
        .as_ref()
        .map(|hint| if is_told { &why } else { hint });
    for text in row.unknown.iter().chain(hint) {
        line("hint", text.clone());
    }
    debug_assert!(host.scope == row.scope);
    out
}

/// Whether another unit of the profile is under a shield or the guard.
pub(super) fn is_safe(row: &Profile, claim: &OtherOwner) -> bool {
    let mut safe = row.shield.iter().chain(&row.guarded);
    safe.any(|unit| claim.who.contains(&format!("`{unit}`")))
}

pub(super) fn colour(state: State) -> Style {
    match state {
        State::Running | State::Served => AnsiColor::Green.on_default(),
        State::Failed | State::Gone | State::OwnedElsewhere => AnsiColor::Red.on_default(),
        State::Degraded | State::Draining | State::Starting | State::Restarting => {
            AnsiColor::Yellow.on_default()
        }
        State::Parked | State::Stopped | State::Unknown => Style::new(),
    }
}

fn unit(row: &Profile) -> String {
    match row.restarts {
        0 => row.unit.clone(),
        1 => format!("{}, restarted once by itself", row.unit),
        n => format!("{}, restarted {n} times by itself", row.unit),
    }
}

pub(super) fn owned(owner: &Owner) -> String {
    let place = match (&owner.unit, &owner.terminal) {
        (Some(unit), _) => format!("unit {unit}"),
        (None, Some(terminal)) => format!("on {terminal}"),
        (None, None) => "no terminal".to_owned(),
    };
    let age = span::written(owner.age_seconds);
    format!(
        "pid {} of {}, {place}, for {age}: {}",
        owner.pid, owner.user, owner.command
    )
}

pub(super) fn version(hermes: &Hermes) -> String {
    match (&hermes.on_disk, hermes.needs_restart) {
        (Some(on_disk), _) => format!("{}; {on_disk} is on disk: restart needed", hermes.version),
        (None, true) => format!(
            "{}; its files changed since: restart needed",
            hermes.version
        ),
        (None, false) => hermes.version.clone(),
    }
}

pub(super) fn of_platform(platform: &Platform, clock: &Clock) -> String {
    let mut text = format!("{} {}", platform.name, platform.state);
    if let Some(error) = &platform.error {
        let _ = write!(text, ": {error}");
    }
    // A time without a trouble would only be the time of its last word.
    if let (Some(since), Some(_)) = (&platform.since, &platform.error) {
        let since = clock.stamp(since).unwrap_or_else(|| since.clone());
        text.truncate(text.trim_end_matches('.').len());
        let _ = write!(text, "; since {since}");
    }
    text
}

pub(super) fn elsewhere(other: &Elsewhere) -> String {
    let unit = match &other.account {
        None => format!("system unit {}", other.unit),
        Some(user) => format!("user unit of {user} {}", other.unit),
    };
    let home = match &other.home {
        None => "a profile that it does not name".to_owned(),
        Some(home) => format!("`{}`", home.display()),
    };
    let how = if other.guarded {
        format!("{}, guarded", other.how)
    } else {
        other.how.clone()
    };
    format!("elsewhere: {unit} ({how}) runs the gateway of {home}")
}

/// What to do next, as commands that work here; `None` when all is well or nobody can help.
pub(super) fn hint(
    host: &Host,
    inventory: &Inventory,
    row: &Profile,
    process: Option<&Process>,
    mute: &[String],
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
            let root = host.real(&root_for(Some(&row.home), Path::new("/nonexistent")));
            let what = gone(&root, profile).way_out(profile);
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
        State::Stopped if is_loaded && row.installed => Some(format!(
            "to start it: `hermes-install start{scope} {profile}`"
        )),
        State::Unknown if host.live().is_none() && would_be_served(host, row) => {
            Some("it needs no unit of its own: the gateway of `default` serves it".to_owned())
        }
        State::Stopped if !row.installed => Some(format!(
            "to install its unit: `hermes-install{scope} --profile {profile}`"
        )),
        State::Running | State::Degraded
            if row.hermes.as_ref().is_some_and(|h| h.needs_restart) =>
        {
            let restart = format!("hermes-install restart{scope} {profile}");
            Some(format!("to restart it after its turns: `{restart}`"))
        }
        State::Degraded if !mute.is_empty() => way_out(row, process?, mute, scope),
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
