//! What to do next about a profile: one sentence, with commands that work here.

use super::platforms::{give_tokens, way_out};
use crate::commands::elsewhere::{command, is_of_other_manager, whose};
use crate::commands::json::{Profile, State};
use crate::gateway::config::is_standalone;
use crate::gateway::env_file::ENV;
use crate::gateway::gone::gone;
use crate::gateway::tokenless::Tokenless;
use crate::gateway::version::{Rules, Version};
use crate::host::Host;
use crate::host::process::{Process, shell_quote};
use crate::host::process_text::{name, restart_command, stop_command, stopped};
use crate::host::service_state::Exit;
use crate::profile::root_of;
use crate::units::inventory::Inventory;
use crate::units::readable::is_for_guard;
use crate::units::unit::Unit;

/// The state of a platform that hermes does not try again.
const FATAL: &str = "fatal";
/// The state of one that it does.
const RETRYING: &str = "retrying";

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
    if let Some((what, go_on)) = process.and_then(stopped) {
        return Some(format!("{what}; to let it go on: `{go_on}`"));
    }
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
        State::Stopped if !row.installed => Some(not_installed(host, inventory, row)),
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
        State::Degraded if row.platforms.iter().any(|p| p.state == RETRYING) => Some(format!(
            "hermes tries again by itself; what it says meanwhile: `hermes-install logs{scope} {profile} -n 50`"
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

/// Somebody else has the profile.
fn owned_elsewhere(
    host: &Host,
    inventory: &Inventory,
    row: &Profile,
    process: Option<&Process>,
) -> Option<String> {
    let Some(process) = process else {
        return Some("its owner cannot be seen from here; look in containers on this host".into());
    };
    let stop = stop_command(process);
    if process.container().is_some() || process.has_other_ids() {
        return Some(format!(
            "{} works on its home in a container; to stop it: `{stop}`",
            name(process)
        ));
    }
    if !inventory.is_by_hand(host, &row.home, process) {
        let unit = inventory.unit_of(host, &row.home, process);
        let name = row.owner.as_ref().and_then(|o| o.unit.as_ref());
        if let Some(name) = unit.map(|unit| &unit.name).or(name) {
            return by_unit(host, row, unit, name, &stop, &restart_command(process));
        }
    }
    Some(by_hand(host, inventory, row, &stop))
}

/// A unit that is not the profile's runs it.
fn by_unit(
    host: &Host,
    row: &Profile,
    unit: Option<&Unit>,
    name: &str,
    stop: &str,
    restart: &str,
) -> Option<String> {
    let (profile, scope) = (&row.profile, host.scope.flag());
    let ours = unit.filter(|unit| is_of_other_manager(host, unit));
    if let Some(look) = ours.and_then(|unit| command(host, unit, look)) {
        let whose = ours.map(whose).unwrap_or_default();
        return Some(format!(
            "running under {name}, which is installed in {whose}; to see it there: `{look}`"
        ));
    }
    let migrate = format!("`hermes-install{scope} --profile {profile} --migrate`");
    match unit.filter(|unit| unit.is_kept_safe()) {
        Some(_) if row.installed => Some(format!(
            "running under {name}, and not under its unit: to have its unit run it: {migrate}"
        )),
        Some(_) => {
            let is_old = row.hermes.as_ref().is_some_and(|h| h.needs_restart);
            is_old.then(|| format!("to restart it after its turns: `{restart}`"))
        }
        None => {
            let safe = unit.and_then(|unit| made_safe(host, unit));
            let safe = safe.map(|safe| format!("to make that unit safe: `{safe}`; "));
            Some(format!(
                "running under {name} (not installed by hermes-install): {}for the shipped unit in its place: {migrate}; \
                 to stop it: `{stop}`",
                safe.unwrap_or_default()
            ))
        }
    }
}

/// What shows an instance of the shipped template.
fn look(profile: &str) -> String {
    format!("status --profile {profile}")
}

/// The command that makes a unit safe and leaves its file as it is.
fn made_safe(host: &Host, unit: &Unit) -> Option<String> {
    let scope = host.scope.flag();
    if unit.manager != host.manager() || unit.home().is_none() || unit.runs_contained() {
        return None;
    }
    let is_masked = !unit.is_user() && !unit.is_for_guard(host);
    Some(match is_for_guard(&unit.name) && !is_masked {
        true => format!("hermes-install guard{scope}"),
        false => {
            let name = shell_quote(std::slice::from_ref(&unit.name));
            format!("hermes-install shield{scope} --unit {name}")
        }
    })
}

/// Somebody started it by hand.
fn by_hand(host: &Host, inventory: &Inventory, row: &Profile, stop: &str) -> String {
    let (profile, scope) = (&row.profile, host.scope.flag());
    let safe = safe_unit(host, inventory, row).filter(|unit| unit.stays().is_some());
    if let Some(unit) = safe.filter(|_| !row.installed) {
        return format!(
            "started by hand: to bring it under {}: `{stop}`, and when it has ended: `{}`",
            unit.name,
            start(host, unit)
        );
    }
    let more = match row.other_owners.is_empty() {
        true => "",
        false => " --migrate",
    };
    format!(
        "started by hand: to bring it under its unit: `hermes-install adopt{scope} --profile {profile}{more}`; to stop it: \
         `{stop}`"
    )
}

/// Nobody runs it, and hermes-install has not installed it here.
fn not_installed(host: &Host, inventory: &Inventory, row: &Profile) -> String {
    let (profile, scope) = (&row.profile, host.scope.flag());
    let mut units = inventory.units_of(host, &row.home);
    if let Some(unit) = units.find(|unit| is_of_other_manager(host, unit)) {
        if let Some(start) = command(host, unit, |name| format!("start {name}")) {
            let (name, whose) = (&unit.name, whose(unit));
            return format!("installed in {whose}, as {name}; to start it: `{start}`");
        }
    }
    let Some(unit) = safe_unit(host, inventory, row) else {
        return format!("to install its unit: `hermes-install{scope} --profile {profile}`");
    };
    let failed = unit.loaded.as_ref().filter(|state| state.has_failed());
    let failed = failed.map(|state| match state.exit {
        Some(Exit::Status(69)) => format!(
            "{} failed beside another gateway, which has gone; ",
            unit.name
        ),
        _ => format!(
            "{} failed; to see why: `{} -n 20`; ",
            unit.name,
            unit.manager.journal_command(&unit.name)
        ),
    });
    format!(
        "{}to start it: `{}`; for the shipped unit in its place: `hermes-install{scope} --profile {profile} --migrate`",
        failed.unwrap_or_default(),
        start(host, unit)
    )
}

/// The unit that is to run a profile which is not installed here, and which failed: nobody meant it to be down.
pub(super) fn is_left_failed(host: &Host, inventory: &Inventory, row: &Profile) -> bool {
    let is_failed = |unit: &Unit| unit.loaded.as_ref().is_some_and(|state| state.has_failed());
    let unit = safe_unit(host, inventory, row).filter(|unit| unit.stays().is_some());
    row.state == State::Stopped && !row.installed && unit.is_some_and(is_failed)
}

/// The unit of somebody else's that runs the profile under the guard or a shield, or would; first of all one that something
/// starts.
fn safe_unit<'a>(host: &Host, inventory: &'a Inventory, row: &Profile) -> Option<&'a Unit> {
    let units = inventory.units_of(host, &row.home);
    let safe = units.filter(|unit| unit.is_kept_safe());
    safe.max_by_key(|unit| unit.stays().is_some())
}

