//! The changes that turn what is there into what is wanted, given what was written before. Pure; prints and serialises.
//!
//! missing: create · as wanted: keep · as recorded: update · neither: conflict · recorded and no longer wanted: remove
//! if unchanged, else leave · anything else is never touched, unless its owner is migrated: retire.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::Serialize;

use crate::deploy::conflict::{conflict, cover};
use crate::deploy::receipt::Receipt;
use crate::host::rootfs::{Actual, Observed};
use crate::render::tree::{Entry, Tree};
use crate::units::secret::without_secrets;

/// What happens to one path.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "lowercase")]
pub(crate) enum Action {
    /// It is not there and will be.
    Create,
    /// It is as it was written, and will be as wanted.
    Update,
    /// It is as it was written, and no longer wanted.
    Remove,
    /// It was not written by hermes-install, or was edited since, and `--force` was given: backed up, then written.
    Overwrite,
    /// It belongs to another owner of a profile, who is migrated: backed up, then removed.
    Retire,
    /// It is as wanted.
    Keep,
    /// It is no longer wanted and was edited: it stays.
    Leave,
    /// It is neither as wanted nor as it was written.
    Conflict {
        /// What it is.
        reason: String,
        /// What its owner can do.
        way_out: String,
    },
}

impl Action {
    /// Whether the file is written or removed.
    pub(crate) fn changes(&self) -> bool {
        matches!(
            self,
            Self::Create | Self::Update | Self::Remove | Self::Overwrite | Self::Retire
        )
    }

    fn verb(&self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Remove => "remove",
            Self::Overwrite => "overwrite",
            Self::Retire => "retire",
            Self::Keep => "keep",
            Self::Leave => "leave",
            Self::Conflict { .. } => "conflict",
        }
    }
}

/// One path and what happens to it.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    /// Path relative to the root.
    pub(crate) path: String,
    /// What happens.
    pub(crate) action: Action,
    /// What is there.
    pub(crate) before: Option<Entry>,
    /// What is wanted there.
    pub(crate) after: Option<Entry>,
}

/// Everything that a run would change.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan {
    /// One entry for every path, in order.
    pub(crate) changes: Vec<Change>,
}

/// Compare. `owner` is the user ID that installed files have.
pub(crate) fn plan(
    desired: &Tree,
    receipt: &Receipt,
    observed: &Observed,
    owner: u32,
    force: bool,
) -> Plan {
    let paths: BTreeSet<&String> = desired.keys().chain(receipt.paths()).collect();
    let changes = paths
        .into_iter()
        .filter_map(|path| {
            let actual = observed.get(path).unwrap_or(&Actual::Missing);
            let after = desired.get(path);
            let action = match after {
                Some(after) => wanted(path, after, receipt, actual, owner, force),
                None => unwanted(path, receipt, actual)?,
            };
            Some(Change {
                path: path.clone(),
                action,
                before: match actual {
                    Actual::Present(entry, _) => Some(entry.clone()),
                    _ => None,
                },
                after: after.cloned(),
            })
        })
        .collect();
    Plan { changes }
}

fn is_ours(path: &str, entry: &Entry, receipt: &Receipt) -> bool {
    let stamp = entry.stamp();
    receipt.stamps(path).any(|s| *s == stamp)
}

fn wanted(
    path: &str,
    after: &Entry,
    receipt: &Receipt,
    actual: &Actual,
    owner: u32,
    force: bool,
) -> Action {
    match actual {
        Actual::Missing => Action::Create,
        Actual::Present(entry, by) if entry == after && *by == owner => Action::Keep,
        Actual::Present(entry, _) if entry == after || is_ours(path, entry, receipt) => {
            Action::Update
        }
        Actual::Other(what) => Action::Conflict {
            reason: format!("it is {what}"),
            way_out: "move it away".to_owned(),
        },
        Actual::Present(..) if force => Action::Overwrite,
        Actual::Present(entry, _) => {
            let (reason, way_out) = conflict(path, entry, receipt);
            Action::Conflict { reason, way_out }
        }
    }
}

