//! The gateway as hermes makes it: its files, its command line, its configuration, its versions, how it stops.
//!
//! Every rule here is a fact about hermes-agent (gateway/status.py, hermes_cli/main.py), with the version where it
//! was seen. Nothing here unlinks: upstream removes a lock that it cannot explain, and then two gateways run.

pub(crate) mod command_line;
pub(crate) mod config;
pub(crate) mod entry;
pub(crate) mod env_file;
pub(crate) mod gone;
mod inline_source;
pub(crate) mod installation;
pub(crate) mod installations;
pub(crate) mod libraries;
pub(crate) mod owner;
pub(crate) mod platforms;
pub(crate) mod running;
pub(crate) mod search_path;
pub(crate) mod served;
pub(crate) mod state;
pub(crate) mod stop;
pub(crate) mod tokenless;
pub(crate) mod tokens;
pub(crate) mod update;
pub(crate) mod version;
pub(crate) mod within;
pub(crate) mod yaml;
