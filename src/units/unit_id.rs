//! What a unit is called by: its manager and its name.

use serde::Serialize;

use crate::host::Host;
use crate::host::systemctl::Manager;
use crate::profile::ProfileName;

/// A unit by manager and name.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct UnitId {
    /// Its manager.
    #[cfg_attr(test, schemars(with = "String"))]
    pub(crate) manager: Manager,
    /// Its name.
    pub(crate) name: String,
}

impl UnitId {
    /// The unit that hermes-install makes for a profile in this scope.
    pub(crate) fn of_profile(host: &Host, profile: &ProfileName) -> Self {
        Self {
            manager: host.manager(),
            name: profile.unit(),
        }
    }
}
