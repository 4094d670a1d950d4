//! A time span as a setting: seconds, or as systemd writes it. Pure.

use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::units::unit_file::seconds;

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
