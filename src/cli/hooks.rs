//! Arguments of the commands that only units, and this program itself, call.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use crate::profile::ProfileName;

/// Arguments of exec.
#[derive(Debug, Args)]
pub(crate) struct ExecArgs {
    /// Profile to run
    #[arg(long, short, value_name = "NAME")]
    pub(crate) profile: ProfileName,
    /// The hermes root; HERMES_HOME, then ~/.hermes when left out
    #[arg(long, value_name = "DIR")]
    pub(crate) home: Option<PathBuf>,
    /// The hermes executable; found in the usual places when left out
    #[arg(long, value_name = "PATH")]
    pub(crate) hermes: Option<PathBuf>,
}

/// Arguments of the unit's helpers; the rest comes from systemd's environment.
#[derive(Debug, Args)]
pub(crate) struct HelperArgs {
    /// Profile that the unit runs
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: ProfileName,
}

/// Arguments of run-as.
#[derive(Debug, Args)]
pub(crate) struct RunAsArgs {
    /// User ID to run it as
    #[arg(long)]
    pub(crate) uid: u32,
    /// Its main group
    #[arg(long)]
    pub(crate) gid: u32,
    /// All its groups
    #[arg(long, value_delimiter = ',')]
    pub(crate) groups: Vec<u32>,
    /// The program and its arguments
    #[arg(last = true, required = true)]
    pub(crate) argv: Vec<OsString>,
}
