//! A line of a file that starts a gateway outside of systemd's units.

use std::path::PathBuf;

use crate::output::visible;

/// A line that starts a gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Starter {
    /// The file.
    pub(crate) file: PathBuf,
    /// Its line, from 1.
    pub(crate) line: usize,
    /// The line, secrets left out.
    pub(crate) text: String,
    /// The account that it runs as, where the file says.
    pub(crate) account: Option<String>,
    /// The profile home, where that can be told.
    pub(crate) home: Option<PathBuf>,
    /// Whether it takes the profile from a gateway that runs.
    pub(crate) replaces: bool,
    /// Whether it is a container that has the home in it.
    pub(crate) is_container: bool,
    /// The command that a person types against it.
    pub(crate) way_out: String,
}

impl Starter {
    /// Where it stands and what it does, as a sentence with its way out.
    pub(super) fn told(&self) -> String {
        let what = if self.is_container {
            "has a container work on this profile"
        } else {
            "starts this profile's gateway again"
        };
        let (file, line) = (self.file.display(), self.line);
        visible(&format!(
            "`{file}` line {line} {what}: `{}`; {}",
            self.text, self.way_out
        ))
    }
}
