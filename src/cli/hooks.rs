//! Arguments of the commands that only units, and this program itself, call.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use crate::profile::ProfileName;

// Whose gateway it is.
#[derive(Debug, Args)]
#[group(required = true, multiple = false, args = ["profile", "guarded"])]
pub(crate) struct WhoseArgs {
    /// Profile to run
    #[arg(long, short, value_name = "NAME")]
    pub(crate) profile: Option<ProfileName>,
    #[command(flatten)]
    pub(crate) guarded: GuardedArgs,
}

// A unit under the guard.
#[derive(Debug, Args)]
pub(crate) struct GuardedArgs {
    /// A unit of another's, which the guard's drop-in makes safe: its own files say what it runs
    #[arg(long, value_name = "UNIT")]
    pub(crate) guarded: Option<String>,
    /// That unit is one of a user's manager
    #[arg(long, requires = "guarded")]
    pub(crate) user: bool,
}

// Arguments of exec.
#[derive(Debug, Args)]
pub(crate) struct ExecArgs {
    #[command(flatten)]
    pub(crate) whose: WhoseArgs,
    /// The hermes root; HERMES_HOME, then ~/.hermes when left out
    #[arg(long, value_name = "DIR", conflicts_with = "guarded")]
    pub(crate) home: Option<PathBuf>,
    /// The hermes executable; found in the usual places when left out
    #[arg(long, value_name = "PATH", conflicts_with = "guarded")]
    pub(crate) hermes: Option<PathBuf>,
}

// Arguments of the unit's helpers; the rest comes from systemd's environment.
#[derive(Debug, Args)]
pub(crate) struct HelperArgs {
    #[command(flatten)]
    pub(crate) whose: WhoseArgs,
}

// Arguments of run-as.
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
