//! A directive that a profile's drop-in adds to what the template unit says: dependencies, groups and limits, in the words
//! of a unit file. Only those exist that take nothing back of what the template promises. Pure.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::render::escape;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Addition {
    /// Its name.
    pub(crate) key: String,
    /// Its value, as in a unit file: quotes and specifiers count.
    pub(crate) value: String,
}

/// Directives of `[Unit]`: what the gateway waits for or needs (systemd.unit(5)).
const UNIT: [&str; 11] = [
    "After",
    "Before",
    "BindsTo",
    "OnFailure",
    "OnSuccess",
    "PartOf",
    "Requires",
    "RequiresMountsFor",
    "Requisite",
    "Upholds",
    "Wants",
];

/// Directives of `[Service]`: groups, limits and places (systemd.exec(5), systemd.resource-control(5)). Beside these,
/// every `Limit…=`.
const SERVICE: [&str; 42] = [
    "AllowedCPUs",
    "AllowedMemoryNodes",
    "BindPaths",
    "BindReadOnlyPaths",
    "CPUAffinity",
    "CPUQuota",
    "CPUQuotaPeriodSec",
    "CPUSchedulingPolicy",
    "CPUSchedulingPriority",
    "CPUWeight",
    "ExecPaths",
    "IOReadBandwidthMax",
    "IOReadIOPSMax",
    "IOSchedulingClass",
    "IOSchedulingPriority",
    "IOWeight",
    "IOWriteBandwidthMax",
    "IOWriteIOPSMax",
    "IPAddressAllow",
    "IPAddressDeny",
    "InaccessiblePaths",
    "LoadCredentialEncrypted",
    "LogExtraFields",
    "LogLevelMax",
    "LogNamespace",
    "LogRateLimitBurst",
    "LogRateLimitIntervalSec",
    "MemoryLow",
    "MemoryMin",
    "MemorySwapMax",
    "NUMAMask",
    "NUMAPolicy",
    "NetworkNamespacePath",
    "Nice",
    "NoExecPaths",
    "OOMScoreAdjust",
    "PassEnvironment",
    "ReadOnlyPaths",
    "Slice",
    "SupplementaryGroups",
    "TasksMax",
    "UnsetEnvironment",
];

impl Addition {
    /// Whether a directive may be added, and in which section it stands.
    pub(crate) fn section(key: &str) -> Option<&'static str> {
        if UNIT.contains(&key) {
            Some("Unit")
        } else if SERVICE.contains(&key) || key.starts_with("Limit") {
            Some("Service")
        } else {
            None
        }
    }
}

impl FromStr for Addition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((key, value)) = text.split_once('=') else {
            return Err(format!("`{text}` is no directive; write `Nice=5`"));
        };
        if Self::section(key).is_none() {
            return Err(format!(
                "`{key}=` cannot be set here; a setting of its own or `systemctl edit hermes-gateway@PROFILE.service` can"
            ));
        }
        escape::check(key, value).map_err(|e| e.to_string())?;
        Ok(Self {
            key: key.to_owned(),
            value: value.to_owned(),
        })
    }
}

impl TryFrom<String> for Addition {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Addition> for String {
    fn from(addition: Addition) -> Self {
        addition.to_string()
    }
}

impl fmt::Display for Addition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.key, self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_takes_nothing_back_can_be_added() {
        for good in ["After=docker.service", "Nice=5", "LimitNOFILE=8192:65536"] {
            let addition: Addition = good.parse().expect(good);
            assert_eq!(addition.to_string(), good);
        }
        for bad in [
            "Restart=always",
            "ExecStart=/bin/true",
            "KillMode=none",
            "Nice",
            "Nice=",
            "Nice=5\nRestart=always",
            "Slice=a.slice\\",
        ] {
            assert!(bad.parse::<Addition>().is_err(), "{bad}");
        }
    }
}
