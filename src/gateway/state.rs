//! `gateway_state.json`: what a gateway says of itself.

use std::path::Path;

use serde::Deserialize;

use crate::host::read::{self, read_small};

/// The gateway's account of itself.
pub(crate) const STATE: &str = "gateway_state.json";

/// `gateway_state.json`, as far as we need it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct State {
    /// The gateway that wrote it.
    pub(crate) pid: i32,
    /// Its start, as hermes reads it.
    pub(crate) start_time: Option<u64>,
    /// `starting`, `running`, `degraded`, `draining`, `stopped` or `startup_failed`.
    pub(crate) gateway_state: String,
    /// Whether it ends because a restart was asked for.
    #[serde(default)]
    pub(crate) restart_requested: bool,
}

impl State {
    /// The state file of a profile home; `None` when there is none that can be read.
    pub(crate) fn read(home: &Path) -> Option<Self> {
        serde_json::from_slice(&read_small(&home.join(STATE), read::JSON).ok()??).ok()
    }

    /// Whether the gateway says that it is up. `degraded` (since 0.14) is up with a platform that it keeps retrying.
    pub(crate) fn is_up(&self) -> bool {
        matches!(self.gateway_state.as_str(), "running" | "degraded")
    }

    /// Whether the gateway says that it has ended.
    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.gateway_state.as_str(), "stopped" | "startup_failed")
    }
}
