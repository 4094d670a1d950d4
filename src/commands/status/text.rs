//! What `--long` says of each profile: a line for each fact, readable without colour.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::UNIX_EPOCH;

use anstyle::{AnsiColor, Style};

use super::details::UNKNOWN;
use super::details::see_end;
use super::since::Clock;
use crate::commands::json::{Elsewhere, Hermes, Owner, Platform, Profile, State, Status};
use crate::gateway::env_file::ENV;
use crate::host::Host;
use crate::host::manager::is_lingering;
use crate::host::mounts::{Mount, mounts, network_of};
use crate::host::process_text::ago;
use crate::host::span;
use crate::layout::Scope;
use crate::output::CARE;
use crate::output::wrap::sentence;
use crate::takeover::other_owner::OtherOwner;
use crate::units::claim::{Claim, SEEN_BY_ROOT};

/// Seconds that a gateway may take until it has read its `.env`.
const START: u64 = 10;

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
    out + &unfinished(status, width)
}

/// That an earlier run was cut short, where no profile says so.
pub(super) fn unfinished(status: &Status, width: usize) -> String {
    let told = status.unfinished.as_ref();
    told.map_or_else(String::new, |told| {
        let begin = format!("{CARE}warning{CARE:#}: ");
        sentence(&begin, told, 2, width)
    })
}

/// The answer where there is no profile.
pub(super) fn nobody(host: &Host, status: &Status, width: usize) -> String {
    let mut out = format!(
        "no profile is installed in the {} scope, and there is none under `{}`\n",
        host.scope.name(),
        host.default_root().display()
    );
    for other in &status.elsewhere {
        out += &(elsewhere(other) + "\n");
    }
    out + &unfinished(status, width)
}

/// Sentences are wrapped; a command stays whole.
fn about(host: &Host, row: &Profile, mounts: &[Mount], clock: &Clock, width: usize) -> String {
    let style = colour(row.state);
    let boot = match (row.installed, row.enabled) {
        (false, false) => "not installed here",
        (_, true) if row.scope == Scope::User && !is_lingering(host) => "starts at login",
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
    let runs = matches!(
        row.state,
        State::Running | State::Degraded | State::Draining
    );
    let owner = row.owner.as_ref().filter(|_| runs);
    if let Some(after) = owner.and_then(|owner| env_written_after(&row.home, owner.started_at)) {
        let (scope, profile) = (row.scope.flag(), &row.profile);
        let text = format!(
            "`{ENV}` was written {} after the gateway had started; to have it read: `hermes-install restart{scope} {profile}`",
            span::written(after)
        );
        line("env", text);
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
    for claim in told_claims(row) {
        let way_out = match is_hinted(row, claim) {
            true => String::new(),
            false => format!("; `{}`", claim.way_out),
        };
        line("also", format!("{}{way_out}", claim.who));
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

/// The claims of others that a person is told of. Where a profile stays with one unit, under a shield or the guard, that is no
/// trouble; beside an installed unit, or another one, it is.
pub(super) fn told_claims(row: &Profile) -> impl Iterator<Item = &OtherOwner> {
    let is_quiet = match row.other_owners.as_slice() {
        [only] if !row.installed => {
            let mut safe = row.shield.iter().chain(&row.guarded);
            safe.any(|unit| only.who.contains(&format!("`{unit}`")))
        }
        _ => false,
    };
    row.other_owners.iter().filter(move |_| !is_quiet)
}

/// Whether the profile's hint names the unit of a claim: then it has the ways out.
pub(super) fn is_hinted(row: &Profile, claim: &OtherOwner) -> bool {
    let hint = row.hint.iter();
    let mut words = hint.flat_map(|hint| hint.split([' ', '`', ',', ';', ':']));
    words.any(|word| word.ends_with(".service") && claim.who.contains(&format!("`{word}`")))
}

/// How many seconds after its gateway's start a home's `.env` was written. hermes may mend the file itself while it starts
/// (`_sanitize_env_file_if_needed`, hermes_cli/env_loader.py), and writes settings of a chat to it later on (`/sethome`): so this
/// is told where somebody asks for all of a profile, and is nothing wrong.
fn env_written_after(home: &Path, started_at: u64) -> Option<u64> {
    // No link of another account's is followed.
    let file = fs::symlink_metadata(home.join(ENV)).ok();
    let written = file.filter(fs::Metadata::is_file)?.modified().ok()?;
    let written = written.duration_since(UNIX_EPOCH).ok()?.as_secs();
    let after = written.checked_sub(started_at)?;
    (after > START).then_some(after)
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
    let version = match hermes.version.as_str() {
        UNKNOWN => "of an unknown version",
        known => known,
    };
    match (&hermes.on_disk, hermes.needs_restart) {
        (Some(on_disk), _) => format!("{version}; {on_disk} is on disk: restart needed"),
        (None, true) => format!("{version}; its files changed since: restart needed"),
        (None, false) => version.to_owned(),
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
    let verb = Claim::verb(other.runs);
    if let Some(file) = &other.unread {
        return format!(
            "elsewhere: {unit} ({how}) {verb} a gateway, and of which profile is not known: `{}` cannot be read; to see it: \
             `{SEEN_BY_ROOT}`",
            file.display()
        );
    }
    format!("elsewhere: {unit} ({how}) {verb} the gateway of {home}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_that_are_newer_than_their_gateway_are_told() {
        let home = tempfile::tempdir().expect("a directory");
        assert_eq!(env_written_after(home.path(), 0), None, "there is none");
        let file = fs::File::create(home.path().join(ENV)).expect("made");
        let written = UNIX_EPOCH + std::time::Duration::from_secs(10_000);
        file.set_modified(written).expect("set");
        assert_eq!(env_written_after(home.path(), 10_001), None);
        assert_eq!(env_written_after(home.path(), 9_990), None, "it starts");
        assert_eq!(env_written_after(home.path(), 9_000), Some(1_000));
    }
}
