//! What `why` prints.

use serde::Serialize;

use crate::profile::ProfileName;

/// `why`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Ends {
    /// The profiles that were asked for.
    pub(crate) profiles: Vec<Why>,
}

/// `why`, for one profile.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Why {
    /// The profile.
    pub(crate) profile: ProfileName,
    /// Its unit.
    pub(crate) unit: String,
    /// Whether it runs now; what follows is about the start before.
    pub(crate) runs: bool,
    /// When its gateway ended last.
    pub(crate) at: Option<u64>,
    /// How, in words.
    pub(crate) why: Option<String>,
    /// The command by which somebody asked for it, where sudo has recorded one.
    pub(crate) asked_by: Option<String>,
    /// What to do next, where an update of hermes stopped it.
    pub(crate) hint: Option<String>,
    /// The last lines of that start.
    pub(crate) said: Vec<String>,
}
