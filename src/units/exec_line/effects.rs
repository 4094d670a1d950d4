//! What command lines do with gateways, and what that is told by.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::host::account::Account;

/// What a command line runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GatewayCall {
    /// The profile home, as the unit's processes see it; `None` when the line does not say.
    pub(crate) home: Option<PathBuf>,
    /// The profile that the line names.
    pub(crate) profile: Option<String>,
    /// Whether the line, or what it runs in, names the root; else that of the account is meant.
    pub(crate) is_told: bool,
    /// Whether it takes the place of a running gateway.
    pub(crate) replaces: bool,
    /// Whether it means whichever profile is active (`hermes profile use`) when it starts.
    pub(crate) follows_active: bool,
    /// Whether it goes through the launcher.
    pub(crate) is_launcher: bool,
    /// Whether it runs in a container; its home is that of the host which the container has in it.
    pub(crate) is_contained: bool,
    /// The account that the line becomes before, if it becomes one.
    pub(crate) account: Option<String>,
}

/// What a command line does with gateways.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Effects {
    /// Gateways that it runs.
    pub(crate) calls: Vec<GatewayCall>,
    /// The command lines of those that run on this host, in no container.
    pub(crate) lines: Vec<Vec<String>>,
    /// Words that may run one and cannot be followed.
    pub(crate) unclear: Vec<String>,
    /// Programs that have a cluster run one.
    pub(crate) in_clusters: Vec<String>,
    /// What it asks `hermes gateway` to do with gateways that others run: `start`, `stop`, …
    pub(crate) verbs: Vec<String>,
}

/// What the command line runs in.
pub(crate) struct Context<'a> {
    /// Its environment, as far as the unit says.
    pub(crate) environment: BTreeMap<String, String>,
    /// The home directory of the account that it runs as.
    pub(crate) user_home: PathBuf,
    /// The ID of that account: root may become any other.
    pub(crate) uid: Option<u32>,
    /// The directory that it works in, where that is known.
    pub(crate) directory: Option<PathBuf>,
    /// The account of a name or number.
    pub(crate) account: &'a dyn Fn(&str) -> Option<Account>,
    /// The text of a file that a shell is given; `None` when there is none at that path.
    pub(crate) text: &'a dyn Fn(&Path) -> Option<String>,
    /// The text of a script that is a program; `None` when there is none at that path.
    pub(crate) script: &'a dyn Fn(&Path) -> Option<String>,
    /// The names in a directory.
    pub(crate) names: &'a dyn Fn(&Path) -> Vec<String>,
    /// The active profile under a hermes root.
    pub(crate) active: &'a dyn Fn(&Path) -> Option<String>,
    /// What is left to be spent on all command lines of a unit; [`BUDGET`](crate::units::exec_line::BUDGET) at first.
    pub(crate) budget: Cell<usize>,
}
