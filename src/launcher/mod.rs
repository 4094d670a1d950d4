//! TODO launcher.

pub mod exec;
