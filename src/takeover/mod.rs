//! TODO takeover.

pub mod detect;
pub mod handover;
pub mod migrate;
pub mod other_owner;
