//! Which state a profile is in: decided from what was seen.

use crate::commands::json::State;
use crate::gateway::state::State as Record;

/// What the state of a profile follows from.
pub(super) struct Seen<'a> {
    pub(super) is_live: bool,
    /// Another profile's gateway serves it.
    pub(super) is_served: bool,
    /// hermes keeps it from being served.
    pub(super) is_parked: bool,
    pub(super) is_owned: bool,
    /// The owner is the unit's main process.
    pub(super) is_own: bool,
    pub(super) is_unknown: bool,
    /// It is installed, and its home is gone.
    pub(super) is_gone: bool,
    /// hermes has no adapter for some platform, or no token, or its account cannot use the home.
    pub(super) is_mute: bool,
    /// A signal has stopped the owner.
    pub(super) is_halted: bool,
    /// The unit is down because something went wrong.
    pub(super) has_failed: bool,
    /// What the unit's main process says of itself.
    pub(super) record: Option<&'a Record>,
}

impl Seen<'_> {
    pub(super) fn state(&self, active_state: &str) -> State {
        match (self.is_owned, active_state) {
            (true, _) if !self.is_own => State::OwnedElsewhere,
            (true, _) if self.is_halted => State::Degraded,
            (true, _) => match self.record {
                Some(record) if record.is_degraded() || (record.is_up() && self.is_mute) => {
                    State::Degraded
                }
                Some(record) if record.is_up() => State::Running,
                Some(record) if record.gateway_state == "draining" => State::Draining,
                _ => State::Starting,
            },
            (false, _) if self.is_gone => State::Gone,
            // Its unit runs it, and who has the home cannot be seen.
            (false, "active") if self.is_mute => State::Degraded,
            (false, _) if self.is_unknown => State::Unknown,
            (false, _) if self.is_served => State::Served,
            (false, "inactive" | "") if self.is_parked => State::Parked,
            (false, _) if self.has_failed => State::Failed,
            (false, "activating") => State::Restarting,
            (false, "active" | "reloading") => State::Starting,
            (false, _) if self.is_live => State::Stopped,
            (false, _) => State::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::status::platforms::platforms;
    use crate::gateway::tokenless::Tokenless;

    fn record(text: &str) -> Record {
        serde_json::from_str(text).expect("a record")
    }

    #[test]
    fn a_platform_that_does_not_work_is_not_green() {
        let record = record(
            r#"{"pid": 7, "start_time": 1, "gateway_state": "running", "platforms": {
                "slack": {"state": "connected", "writer_pid": 7},
                "discord": {"state": "connected", "writer_pid": 6},
                "telegram": {"state": "retrying", "error_message": "no\u001b[2J route",
                             "updated_at": "2026-11-25T20:20:00+00:00"}}}"#,
        );
        let seen = Seen {
            is_served: false,
            is_parked: false,
            is_live: true,
            is_owned: true,
            is_own: true,
            is_unknown: false,
            is_gone: false,
            is_mute: false,
            is_halted: false,
            has_failed: false,
            record: Some(&record),
        };
        assert_eq!(seen.state("active"), State::Degraded);
        let shown = platforms(
            &record,
            &["irc".to_owned()],
            &[Tokenless {
                platform: "matrix",
                variable: "MATRIX_ACCESS_TOKEN",
            }],
        );
        let names: Vec<&str> = shown.iter().map(|p| &*p.name).collect();
        // Discord's entry is an earlier gateway's.
        assert_eq!(names, ["slack", "telegram", "irc", "matrix"]);
        assert_eq!(shown[1].error.as_deref(), Some("no\u{fffd}[2J route"));
        assert_eq!(shown[1].since.as_deref(), Some("2026-11-25T20:20:00+00:00"));
        assert_eq!(shown[2].state, "no-adapter");
        assert_eq!(shown[3].state, "no-token");
        let said = shown[3].error.as_deref().unwrap_or_default();
        assert!(said.contains("MATRIX_ACCESS_TOKEN"), "{said}");
    }

    #[test]
    fn a_platform_that_was_given_up_is_not_green() {
        let mut record = record(
            r#"{"pid": 7, "start_time": 1, "gateway_state": "running",
                "platforms": {"api_server": {"state": "disconnected", "writer_pid": 7}}}"#,
        );
        assert!(record.is_degraded());
        record.gateway_state = "draining".into();
        assert!(!record.is_degraded(), "a gateway that ends disconnects");
    }

    #[test]
    fn a_record_without_trouble_is_green_and_another_owner_s_does_not_count() {
        let record = record(
            r#"{"pid": 7, "start_time": 1, "gateway_state": "running",
                "platforms": {"telegram": {"state": "connected"}}}"#,
        );
        let seen = |is_own, is_mute| Seen {
            is_served: false,
            is_parked: false,
            is_live: true,
            is_owned: true,
            is_own,
            is_unknown: false,
            is_gone: false,
            is_mute,
            is_halted: false,
            has_failed: false,
            record: Some(&record),
        };
        assert_eq!(seen(true, false).state("active"), State::Running);
        assert_eq!(seen(true, true).state("active"), State::Degraded);
        assert_eq!(seen(false, true).state("active"), State::OwnedElsewhere);
        let halted = Seen {
            is_halted: true,
            ..seen(true, false)
        };
        assert_eq!(halted.state("active"), State::Degraded);
    }
}
