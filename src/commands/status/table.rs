//! All profiles at a glance: a line for each, and below them what needs a person, with the commands that help.

use anstyle::Style;

use super::details::see_end;
use super::since::Clock;
use super::text::{
    colour, elsewhere, is_hinted, of_platform, owned, told_claims, unfinished, version,
};
use crate::commands::json::{Platform, Profile, State, Status};
use crate::commands::page::{Cell, Column, table};
use crate::host::Host;
use crate::host::process_text::ago;
use crate::output::wrap::{sentence, way_out};
use crate::output::{BAD, CARE};

/// The state of a platform that works.
pub(super) const CONNECTED: &str = "connected";

const COLUMNS: [Column; 6] = [
    column("PROFILE", false, Some(10)),
    column("STATE", false, None),
    column("SINCE", false, None),
    column("RESTARTS", true, None),
    column("VERSION", false, Some(7)),
    column("PLATFORMS", false, Some(9)),
];

const fn column(title: &'static str, is_number: bool, least: Option<usize>) -> Column {
    Column {
        title,
        is_number,
        least,
    }
}

/// The whole answer, in lines of so many characters.
pub(super) fn text(host: &Host, status: &Status, clock: &Clock, width: usize) -> String {
    let rows: Vec<Vec<Cell>> = status.profiles.iter().map(|p| row(p, clock)).collect();
    let mut out = table(&COLUMNS, &rows, width);
    for profile in &status.profiles {
        let said = attention(host, profile, clock, width);
        if !said.is_empty() {
            out += &format!("\n{}\n{said}", profile.profile);
        }
    }
    if !status.elsewhere.is_empty() || status.unfinished.is_some() {
        out.push('\n');
    }
    for other in &status.elsewhere {
        out += &sentence("", &elsewhere(other), 2, width);
    }
    out + &unfinished(status, width)
}

fn row(profile: &Profile, clock: &Clock) -> Vec<Cell> {
    let none = || "-".to_owned();
    let hermes = profile.hermes.as_ref();
    let restarts = profile.installed.then(|| profile.restarts.to_string());
    vec![
        Cell::plain(profile.profile.as_str()),
        Cell {
            text: profile.state.name().to_owned(),
            style: colour(profile.state),
        },
        Cell::plain(clock.since(profile)),
        Cell::plain(restarts.unwrap_or_else(none)),
        Cell::plain(hermes.map_or_else(none, |hermes| hermes.version.clone())),
        Cell::plain(platforms(profile)),
    ]
}

/// The platforms in a few words, those that do not work first.
fn platforms(profile: &Profile) -> String {
    if let Some(server) = &profile.served_by {
        return format!("by {server}");
    }
    if profile.platforms.is_empty() {
        let runs = matches!(profile.state, State::Running | State::Degraded);
        return if runs { "none" } else { "-" }.to_owned();
    }
    let (well, ill): (Vec<&Platform>, Vec<&Platform>) =
        profile.platforms.iter().partition(|p| p.state == CONNECTED);
    let ill = ill.iter().map(|p| format!("{} {}", p.name, p.state));
    let well = well.iter().map(|p| p.name.clone());
    ill.chain(well).collect::<Vec<_>>().join(", ")
}

/// What needs a person; empty when all is well.
fn attention(host: &Host, profile: &Profile, clock: &Clock, width: usize) -> String {
    let mut out = String::new();
    let mut say = |style: Style, label: &str, text: &str| {
        let begin = format!("  {style}{label:7}{style:#}  ");
        out += &sentence(&begin, text, 11, width);
    };
    for platform in profile.platforms.iter().filter(|p| p.error.is_some()) {
        say(CARE, "warning", &of_platform(platform, clock));
    }
    if let Some(hermes) = profile.hermes.as_ref().filter(|h| h.needs_restart) {
        say(CARE, "warning", &format!("hermes {}", version(hermes)));
    }
    if let Some(waiting) = &profile.next_start {
        say(CARE, "warning", &waiting.to_string());
    }
    for claim in told_claims(profile) {
        say(CARE, "warning", &claim.who);
    }
    for text in profile.drift.iter().chain(&profile.unknown) {
        say(CARE, "warning", text);
    }
    let is_ended = matches!(profile.state, State::Failed | State::Restarting);
    match (&profile.owner, &profile.last_end, &profile.hint) {
        (_, Some(end), _) if is_ended => {
            let ago = end.at.and_then(ago).unwrap_or_default();
            say(BAD, "error", &format!("{}{ago}", end.why));
        }
        (Some(owner), _, Some(_)) if profile.state == State::OwnedElsewhere => {
            // A unit of somebody else's that runs a profile is what that person wanted.
            let (style, label) = match profile.installed || owner.unit.is_none() {
                true => (BAD, "error"),
                false => (CARE, "warning"),
            };
            say(style, label, &owned(owner));
        }
        _ => {}
    }
    for claim in told_claims(profile).filter(|claim| !is_hinted(profile, claim)) {
        out += &way_out("hint   ", &format!("`{}`", claim.way_out), 2, width);
    }
    let hint = match profile.state {
        State::Served => None,
        State::Failed | State::Restarting => Some(see_end(profile)),
        _ => profile.hint.clone(),
    };
    if let Some(hint) = hint {
        out += &way_out("hint   ", &hint, 2, width);
    }
    debug_assert!(host.scope == profile.scope);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::json::Owner;
    use crate::commands::status::prometheus::sample;
    use crate::layout::Scope;
    use crate::takeover::other_owner::OtherOwner;

    #[test]
    fn a_unit_under_the_guard_is_told_beside_an_installed_one_alone() {
        let top = tempfile::tempdir().expect("a directory");
        let host = Host::observer(Scope::System, Some(top.path())).expect("an image");
        let told = |row: &Profile| {
            let text = attention(&host, row, &Clock::of_host(), 200);
            anstream::adapter::strip_str(&text).to_string()
        };
        let mut row = sample("default", State::Running);
        row.guarded = Some("hermes-gateway.service".into());
        row.other_owners = vec![OtherOwner {
            who: "system unit `hermes-gateway.service` (enabled) would run it".into(),
            way_out: "systemctl disable --now hermes-gateway.service".into(),
        }];
        let text = told(&row);
        assert!(text.contains("would run it"), "{text}");
        assert!(text.contains("systemctl disable --now"), "{text}");
        row.installed = false;
        assert_eq!(told(&row), "");

        // Without the guard, and it runs: what it needs is the profile's hint, not to go.
        row.guarded = None;
        row.state = State::OwnedElsewhere;
        row.hint = Some("under hermes-gateway.service: `hermes-install guard`".into());
        row.owner = Some(Owner {
            pid: 7,
            unit: Some("hermes-gateway.service".into()),
            terminal: None,
            user: "alice".into(),
            command: "hermes gateway run".into(),
            age_seconds: 1,
            started_at: 1,
        });
        let text = told(&row);
        assert!(text.contains("hermes-install guard"), "{text}");
        assert!(
            !text.contains("error") && !text.contains("disable"),
            "{text}"
        );
        row.installed = true;
        let text = told(&row);
        assert!(
            text.contains("error") && !text.contains("disable"),
            "{text}"
        );

        // Two of them are one too many, whatever guards them.
        row.installed = false;
        row.guarded = Some("hermes-gateway.service".into());
        row.hint = None;
        row.other_owners.push(row.other_owners[0].clone());
        let text = told(&row);
        assert_eq!(text.matches("disable --now").count(), 2, "{text}");
    }
}
