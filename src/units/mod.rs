//! Units as their managers load them: load paths, unit files, what an `ExecStart=` runs, all units of a host.

mod boot;
mod branch;
mod container_files;
mod cron;
pub(crate) mod exec_command;
pub(crate) mod exec_line;
pub(crate) mod inventory;
pub(crate) mod load_path;
pub(crate) mod load_problem;
pub(crate) mod origin;
mod process_managers;
pub(crate) mod reader;
mod script_text;
pub(crate) mod secret;
pub(crate) mod shell;
mod shell_words;
pub(crate) mod span;
pub(crate) mod specifiers;
pub(crate) mod starters;
pub(crate) mod unit;
mod unit_effects;
pub(crate) mod unit_file;
pub(crate) mod unit_files;
mod variables;
mod wrapper_table;
mod wrappers;
