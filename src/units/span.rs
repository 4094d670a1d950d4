//! A time span as a setting: seconds, or as systemd writes it. Pure.

use std::str::FromStr;

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
            _ => return None,
        };
        total += number * unit;
        rest = rest[end..].trim_start();
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_spans_are_read() {
        assert_eq!(seconds("90"), Some(90.0));
        assert_eq!(seconds("3min 30s"), Some(210.0));
        assert_eq!(seconds("1h5"), Some(3605.0));
        assert_eq!(seconds("infinity"), Some(f64::INFINITY));
        for bad in ["", "soon", "5 parsecs", ".", "-1"] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }
}
