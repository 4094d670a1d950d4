//! `uninstall`: what the receipt lists, and nothing else.

use std::collections::BTreeSet;

use anyhow::Result;

use super::aftermath::{kept, left_unserved, still_set};
use super::half::{loaded, refuse_half};
use super::target::refuse_served;
use crate::cli::UninstallArgs;
use crate::commands::json;
use crate::config::Config;
use crate::deploy::backup::{moved_units, note_told};
use crate::deploy::desired::guards_of_others;
use crate::deploy::lock::Lock;
use crate::deploy::orphans::refuse_orphans;
use crate::deploy::pipeline::{Policy, plan_for};
use crate::deploy::receipt::{Contents, Receipt, read_receipt};
use crate::deploy::removal::take_down;
use crate::deploy::unfinished::begun;
use crate::error::{Exit, refuse, trouble};
use crate::host::Host;
use crate::host::process::shell_quote;
use crate::output::{self, Output};
use crate::profile::ProfileName;
use crate::units::readable::is_for_guard;

/// Remove some profiles' units, or everything.
pub(crate) fn uninstall(args: &UninstallArgs) -> Result<Exit> {
    let output = args.output.printer();
    let host = Host::new(args.scope.scope(), args.scope.root.as_deref())?;
    let _lock = Lock::take(&host, args.wait.limit())?;
    let receipt = read_receipt(&host)?;
    if receipt.is_empty() {
        refuse_orphans(&host, &receipt)?;
        let scope = host.scope.name();
        tell_nothing(
            &output,
            &format!("nothing is installed in the {scope} scope"),
        );
        return Ok(Exit::Done);
    }
    let begun = begun(&receipt);
    refuse_unknown(&host, &receipt, &begun, &args.profiles)?;
    refuse_half(&host, &begun, &args.profiles)?;
    let is_going =
        |profile: &ProfileName| args.profiles.is_empty() || args.profiles.contains(profile);
    let (going, staying): (Vec<_>, Vec<_>) = receipt
        .instances
        .iter()
        .cloned()
        .partition(|i| is_going(&i.profile));
    let installed: Vec<String> = going.iter().map(|i| i.profile.unit()).collect();
    let half: Vec<String> = (begun.iter().filter(|p| is_going(p)))
        .map(ProfileName::unit)
        .collect();
    let units = [installed.clone(), half.clone()].concat();
    let stop = [installed, loaded(&host, half)?].concat();
    let mut leaving = units.clone();
    if args.profiles.is_empty() {
        let shields = receipt.shields.iter();
        leaving.extend(shields.map(|s| format!("the shield of {}", s.unit)));
    }
    let what = match leaving.as_slice() {
        [] => "what an interrupted install left".into(),
        units => units.join(", "),
    };
    if args.profiles.is_empty() && !args.yes {
        agree(&what)?;
    }
    // A configuration with an error in it keeps nobody from removing what is installed.
    let config = Config::load(None, &host).unwrap_or_default();
    let notes: Vec<String> = (going.iter())
        .flat_map(|instance| {
            let chosen = receipt.settings.get(&instance.profile);
            let mut notes = kept(&host, instance, chosen);
            notes.extend(still_set(&host, &instance.profile, &config));
            notes
        })
        .collect();
    let mut contents = if args.profiles.is_empty() {
        Contents::default()
    } else {
        receipt.contents()
    };
    contents.instances = staying;
    contents.settings.retain(|profile, _| !is_going(profile));
    if contents.has_no_units() {
        contents.guard = None;
    }
    let is_unguarded = receipt.guard == Some(true) && contents.guard.is_none();
    let unserved = left_unserved(&host, &going);
    let removed = reduce(&host, &output, receipt, contents, &stop)?;
    if output.json {
        output::json(&json::Removed {
            files_removed: removed,
            units: &units,
        });
    } else {
        let done = match removed {
            0 => format!(
                "{what} is recorded no more, and none of its files was there as it was written"
            ),
            _ => format!("removed {what}"),
        };
        output.done(format!("{done}; profiles and their data are untouched"));
        unserved.into_iter().for_each(|left| output.warn(left));
        notes.into_iter().for_each(|note| output.step(note));
        tell_moved(
            &host,
            &output,
            is_unguarded && guards_of_others(&host).is_empty(),
        )?;
    }
    Ok(Exit::Done)
}

