//! Why a model cannot be rendered.

use crate::layout::SYSTEMD_FLOOR;
use crate::profile::ProfileName;
use crate::render::escape::Unwritable;
use crate::render::instance::HEAVIEST;
use crate::render::model::UNITS;
use std::num::NonZeroU32;
use std::path::PathBuf;

/// A model that cannot be rendered.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum Invalid {
    /// A value that no unit file can hold.
    #[error("profile `{profile}`: {source}")]
    Unwritable {
        /// The profile it belongs to.
        profile: ProfileName,
        /// Which value and why.
        source: Unwritable,
    },
    /// A path that is not absolute or climbs with `..`.
    #[error("profile `{profile}`: `{setting}` is `{path}`: give an absolute path without `..`")]
    Path {
        /// The profile it belongs to.
        profile: ProfileName,
        /// The setting.
        setting: &'static str,
        /// Its value.
        path: PathBuf,
    },
    /// A path that is not UTF-8.
    #[error(
        "profile `{profile}`: `{setting}` is {path:?}: a unit file is UTF-8, and so must be this path"
    )]
    NotUtf8 {
        /// The profile it belongs to.
        profile: ProfileName,
        /// The setting.
        setting: &'static str,
        /// Its value.
        path: PathBuf,
    },
    /// A name that systemd takes for no credential.
    #[error(
        "profile `{profile}`: credential `{name}`: give a name of letters, digits and `._-` that starts with a letter \
         or digit"
    )]
    Credential {
        /// The profile it belongs to.
        profile: ProfileName,
        /// The name.
        name: String,
    },
    /// A name that is no variable's, or of one that the units set.
    #[error(
        "profile `{profile}`: variable `{name}` in `environment`: give a name of letters, digits and `_`, and none that \
         a setting of its own sets ({})", UNITS.join(", ")
    )]
    Variable {
        /// The profile it belongs to.
        profile: ProfileName,
        /// The name.
        name: String,
    },
    /// A weight that systemd does not take.
    #[error("profile `{profile}`: `cpu-weight` is {weight}: give a number from 1 to {HEAVIEST}")]
    Weight {
        /// The profile it belongs to.
        profile: ProfileName,
        /// The weight.
        weight: NonZeroU32,
    },
    /// A systemd older than the floor.
    #[error(
        "systemd {0} is older than {SYSTEMD_FLOOR}, the oldest that these units are made for and tested with; `doctor` and \
         `status` work here; upgrade the system (Debian 12 and Ubuntu 24.04 have one that is new enough), or take what \
         `hermes-install render --systemd {SYSTEMD_FLOOR}` prints at your own risk"
    )]
    Systemd(u32),
    /// A prefix that would need quoting in an Exec line.
    #[error("prefix `{0}`: give an absolute path of letters, digits and `/._+-` only")]
    Prefix(PathBuf),
    /// A name that is no service's.
    #[error("`{0}` is not the name of a service; name a unit such as `hermes-gateway.service`")]
    Unit(String),
    /// The same profile twice.
    #[error("profile `{0}` is given twice; name each profile once")]
    Twice(ProfileName),
}
