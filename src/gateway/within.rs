//! Whether this program runs within a gateway: a bot was asked to do something, and its tool typed the command.

use crate::gateway::running::Running;
use crate::host::cgroup::UnitRef;
use crate::host::process::Process;

/// What this program runs within.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Within {
    /// The unit of a gateway, with which all of its processes end.
    Unit(UnitRef),
    /// A gateway that no unit runs, which ends its tools when it is stopped: its PID.
    Gateway(i32),
}

/// What this program runs within, if a gateway is above it or in the unit that it is in.
pub(crate) fn within() -> Option<Within> {
    let me = Process::read(std::process::id() as i32)?;
    let unit = me.unit().filter(|unit| unit.is_service());
    // What a tool left in the background has lost its parent. Other services may run more than a gateway, such as tmux.
    if let Some(unit) = unit
        .clone()
        .filter(|unit| unit.name.starts_with("hermes-gateway"))
    {
        return Some(Within::Unit(unit));
    }
    let gateway = above(me.parent)?;
    let is_shared = |unit: &UnitRef| gateway.process.unit().as_ref() == Some(unit);
    Some(match unit.filter(is_shared) {
        Some(unit) => Within::Unit(unit),
        None => Within::Gateway(gateway.process.pid),
    })
}

/// The first gateway among the parents of a process.
fn above(mut pid: i32) -> Option<Running> {
    while pid > 1 {
        if let Some(gateway) = Running::read(pid) {
            return Some(gateway);
        }
        pid = Process::read(pid)?.parent;
    }
    None
}