/// There is nothing to remove, and why.
pub(super) fn tell_nothing(output: &Output, why: &str) {
    output.done(format!("{why}; nothing was changed"));
    if output.json {
        output::json(&json::Removed {
            files_removed: 0,
            units: &[],
        });
    }
}

/// A profile that is named and not installed is an error that says what is.
fn refuse_unknown(
    host: &Host,
    receipt: &Receipt,
    begun: &BTreeSet<ProfileName>,
    named: &[ProfileName],
) -> Result<()> {
    let is_known = |name: &ProfileName| {
        receipt.instances.iter().any(|i| i.profile == *name) || begun.contains(name)
    };
    let Some(unknown) = named.iter().find(|p| !is_known(p)) else {
        return Ok(());
    };
    refuse_served(host, unknown, None)?;
    let names: Vec<&str> = receipt
        .instances
        .iter()
        .map(|i| i.profile.as_str())
        .collect();
    trouble!(
        "profile `{unknown}` is not installed in the {} scope; installed: {}",
        host.scope.name(),
        names.join(", ")
    );
}

/// Everything goes only when somebody says so.
fn agree(what: &str) -> Result<()> {
    match output::ask(&format!("stop and remove {what}?")) {
        Some(true) => Ok(()),
        Some(false) => refuse!("nothing was changed"),
        None => refuse!(
            "this would stop and remove {what}, and there is no terminal to ask";
            "`--yes` agrees";
            "`--profile NAME` removes one profile's unit"
        ),
    }
}

/// Nobody runs what an old owner of a profile ran before it was migrated: say where its unit is, and how it comes back; and
/// that it does without the guard, where that has gone.
fn tell_moved(host: &Host, output: &Output, is_unguarded: bool) -> Result<()> {
    let manager = host.manager().command_prefix();
    let moved = moved_units(host)?;
    let is_news = !moved.is_empty();
    for (place, copy) in moved {
        let name = place.file_name().unwrap_or_default().to_string_lossy();
        let paths = [copy.to_string_lossy(), place.to_string_lossy()];
        output.warn(format!(
            "`{}` was there before hermes-install, and its copy is `{}`; to have it back: `install -m 644 {} && {manager} \
             daemon-reload && {manager} enable --now {}`{}",
            place.display(),
            copy.display(),
            shell_quote(&paths),
            shell_quote(&[&name]),
            match is_unguarded && is_for_guard(&name) {
                true => without_guard(host, program_stays()),
                false => String::new(),
            }
        ));
    }
    // The copies stay, and it is not said again.
    if is_news { note_told(host) } else { Ok(()) }
}

/// That a unit which comes back has no guard any more, as the end of a sentence, and what gives it one.
fn without_guard(host: &Host, program_stays: bool) -> String {
    let scope = host.scope.flag();
    let guard = format!(
        "; the guard that made it safe has gone with the last profile: `hermes-install guard{scope}`"
    );
    match program_stays {
        true => guard + " places it again",
        false => guard + " places it again, once hermes-install is there again",
    }
}

/// Whether this program was not removed by its own run.
fn program_stays() -> bool {
    std::env::current_exe().is_ok_and(|program| program.exists())
}

/// Leave only these contents of what is recorded; stop these units first. The number of files removed.
pub(super) fn reduce(
    host: &Host,
    output: &Output,
    receipt: Receipt,
    contents: Contents,
    stop: &[String],
) -> Result<usize> {
    let policy = Policy {
        keeps_files: true,
        ..Policy::default()
    };
    take_down(plan_for(host, output, receipt, contents, &policy)?, stop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Scope;

    #[test]
    fn a_unit_that_comes_back_is_told_that_its_guard_has_gone() {
        let top = tempfile::tempdir().expect("a directory");
        let host = Host::observer(Scope::System, Some(top.path())).expect("an image");
        let told = without_guard(&host.in_scope(Scope::User), true);
        assert!(
            told.ends_with("`hermes-install guard --user` places it again"),
            "{told}"
        );
        let told = without_guard(&host, false);
        assert!(
            told.contains("once hermes-install is there again"),
            "{told}"
        );
        assert!(is_for_guard("hermes-gateway-coder.service"));
        assert!(!is_for_guard("hermes-gateway@coder.service") && !is_for_guard("bot.service"));
    }
}
