//! Other owners of a profile, and how a gateway passes from them to an installed unit.

pub(crate) mod detect;
pub(crate) mod migrate;
mod obstacles;
pub(crate) mod other_owner;
pub(crate) mod shield;
