//! TODO units.

pub mod exec_line;
pub mod inventory;
pub mod load_path;
pub mod unit;
pub mod unit_file;
