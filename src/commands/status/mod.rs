//! `status`: every profile on this host, who has it, and whether what was installed is still so. Changes nothing.

mod details;
mod drift;
mod elsewhere;
mod hint;
mod platforms;
mod prometheus;
mod rows;
mod shut_out;
mod since;
mod state;
mod table;
mod text;
mod watch;

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::Result;

use crate::cli::StatusArgs;
use crate::commands::json::{Profile, State, Status};
use crate::commands::page::width;
use crate::deploy::receipt::{Receipt, read_receipt};
use crate::deploy::unfinished::Unfinished;
use crate::error::{Exit, trouble};
use crate::host::Host;
use crate::layout::Scope;
use crate::output;
use crate::profile::{ProfileName, discover, discover_tenants};
use crate::units::inventory::Inventory;

use rows::Sight;
use since::Clock;

/// Show the profiles.
pub(crate) fn status(args: &StatusArgs) -> Result<Exit> {
    let host = Host::observer(args.scope.scope(), args.scope.root.as_deref())?;
    if let Some(seconds) = args.watch {
        return watch::watch(&host, args, seconds);
    }
    let status = look(&host, args)?;
    let is_live = host.live().is_some();
    if args.prometheus {
        output::print(prometheus::text(&status, |p| is_as_wanted(is_live, p)));
        // The metrics say what is wrong, and a script keeps them only where the command did not fail.
        return Ok(Exit::Done);
    }
    if args.output.json {
        output::json(&status);
    } else if !args.output.quiet {
        output::styled(page(&host, args, &status));
    }
    let mut profiles = status.profiles.iter();
    let is_finished = status.unfinished.is_none();
    Ok(
        if is_finished && profiles.all(|p| is_as_wanted(is_live, p)) {
            Exit::Done
        } else {
            Exit::Differs
        },
    )
}

/// What people read: a table, or all about the profiles that were named.
fn page(host: &Host, args: &StatusArgs, status: &Status) -> String {
    let clock = Clock::of_host();
    if status.profiles.is_empty() {
        text::nobody(host, status, width())
    } else if args.long || !args.profiles.is_empty() {
        text::text(host, status, &clock, width())
    } else {
        table::text(host, status, &clock, width())
    }
}

/// Nothing differs from what was installed, and what was installed runs well or was stopped, by somebody who meant it.
fn is_as_wanted(is_live: bool, profile: &Profile) -> bool {
    let is_well = matches!(
        profile.state,
        State::Running | State::Draining | State::Served | State::Parked | State::Stopped
    );
    let is_left = profile.left_stopped || profile.never_started;
    !is_left && profile.drift.is_empty() && (is_well || !profile.installed || !is_live)
}

fn look(host: &Host, args: &StatusArgs) -> Result<Status> {
    host.files.begin();
    let receipt = read_receipt(host)?;
    let profiles = chosen(host, &receipt, &args.profiles)?;
    let inventory = Inventory::read(host);
    let drift = receipt.drift(&host.files);
    let sight = Sight::new(host, &receipt, &inventory, drift, &profiles)?;
    let rows: Vec<Profile> = profiles
        .iter()
        .map(|(profile, root)| sight.profile(profile, root))
        .collect();
    let elsewhere = if args.profiles.is_empty() {
        elsewhere::elsewhere(host, &inventory, &rows)
    } else {
        Vec::new()
    };
    // Rows tell it of their profiles.
    let unfinished = Unfinished::of(&receipt, host.scope).map(|unfinished| unfinished.sentence());
    let is_told = |told: &String| rows.iter().any(|row| row.drift.contains(told));
    Ok(Status {
        unfinished: unfinished.filter(|told| !is_told(told)),
        profiles: rows,
        elsewhere,
    })
}

/// The profiles to show, each with its hermes root: installed ones, and those below the usual root.
fn chosen(
    host: &Host,
    receipt: &Receipt,
    wanted: &[ProfileName],
) -> Result<Vec<(ProfileName, PathBuf)>> {
    let usual = host.default_root();
    let installed = receipt.instances.iter().map(|i| {
        let root = i.root.clone().unwrap_or_else(|| usual.clone());
        (i.profile.clone(), root)
    });
    let found = discover(&usual, |path| host.real(path)).into_iter();
    let mut found: Vec<_> = found.map(|profile| (profile, usual.clone())).collect();
    if host.scope == Scope::System {
        let known: BTreeSet<_> = receipt.instances.iter().map(|i| &i.profile).collect();
        let is_known = |profile: &ProfileName| known.contains(profile);
        let tenants = discover_tenants(|path| host.real(path), is_known).into_iter();
        found.extend(tenants.map(|profile| (profile.clone(), profile.tenant_root())));
    }
    // The installed one comes first, and is kept where a profile of the same name lies below the usual root.
    let mut profiles: Vec<_> = installed.chain(found).collect();
    profiles.sort_by(|a, b| a.0.cmp(&b.0));
    profiles.dedup_by(|b, a| a.0 == b.0);
    let is_unknown = |name: &&ProfileName| !profiles.iter().any(|(known, _)| known == *name);
    if let Some(name) = wanted.iter().find(is_unknown) {
        trouble!(
            "profile `{name}` is neither installed in the {} scope nor under `{}`",
            host.scope.name(),
            usual.display();
            "to see every profile: `hermes-install status`"
        );
    }
    profiles.retain(|(profile, _)| wanted.is_empty() || wanted.contains(profile));
    Ok(profiles)
}

#[cfg(test)]
mod tests {
    use super::prometheus::sample;
    use super::*;

    #[test]
    fn a_gateway_that_an_update_left_down_is_not_green_and_one_that_somebody_stopped_is() {
        let mut profile = sample("default", State::Stopped);
        assert!(is_as_wanted(true, &profile));
        profile.installed = false;
        profile.left_stopped = true;
        assert!(!is_as_wanted(true, &profile));

        profile.left_stopped = false;
        profile.never_started = true;
        assert!(
            !is_as_wanted(true, &profile),
            "nobody is known to have stopped it"
        );
        profile.never_started = false;
        profile.state = State::Failed;
        assert!(is_as_wanted(true, &profile), "it is somebody else's");
        profile.installed = true;
        assert!(!is_as_wanted(true, &profile));
        assert!(is_as_wanted(false, &profile), "nothing runs in an image");
    }
}
