//! Arguments of the commands for those who make packages.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::cli::common::SettingArgs;
use crate::layout::{Layout, SYSTEMD_FLOOR, Scope};

// Arguments of render.
#[derive(Debug, Args)]
pub(crate) struct RenderArgs {
    #[command(flatten)]
    pub(crate) settings: SettingArgs,
    /// Who will place the files
    #[arg(long, value_enum, default_value = "host")]
    pub(crate) layout: Layout,
    /// Which manager they are for; both when left out
    #[arg(long, value_enum)]
    pub(crate) scope: Option<Scope>,
    /// The systemd version they are for; newer directives are left out
    #[arg(long, value_name = "N", default_value_t = SYSTEMD_FLOOR)]
    pub(crate) systemd: u32,
    /// The version of hermes that they are for: 0.16 and 0.17 need a line more
    #[arg(long, value_name = "VERSION")]
    pub(crate) hermes_version: Option<String>,
    /// The directory above bin/hermes-install in the units of the nix layout
    #[arg(long, value_name = "DIR")]
    pub(crate) prefix: Option<PathBuf>,
    /// Write the files under DIR instead of to standard output
    #[arg(long, short, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
}

// Arguments of generate.
#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {
    #[command(subcommand)]
    pub(crate) what: Generate,
}

// What can be generated.
#[derive(Debug, Subcommand)]
pub(crate) enum Generate {
    /// A man page in roff
    Man {
        /// Which page
        #[arg(value_enum, default_value = "hermes-install")]
        page: Page,
    },
    /// A completion script
    Completions {
        /// The shell it is for
        #[arg(value_enum)]
        shell: Shell,
    },
}

/// Man pages.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Page {
    /// The commands
    #[value(name = "hermes-install")]
    Program,
    /// The settings
    #[value(name = "hermes-install.toml")]
    Settings,
    /// The unit
    #[value(name = "hermes-gateway@.service")]
    Unit,
}

/// Shells with completions.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Shell {
    Bash,
    Elvish,
    Fish,
    Zsh,
}
