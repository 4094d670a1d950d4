//! Versions of hermes, and what differs between them.

/// A hermes version, `X.Y.Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(pub(crate) u32, pub(crate) u32, pub(crate) u32);

impl Version {
    /// The oldest whose gateway we know.
    pub(crate) const OLDEST: Self = Self(0, 13, 0);
    /// The newest whose gateway we know.
    pub(crate) const NEWEST: Self = Self(0, 19, u32::MAX);

    /// From the first line of `hermes --version`: `Hermes Agent v0.19.0 (2026.7.20)`.
    pub(crate) fn from_output(text: &str) -> Option<Self> {
        text.lines().next()?.split_whitespace().find_map(|word| {
            let mut parts = word.trim_start_matches('v').split('.');
            let mut next = || parts.next()?.parse().ok();
            let version = Self(next()?, next()?, next()?);
            // A release date such as 2026.7.20 has the same form.
            (version.0 < 1000).then_some(version)
        })
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// The drain of a gateway whose files do not set one: 180 s up to 0.17, none since 0.18.0 (hermes_cli/config.py).
pub(crate) fn default_drain(version: Option<Version>) -> u32 {
    match version {
        Some(version) if version >= Version(0, 18, 0) => 0,
        _ => 180,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_ordered() {
        let version = Version::from_output("Hermes Agent v0.19.0 (2026.7.20)\nPython: 3.11.7");
        assert_eq!(version, Some(Version(0, 19, 0)));
        assert!(Version(0, 19, 3) < Version::NEWEST);
        assert_eq!(default_drain(version), 0);
        assert_eq!(default_drain(Some(Version(0, 17, 9))), 180);
        assert_eq!(Version::from_output("command not found"), None);
    }
}
