//! `uninstall`: what the receipt lists, and nothing else.

use anyhow::Result;

use super::target::refuse_served;
use crate::cli::UninstallArgs;
use crate::commands::json;
use crate::deploy::backup::{moved_units, note_told};
use crate::deploy::lock::Lock;
use crate::deploy::pipeline::{Policy, plan_for};
use crate::deploy::receipt::{Contents, Receipt, read_receipt};
use crate::deploy::removal::take_down;
use crate::error::{Exit, refuse, trouble};
use crate::host::Host;
use crate::host::process::shell_quote;
use crate::output::{self, Output};
use crate::profile::ProfileName;

/// Remove some profiles' units, or everything.
pub(crate) fn uninstall(args: &UninstallArgs) -> Result<Exit> {
    let output = args.output.printer();
    let host = Host::new(args.scope.scope(), args.scope.root.as_deref())?;
    let _lock = Lock::take(&host, args.wait.limit())?;
    let receipt = read_receipt(&host)?;
    if receipt.is_empty() {
        let scope = host.scope.name();
        tell_nothing(
            &output,
            &format!("nothing is installed in the {scope} scope"),
        );
        return Ok(Exit::Done);
    }
    refuse_unknown(&host, &receipt, &args.profiles)?;
    let is_going =
        |profile: &ProfileName| args.profiles.is_empty() || args.profiles.contains(profile);
    let (going, staying): (Vec<_>, Vec<_>) = receipt
        .instances
        .iter()
        .cloned()
        .partition(|i| is_going(&i.profile));
    let stop: Vec<String> = going.iter().map(|i| i.profile.unit()).collect();
    let mut leaving = stop.clone();
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
    let removed = reduce(&host, &output, receipt, contents, &stop)?;
    if output.json {
        output::json(&json::Removed {
            files_removed: removed,
            units: &stop,
        });
    } else {
        output.done(format!(
            "removed {what}; profiles and their data are untouched"
        ));
        tell_moved(&host, &output)?;
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
fn refuse_unknown(host: &Host, receipt: &Receipt, named: &[ProfileName]) -> Result<()> {
    let is_known = |name: &ProfileName| receipt.instances.iter().any(|i| i.profile == *name);
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

/// Nobody runs what an old owner of a profile ran before it was migrated: say where its unit is, and how it comes back.
fn tell_moved(host: &Host, output: &Output) -> Result<()> {
    let manager = host.manager().command_prefix();
    let moved = moved_units(host)?;
    let is_news = !moved.is_empty();
    for (place, copy) in moved {
        let name = place.file_name().unwrap_or_default().to_string_lossy();
        let paths = [copy.to_string_lossy(), place.to_string_lossy()];
        output.warn(format!(
            "`{}` was there before hermes-install, and its copy is `{}`; to have it back: `install -m 644 {} && {manager} \
             daemon-reload && {manager} enable --now {}`",
            place.display(),
            copy.display(),
            shell_quote(&paths),
            shell_quote(&[name])
        ));
    }
    // The copies stay, and it is not said again.
    if is_news { note_told(host) } else { Ok(()) }
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
