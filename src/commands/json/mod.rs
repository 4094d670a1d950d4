//! What `--json` prints: one object for each run, on standard output. A word means the same in all of them, and a field is
//! only ever added. A command that fails prints `{"error": {"kind", "message", "hints"}}` ([`crate::output::error`]).
//!
//! Times are seconds since 1970, durations are seconds, paths are absolute on the host or in the image.

mod status;
mod why;

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use crate::deploy::plan::{Action, Change};
use crate::doctor::finding::{Finding, Fix};
use crate::doctor::rules::Rule;
use crate::profile::ProfileName;
use crate::render::tree::Entry;
use crate::units::secret::without_secrets;

pub(crate) use status::{Elsewhere, Hermes, LastEnd, Owner, Platform, Profile, State, Status};
pub(crate) use why::{Ends, Why};

/// `plan`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Planned<'a> {
    /// Every path of the plan and what would happen to it.
    pub(crate) changes: Vec<PlannedChange<'a>>,
    /// What install would refuse, each as a sentence.
    pub(crate) conflicts: Vec<String>,
    /// Units of other owners that would be stopped.
    pub(crate) stopped: Vec<&'a str>,
    /// Units that would run at the end.
    pub(crate) started: Vec<&'a str>,
    /// Units that would be started: they do not run.
    pub(crate) starts: Vec<&'a str>,
    /// Units that would be restarted: they run, and what they are made of changes.
    pub(crate) restarts: Vec<Restart<'a>>,
    /// Profiles that the default profile's gateway would serve.
    pub(crate) served: Vec<&'a ProfileName>,
    /// Profiles with an account and a root of their own.
    pub(crate) tenants: Vec<&'a ProfileName>,
    /// What would be taken over from old owners, each as a line.
    pub(crate) carried: Vec<&'a String>,
    /// What starts gateways of these profiles beside their units, each as a sentence.
    pub(crate) notes: &'a [String],
    /// What of them would be left out, and why, each as a line.
    pub(crate) left: Vec<&'a String>,
}

/// One path of [`Planned`].
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct PlannedChange<'a> {
    /// The path.
    pub(crate) path: String,
    /// What would happen to it.
    #[serde(flatten)]
    pub(crate) action: &'a Action,
    /// The text that a file would have; secrets are left out.
    pub(crate) text: Option<String>,
    /// Where a link would lead.
    pub(crate) link: Option<&'a str>,
}

impl<'a> PlannedChange<'a> {
    /// Of a change.
    pub(crate) fn new(change: &'a Change) -> Self {
        let after = change.after.as_ref();
        Self {
            path: format!("/{}", change.path),
            action: &change.action,
            text: after.and_then(Entry::as_text).map(without_secrets),
            link: after.and_then(|entry| match entry {
                Entry::Link { target } => Some(target.as_str()),
                Entry::File { .. } => None,
            }),
        }
    }
}

/// A unit that would be restarted.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Restart<'a> {
    /// Its name.
    pub(crate) unit: &'a str,
    /// How long its gateway may finish its running turns before, in seconds; 0 where they end at once.
    pub(crate) drain_seconds: u32,
}

/// `install` and `adopt`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Installed<'a> {
    /// How many files were written or removed.
    pub(crate) files_changed: usize,
    /// The profiles that were asked for.
    pub(crate) profiles: Vec<InstalledProfile<'a>>,
    /// Where replaced files were moved to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) backup: Option<String>,
    /// Units that run the old definition until they are restarted.
    pub(crate) to_restart: &'a [String],
}

/// One profile of [`Installed`].
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct InstalledProfile<'a> {
    /// The profile.
    pub(crate) profile: &'a ProfileName,
    /// Its unit.
    pub(crate) unit: String,
    /// Its home.
    pub(crate) home: &'a Path,
    /// Whether it is a tenant: account and root are its own.
    pub(crate) tenant: bool,
    /// Main process of a unit that was started or restarted now.
    pub(crate) started: Option<i32>,
    /// Whether it starts at boot.
    pub(crate) enabled: bool,
    /// Seconds that the stop of an old owner took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stop_seconds: Option<f64>,
    /// Seconds from its end until the new gateway was up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) seconds_without_gateway: Option<f64>,
}

