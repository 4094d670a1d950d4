//! Time spans as systemd reads and writes them (systemd.time(7)). Pure.

use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A time span in whole seconds, written as a number of seconds or as systemd.time(7) has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) u32);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let whole = |s: &f64| s.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(s);
        // Checked above: whole and within range.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        seconds(text)
            .filter(whole)
            .map(|s| Self(s as u32))
            .ok_or_else(|| {
                format!(
                    "`{text}` is no time span of whole seconds; write `300`, `5m` or `1min 30s`"
                )
            })
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u32(self.0)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected seconds or a time span such as \"5m\"")]
        enum Written {
            Seconds(u32),
            Text(String),
        }
        match Written::deserialize(from)? {
            Written::Seconds(seconds) => Ok(Self(seconds)),
            Written::Text(text) => text.parse().map_err(serde::de::Error::custom),
        }
    }
}

/// A time span in seconds (systemd.time(7)); `None` when it is none. `infinity` and `0` of a timeout mean no end.
pub(crate) fn seconds(text: &str) -> Option<f64> {
    if text.trim() == "infinity" {
        return Some(f64::INFINITY);
    }
    let mut total = 0.0;
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let number: f64 = rest[..end].parse().ok()?;
        rest = rest[end..].trim_start();
        let end = rest
            .find(|c: char| !c.is_alphabetic())
            .unwrap_or(rest.len());
        let unit = match &rest[..end] {
            "us" | "usec" | "µs" => 1e-6,
            "ms" | "msec" => 1e-3,
            "" | "s" | "sec" | "second" | "seconds" => 1.0,
            "m" | "min" | "minute" | "minutes" => 60.0,
            "h" | "hr" | "hour" | "hours" => 3600.0,
            "d" | "day" | "days" => 86400.0,
            "w" | "week" | "weeks" => 604_800.0,
            "M" | "month" | "months" => 2_629_800.0,
            "y" | "year" | "years" => 31_557_600.0,
            _ => return None,
        };
        total += number * unit;
        rest = rest[end..].trim_start();
    }
    Some(total)
}

/// Its units, the smallest first, in seconds.
const UNITS: [(&str, u64); 4] = [("s", 1), ("min", 60), ("h", 3600), ("d", 86400)];

/// A time span for people: its two largest units, `1min 30s`.
pub(crate) fn written(seconds: u64) -> String {
    let (large, small) = parts(seconds);
    small.map_or(large.clone(), |small| format!("{large} {small}"))
}

/// How long ago something was, for a table: the largest unit alone, `9h`.
pub(crate) fn largest(seconds: u64) -> String {
    parts(seconds).0
}

/// How long something took, where less than a second counts: `1.2s`.
pub(crate) fn took(time: Duration) -> String {
    match time.as_secs() {
        seconds if time.subsec_nanos() == 0 => written(seconds),
        0..60 => format!("{:.1}s", time.as_secs_f64()),
        seconds => written(seconds),
    }
}

/// The largest unit of a time span, and the next one unless there is nothing of it.
fn parts(seconds: u64) -> (String, Option<String>) {
    let at = UNITS
        .iter()
        .rposition(|(_, size)| seconds >= *size)
        .unwrap_or(0);
    let (name, size) = UNITS[at];
    let (small, small_size) = UNITS[at.saturating_sub(1)];
    let rest = seconds % size / small_size;
    let small = (rest > 0).then(|| format!("{rest}{small}"));
    (format!("{}{name}", seconds / size), small)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_spans_are_read() {
        assert_eq!(seconds("90"), Some(90.0));
        assert_eq!(seconds("3min 30s"), Some(210.0));
        assert_eq!(seconds("1h5"), Some(3605.0));
        assert_eq!(seconds("2y 1month"), Some(65_745_000.0));
        assert_eq!(seconds("1M 1m"), Some(2_629_860.0));
        assert_eq!(seconds("infinity"), Some(f64::INFINITY));
        for bad in ["", "soon", "5 parsecs", ".", "-1"] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }

    #[test]
    fn time_spans_are_written_as_systemd_writes_them() {
        let spans = [
            (0, "0s", "0s"),
            (9, "9s", "9s"),
            (120, "2min", "2min"),
            (125, "2min 5s", "2min"),
            (7260, "2h 1min", "2h"),
            (7230, "2h", "2h"),
            (86400 * 3, "3d", "3d"),
            (86400 * 3 + 3600, "3d 1h", "3d"),
        ];
        for (seconds, two, one) in spans {
            assert_eq!(written(seconds), two);
            assert_eq!(largest(seconds), one);
            let read = super::seconds(two).map(|read| read as u64 / 60);
            assert_eq!(read, Some(seconds / 60), "{two}");
        }
        assert_eq!(took(Duration::from_millis(1234)), "1.2s");
        assert_eq!(took(Duration::from_millis(90_400)), "1min 30s");
    }
}
