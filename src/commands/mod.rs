//! One short function per verb. Each returns its exit status.

pub mod adopt;
pub mod doctor;
pub mod generate;
pub mod install;
mod prepare;
pub mod render;
pub mod shield;
pub mod status;
pub mod uninstall;
pub mod unit_hooks;
pub mod upgrade;

/// Done, or already as wanted.
pub const DONE: u8 = 0;
/// Something differs, or a person has to decide.
pub const DIFFERS: u8 = 1;
/// Wrong usage, or trouble.
pub const TROUBLE: u8 = 2;
