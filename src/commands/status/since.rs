//! Since when a profile is in its state: the time of this host's clocks, and how long ago that is.

use std::time::{SystemTime, UNIX_EPOCH};

use tz::{DateTime, TimeZone};

use crate::commands::json::{Owner, Profile};
use crate::gateway::state::time;
use crate::host::span;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// The time now, and the zone in which it is told.
pub(super) struct Clock {
    now: u64,
    zone: TimeZone,
}

impl Clock {
    /// Of this host. A zone that cannot be read is UTC, as for every other program.
    pub(super) fn of_host() -> Self {
        let zone = match std::env::var("TZ") {
            Ok(name) => TimeZone::from_posix_tz(&name),
            Err(_) => TimeZone::local(),
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            now: now.unwrap_or_default().as_secs(),
            zone: zone.unwrap_or_else(|_| TimeZone::utc()),
        }
    }

    /// The time of day.
    pub(super) fn time(&self) -> String {
        self.local(self.now).map_or_else(String::new, |now| {
            format!("{:02}:{:02}:{:02}", now.hour(), now.minute(), now.second())
        })
    }

    /// Since when a profile's gateway runs, or does not.
    pub(super) fn since(&self, row: &Profile) -> String {
        let started = row.owner.as_ref().map(|owner| self.start(owner));
        let ended = row.last_end.as_ref().and_then(|end| end.at);
        let at = started.or(ended);
        at.and_then(|at| self.at(at))
            .unwrap_or_else(|| "-".to_owned())
    }

    /// The second of a start. From an age in whole seconds it would be another second, and now and then another minute, each
    /// time that somebody looks.
    fn start(&self, owner: &Owner) -> u64 {
        owner.started_at.min(self.now)
    }

    /// `09:12 (3min)`, or with its day where that is not today.
    fn at(&self, at: u64) -> Option<String> {
        let age = span::largest(self.now.checked_sub(at)?);
        let (then, now) = (self.local(at)?, self.local(self.now)?);
        let time = format!("{:02}:{:02}", then.hour(), then.minute());
        if (then.year(), then.year_day()) == (now.year(), now.year_day()) {
            return Some(format!("{time} ({age})"));
        }
        let month = MONTHS[usize::from(then.month()).checked_sub(1)?];
        Some(format!("{month} {:2} {time} ({age})", then.month_day()))
    }

    /// The same of a time as hermes writes it.
    pub(super) fn stamp(&self, text: &str) -> Option<String> {
        let at = time(text)?.duration_since(UNIX_EPOCH);
        self.at(at.ok()?.as_secs())
    }

    fn local(&self, at: u64) -> Option<DateTime> {
        DateTime::from_timespec(at.try_into().ok()?, 0, self.zone.as_ref()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_in_the_same_minute_whenever_somebody_looks() {
        // At 09:59:59.5, seen at 10:00:10.2 and at 10:00:11.8: its age is 10s and 12s in whole seconds.
        let owner = |age_seconds| Owner {
            pid: 7,
            unit: None,
            terminal: None,
            user: "hermes".to_owned(),
            command: "hermes gateway run".to_owned(),
            age_seconds,
            started_at: 1_795_687_199,
        };
        let seen = |now, age| {
            let zone = TimeZone::utc();
            let clock = Clock { now, zone };
            clock.at(clock.start(&owner(age)))
        };
        assert_eq!(seen(1_795_687_210, 10).as_deref(), Some("09:59 (11s)"));
        assert_eq!(seen(1_795_687_211, 12).as_deref(), Some("09:59 (12s)"));
        assert_eq!(
            seen(1_795_687_198, 0).as_deref(),
            Some("09:59 (0s)"),
            "just now"
        );
    }

    #[test]
    fn a_time_is_that_of_the_zone_and_has_its_day_when_it_is_not_today() {
        // 2026-11-26 00:30:00 UTC.
        let now = 1_795_653_000;
        let clock = |zone| Clock {
            now,
            zone: TimeZone::from_posix_tz(zone).expect("a zone"),
        };
        let tokyo = clock("JST-9");
        assert_eq!(tokyo.time(), "09:30:00");
        assert_eq!(tokyo.at(now - 200).as_deref(), Some("09:26 (3min)"));
        assert_eq!(tokyo.at(now - 9 * 3600).as_deref(), Some("00:30 (9h)"));
        let utc = clock("UTC0");
        assert_eq!(utc.at(now - 3600).as_deref(), Some("Nov 25 23:30 (1h)"));
        assert_eq!(
            utc.at(now - 25 * 86400).as_deref(),
            Some("Nov  1 00:30 (25d)")
        );
        assert_eq!(utc.at(now + 5), None, "the future");
        let said = tokyo.stamp("2026-11-26T00:26:40.881584+00:00");
        assert_eq!(said.as_deref(), Some("09:26 (3min)"));
        for other in [
            "2026-11-26",
            "2026-13-26T00:00:00Z",
            "2026-11-26T00:26:40+09:00",
            "soon",
        ] {
            assert_eq!(tokyo.stamp(other), None, "{other}");
        }
    }
}
