//! Other owners of a profile, and how a gateway passes from them to an installed unit.

mod candidates;
mod carry;
pub(crate) mod detect;
mod dynamic;
mod lost;
pub(crate) mod migrate;
pub(crate) mod namesake;
mod obstacles;
pub(crate) mod old_unit;
pub(crate) mod other_owner;
mod replaced;
pub(crate) mod server;
pub(crate) mod shield;
pub(crate) mod template;
pub(crate) mod typed;