fn unwanted(path: &str, receipt: &Receipt, actual: &Actual) -> Option<Action> {
    match actual {
        Actual::Missing => None,
        Actual::Present(entry, _) if is_ours(path, entry, receipt) => Some(Action::Remove),
        _ => Some(Action::Leave),
    }
}

impl Plan {
    /// Move somebody else's file away, with a backup. What is recorded is removed or left as ever.
    pub(crate) fn retire(&mut self, path: String, entry: Entry) {
        match self.changes.iter_mut().find(|c| c.path == path) {
            // An installed file takes its place.
            Some(change) if matches!(change.action, Action::Conflict { .. }) => {
                change.action = Action::Overwrite;
            }
            Some(_) => {}
            None => self.changes.push(Change {
                path,
                action: Action::Retire,
                before: Some(entry),
                after: None,
            }),
        }
    }

    /// What somebody placed where the instance of the template would be found: no file of this plan counts beside it.
    pub(crate) fn uncover(&mut self, path: String, entry: Entry, force: bool) {
        if force {
            return self.retire(path, entry);
        }
        let (reason, way_out) = cover(&path, &entry);
        self.changes.push(Change {
            path,
            action: Action::Conflict { reason, way_out },
            before: Some(entry),
            after: None,
        });
    }

    /// Whether nothing would be written or removed.
    pub(crate) fn is_empty(&self) -> bool {
        !self.changes.iter().any(|c| c.action.changes())
    }

    /// The paths that would be written or removed.
    pub(crate) fn changed(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|c| c.action.changes())
    }

    /// The conflicts, each as a sentence with its way out.
    pub(crate) fn conflicts(&self) -> Vec<String> {
        self.changes
            .iter()
            .filter_map(|c| match &c.action {
                Action::Conflict { reason, way_out } => {
                    Some(format!("`/{}`: {reason}; {way_out}", c.path))
                }
                _ => None,
            })
            .collect()
    }

    /// A line for every path that is not simply kept.
    pub(crate) fn to_text(&self) -> String {
        let mut out = String::new();
        for change in &self.changes {
            if change.action != Action::Keep {
                let _ = write!(out, "{:9} /{}", change.action.verb(), change.path);
                let shown = match change.action {
                    Action::Retire => &change.before,
                    _ => &change.after,
                };
                if let Some(Entry::Link { target }) = shown {
                    let _ = write!(out, " -> {target}");
                }
                if let Action::Conflict { reason, .. } = &change.action {
                    let _ = write!(out, " ({reason})");
                }
                out.push('\n');
            }
        }
        out
    }

    /// A unified diff of every text that changes or is in conflict, and a line for the rest.
    pub(crate) fn to_diff(&self) -> String {
        let mut out = String::new();
        for change in &self.changes {
            if matches!(change.action, Action::Keep | Action::Leave) {
                continue;
            }
            let text = |entry: &Option<Entry>| match entry {
                None => Some(String::new()),
                Some(Entry::Link { target }) => Some(format!("link to {target}\n")),
                Some(entry) => entry.as_text().map(without_secrets),
            };
            let (Some(before), Some(after)) = (text(&change.before), text(&change.after)) else {
                let _ = writeln!(out, "{} /{} (binary)", change.action.verb(), change.path);
                continue;
            };
            let name = |entry: &Option<Entry>, side: &str| match entry {
                None => "/dev/null".to_owned(),
                Some(_) => format!("{side}/{}", change.path),
            };
            let diff = similar::TextDiff::from_lines(&before, &after);
            let _ = write!(
                out,
                "{}",
                diff.unified_diff()
                    .header(&name(&change.before, "a"), &name(&change.after, "b"))
            );
        }
        out
    }
}

/// What was done, as the start of a sentence.
pub(crate) fn past(action: &Action) -> &'static str {
    match action {
        Action::Create => "wrote",
        Action::Update => "updated",
        Action::Remove => "removed",
        Action::Overwrite => "replaced (backup kept)",
        Action::Retire => "retired (backup kept)",
        Action::Keep | Action::Leave | Action::Conflict { .. } => "left",
    }
}
