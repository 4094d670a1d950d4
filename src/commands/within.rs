//! What a bot may type: its tool runs within the gateway, and ends with it.

use anyhow::Result;

use crate::error::refuse;
use crate::gateway::within::{Within, within};
use crate::host::process::shell_quote;

/// Refuse a command that a bot typed, where it would see a host that is not there, or would end with the gateway before it is
/// through.
pub(crate) fn check(changes: bool) -> Result<()> {
    let Some(within) = within() else {
        return Ok(());
    };
    let typed: Vec<String> = std::env::args().collect();
    let typed = shell_quote(&typed);
    match within {
        Within::Unit(unit) if unit.user.is_none() && !nix::unistd::geteuid().is_root() => refuse!(
            "a bot typed this: it runs within `{}`, which hides much of this host from it", unit.name;
            "in a shell of this host: `{typed}`"
        ),
        _ if !changes => Ok(()),
        Within::Unit(unit) if unit.user.is_some() => refuse!(
            "a bot typed this: it runs within `{}`, whose restrictions it has, and with which it would end", unit.name;
            "to run it outside of that unit: `systemd-run --user --collect --unit=hermes-install {typed}`";
            "to see what it said: `journalctl --user -u hermes-install`"
        ),
        Within::Unit(unit) => refuse!(
            "a bot typed this: it runs within `{}`, with which it would end", unit.name;
            "in a shell of this host: `{typed}`"
        ),
        Within::Gateway(pid) => refuse!(
            "a bot typed this: it runs within the gateway with pid {pid}, with which it would end";
            "in a shell of this host: `{typed}`"
        ),
    }
}