/// The command that starts a unit, by whoever may.
fn start(host: &Host, unit: &Unit) -> String {
    let command = unit.command("start");
    match unit.is_user() || host.own.uid == 0 {
        true => command,
        false => format!("sudo {command}"),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::commands::json::Hermes;
    use crate::commands::status::prometheus::sample;
    use crate::host::service_state::ServiceState;
    use crate::layout::{GUARD, SHIELD, Scope};
    use crate::takeover::other_owner::owning_units;
    use crate::units::origin::Origin;

    const UNIT: &str = "hermes-gateway.service";
    const PID: &str = "kill -INT 7";

    /// An image whose system has hermes' own unit, enabled; under a drop-in by this name, or none.
    fn image(drop_in: Option<&str>) -> (tempfile::TempDir, Host, Inventory) {
        let top = tempfile::tempdir().expect("a directory");
        let place = top.path().join("etc/systemd/system");
        let wants = place.join("multi-user.target.wants");
        fs::create_dir_all(&wants).expect("made");
        let text = "[Service]\nEnvironment=HERMES_HOME=/var/lib/hermes\nExecStart=/opt/hermes gateway run\n";
        fs::write(place.join(UNIT), text).expect("written");
        std::os::unix::fs::symlink(format!("../{UNIT}"), wants.join(UNIT)).expect("linked");
        if let Some(name) = drop_in {
            let place = place.join(format!("{UNIT}.d"));
            fs::create_dir(&place).expect("made");
            let text =
                "[Service]\nExecStart=\nExecStart=/usr/bin/hermes-install exec --profile default\n";
            fs::write(place.join(name), text).expect("written");
        }
        let host = Host::observer(Scope::System, Some(top.path())).expect("a host");
        let inventory = Inventory::of_own_manager(&host);
        assert_eq!(inventory.units.len(), 1);
        (top, host, inventory)
    }

    fn row(host: &Host, inventory: &Inventory, state: State, installed: bool) -> Profile {
        let mut row = sample("default", state);
        row.installed = installed;
        row.other_owners = owning_units(host, inventory.units.iter(), &row.profile, &row.home);
        assert!(!row.other_owners.is_empty());
        row
    }

    #[test]
    fn beside_an_installed_unit_one_under_the_guard_is_migrated() {
        for drop_in in [GUARD, SHIELD] {
            let (_top, host, inventory) = image(Some(drop_in));
            let unit = inventory.units.first();
            let told = |row: &Profile| by_unit(&host, row, unit, UNIT, "stop", "reload");
            let mut row = row(&host, &inventory, State::OwnedElsewhere, true);
            let hint = told(&row).expect("a hint");
            assert!(
                hint.contains("`hermes-install --profile default --migrate`"),
                "{hint}"
            );
            row.installed = false;
            assert_eq!(told(&row), None, "it may stay");
            row.hermes = Some(Hermes {
                version: "0.22.2".into(),
                on_disk: None,
                needs_restart: true,
            });
            let hint = "to restart it after its turns: `reload`";
            assert_eq!(told(&row).as_deref(), Some(hint));
        }
    }

    #[test]
    fn what_makes_a_unit_safe_is_told_before_what_replaces_it() {
        let (_top, host, inventory) = image(None);
        let row = row(&host, &inventory, State::OwnedElsewhere, false);
        let mut unit = inventory.units[0].clone();
        let told = |unit: &Unit| {
            let hint = by_unit(&host, &row, Some(unit), &unit.name, "stop", "reload");
            hint.expect("a hint")
        };
        let ends = "; for the shipped unit in its place: `hermes-install --profile default --migrate`; to stop it: `stop`";
        let hint = told(&unit);
        let guard = format!("to make that unit safe: `hermes-install guard`{ends}");
        assert!(hint.ends_with(&guard), "{hint}");
        unit.name = "bot.service".to_owned();
        let hint = told(&unit);
        let shield = format!("`hermes-install shield --unit bot.service`{ends}");
        assert!(hint.ends_with(&shield), "{hint}");
    }

    #[test]
    fn what_the_system_has_is_not_a_user_s_to_migrate() {
        let (_top, mut host, mut inventory) = image(None);
        let mut one = row(&host, &inventory, State::OwnedElsewhere, false);
        let unit = &mut inventory.units[0];
        unit.name = "hermes-gateway@coder.service".to_owned();
        unit.origin = Origin::Ours;
        host.scope = Scope::User;
        host.own.uid = 1000;
        let unit = &inventory.units[0];
        let hint = by_unit(&host, &one, Some(unit), &unit.name, "stop", "reload");
        let hint = hint.expect("a hint");
        let look = "installed in the system manager; to see it there: `sudo hermes-install status --profile coder`";
        assert!(hint.ends_with(look), "{hint}");
        assert!(
            !hint.contains('\''),
            "a quote would hide its command: {hint}"
        );
        one.state = State::Stopped;
        let hint = not_installed(&host, &inventory, &one);
        let start = "to start it: `sudo hermes-install start coder`";
        assert!(hint.ends_with(start), "{hint}");
    }

    #[test]
    fn a_gateway_by_hand_goes_under_the_unit_that_is_to_run_it() {
        let (_top, host, mut inventory) = image(Some(GUARD));
        let mut one = row(&host, &inventory, State::OwnedElsewhere, false);
        let hint = by_hand(&host, &inventory, &one, PID);
        let start =
            format!("under {UNIT}: `{PID}`, and when it has ended: `systemctl start {UNIT}`");
        assert!(hint.ends_with(&start), "{hint}");
        one.installed = true;
        let hint = by_hand(&host, &inventory, &one, PID);
        assert!(
            hint.contains("`hermes-install adopt --profile default --migrate`"),
            "{hint}"
        );
        one.other_owners.clear();
        let hint = by_hand(&host, &inventory, &one, PID);
        assert!(hint.contains("adopt --profile default`"), "{hint}");

        inventory.units[0].is_wanted = false;
        one.installed = false;
        let hint = by_hand(&host, &inventory, &one, PID);
        assert!(
            hint.contains("adopt --profile default`"),
            "nothing starts that unit: {hint}"
        );
    }

    #[test]
    fn a_unit_under_the_guard_that_failed_is_started_and_is_not_well() {
        let (_top, host, mut inventory) = image(Some(GUARD));
        let one = row(&host, &inventory, State::Stopped, false);
        let mut told = |state: &str| {
            inventory.units[0].loaded = ServiceState::parse_all(state).pop();
            let hint = not_installed(&host, &inventory, &one);
            assert!(
                hint.contains(&format!("`systemctl start {UNIT}`")),
                "{hint}"
            );
            (hint, is_left_failed(&host, &inventory, &one))
        };
        let (hint, is_left) = told("ActiveState=inactive");
        assert!(hint.starts_with("to start it") && !is_left, "{hint}");
        let failed = "ActiveState=failed\nResult=exit-code\nExecMainCode=1\nExecMainStatus=";
        let (hint, is_left) = told(&format!("{failed}69"));
        assert!(
            hint.contains("beside another gateway, which has gone") && is_left,
            "{hint}"
        );
        let (hint, is_left) = told(&format!("{failed}78"));
        let journal = format!("`journalctl -u {UNIT} -n 20`");
        assert!(hint.contains(&journal) && is_left, "{hint}");
        inventory.units[0].is_wanted = false;
        assert!(
            !is_left_failed(&host, &inventory, &one),
            "nothing starts it"
        );
    }
}
