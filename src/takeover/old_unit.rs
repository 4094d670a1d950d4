//! A unit that a profile leaves, as [`carry`](crate::takeover::carry) looks at it.

use crate::gateway::search_path::Owner;
use crate::host::account::Account;
use crate::units::unit_file::Directives;
use std::collections::BTreeSet;
use std::path::Path;

/// An old unit and what of its host decides.
pub(crate) struct OldUnit<'a> {
    /// What it says.
    pub(crate) directives: &'a Directives,
    /// A value with its specifiers expanded.
    pub(crate) expand: &'a dyn Fn(&str) -> String,
    /// Whether hermes wrote it.
    pub(crate) is_upstream: bool,
    /// Whether the system's manager runs the new unit.
    pub(crate) is_system: bool,
    /// Whether the new unit has the same manager: else its words are another account's, and root lends them no rights.
    pub(crate) is_trusted: bool,
    /// The account that it runs as.
    pub(crate) account: &'a Account,
    /// The profile home.
    pub(crate) home: &'a Path,
    /// The hermes root.
    pub(crate) root: &'a Path,
    /// The hermes executable.
    pub(crate) hermes: Option<&'a Path>,
    /// Variables that the gateway reads from its own files.
    pub(crate) known: &'a BTreeSet<String>,
    /// `terminal.cwd` of the profile's configuration.
    pub(crate) terminal: Option<&'a Path>,
    /// Whether a directory is there and belongs to the account.
    pub(crate) is_own: &'a dyn Fn(&Path) -> bool,
    /// Whether a file is there.
    pub(crate) is_file: &'a dyn Fn(&Path) -> bool,
}

impl OldUnit<'_> {
    /// Whose gateway the new unit runs.
    pub(super) fn owner(&self) -> Owner<'_> {
        Owner {
            hermes: self.hermes.unwrap_or(Path::new("hermes")),
            root: self.root,
            home: self.home,
            user_home: Some(&self.account.home),
        }
    }

    /// Whether the new unit may write there anyway.
    pub(super) fn is_home(&self, path: &Path) -> bool {
        let homes = [self.home, self.root, &self.account.home];
        homes.iter().any(|home| path.starts_with(home))
    }
}
