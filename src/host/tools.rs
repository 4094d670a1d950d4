//! systemd's own programs beside systemctl and journalctl: loginctl, systemd-sysusers, systemd-tmpfiles.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::host::systemctl::{output, plain};

/// The version of systemd on this host.
pub(super) fn systemd_version() -> Result<u32> {
    let text = output(plain("systemctl").arg("--version"))?;
    text.split_whitespace()
        .nth(1)
        .and_then(|word| word.parse().ok())
        .with_context(|| format!("`systemctl --version` printed {text:?}, which names no version"))
}

/// Have logind start this user's manager at boot and keep it after logout, or not.
pub(super) fn set_linger(user: &str, on: bool) -> Result<()> {
    let verb = if on {
        "enable-linger"
    } else {
        "disable-linger"
    };
    let mut command = plain("loginctl");
    command.args(["--no-ask-password", verb, user]);
    output(&mut command).map(drop)
}

/// Create the accounts of sysusers.d files.
pub(super) fn sysusers(files: &[PathBuf]) -> Result<()> {
    output(plain("systemd-sysusers").args(files)).map(drop)
}

/// Create the directories of tmpfiles.d files.
pub(super) fn tmpfiles(files: &[PathBuf]) -> Result<()> {
    output(plain("systemd-tmpfiles").arg("--create").args(files)).map(drop)
}