/// A unit that was started or restarted.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Started {
    /// Its name.
    pub(crate) unit: String,
    /// Its main process.
    pub(crate) main_pid: i32,
}

/// Units by name with the main process of each.
pub(crate) fn started(units: &BTreeMap<String, i32>) -> Vec<Started> {
    let units = units.iter().map(|(unit, main_pid)| Started {
        unit: unit.clone(),
        main_pid: *main_pid,
    });
    units.collect()
}

/// `upgrade`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Upgraded<'a> {
    /// How many files were written or removed.
    pub(crate) files_changed: usize,
    /// Units that run something new.
    pub(crate) restarted: Vec<Started>,
    /// Units that run the old definition until they are restarted.
    pub(crate) to_restart: &'a [String],
}

/// `shield`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Shielded<'a> {
    /// How many files were written or removed.
    pub(crate) files_changed: usize,
    /// The units under a shield.
    pub(crate) units: &'a [String],
    /// Units that run something new.
    pub(crate) restarted: Vec<Started>,
    /// Units that run under half of their shield until they are restarted.
    pub(crate) to_restart: &'a [String],
}

/// `guard`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Guarding {
    /// How many files were written or removed.
    pub(crate) files_changed: usize,
    /// Whether the scope is guarded now.
    pub(crate) guard: bool,
}

/// `start`, `stop` and `restart`.
#[derive(Debug, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Controlled {
    /// Units whose gateways are up, by `start`.
    pub(crate) started: Vec<Started>,
    /// Units whose gateways are up again, by `restart`.
    pub(crate) restarted: Vec<Started>,
    /// Units that restart when the turn of a bot's is over that typed this, within its own gateway.
    pub(crate) later: Vec<String>,
    /// Units that were not started, as the gateway of another profile serves theirs.
    pub(crate) served: Vec<String>,
    /// Units that were stopped.
    pub(crate) stopped: Vec<String>,
    /// What did not come up, each as a sentence.
    pub(crate) failed: Vec<String>,
}

/// `show`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Shown {
    /// The profiles that are installed, or those of them that were asked for.
    pub(crate) profiles: Vec<ShownProfile>,
}

/// One profile of [`Shown`].
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ShownProfile {
    /// The profile.
    pub(crate) profile: ProfileName,
    /// Its unit.
    pub(crate) unit: String,
    /// Its settings by their keys, which docs/configuration.md explains.
    pub(crate) settings: BTreeMap<String, Setting>,
}

/// A setting of a profile.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Setting {
    /// As in a configuration; null where it is left to systemd or the gateway.
    pub(crate) value: Value,
    /// `default`, `configuration`, a flag, or the owner that it was inherited from.
    pub(crate) from: String,
}

/// `uninstall` and `shield --remove`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Removed<'a> {
    /// How many files were removed or put back.
    pub(crate) files_removed: usize,
    /// The units that were taken away, or whose shield was.
    pub(crate) units: &'a [String],
}

/// `doctor --list`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Rules {
    /// All rules, in the order in which they are checked.
    pub(crate) rules: Vec<&'static Rule>,
}

/// `doctor`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Checked<'a> {
    /// What is wrong, the worst first.
    pub(crate) findings: &'a [Finding],
    /// How many are errors.
    pub(crate) errors: usize,
    /// How many are warnings.
    pub(crate) warnings: usize,
    /// How many are notes.
    pub(crate) notes: usize,
    /// How many units were looked at.
    pub(crate) units: usize,
    /// How many gateways were looked at.
    pub(crate) gateways: usize,
    /// With `--fix`: what was to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) plan: Option<&'a [Fix]>,
    /// With `--fix`: what could not be done, each as a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) failed: Option<&'a [String]>,
}
