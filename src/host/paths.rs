//! Where the files of hermes-install are on a host, relative to its root.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use crate::host::Host;
use crate::layout::{
    Layout, PACKAGED_LAUNCHER, SYSTEM_ROOT, Scope, TEMPLATE, host_command, host_launcher,
};

/// An absolute path as one that is relative to the root.
pub(crate) fn below_root(path: &Path) -> &Path {
    match path.as_os_str().as_bytes() {
        // Most begin and end with a name, and are not taken apart for that.
        [b'/', name @ ..] if !begins_or_ends(name, b"/.") => Path::new(OsStr::from_bytes(name)),
        _ => path.strip_prefix("/").unwrap_or(path),
    }
}

fn begins_or_ends(text: &[u8], with: &[u8]) -> bool {
    let ends = [text.first(), text.last()];
    ends.into_iter().flatten().any(|end| with.contains(end))
}

impl Host {
    /// What relative paths of the host layout are relative to: the root, or the user's home directory.
    pub(crate) fn base(&self) -> &str {
        match self.scope {
            Scope::System => "",
            Scope::User => self.own.home.to_str().unwrap_or_default().trim_matches('/'),
        }
    }

    /// A path of the host layout as a path relative to the root.
    pub(crate) fn relative(&self, path: &str) -> String {
        match self.base() {
            "" => path.to_owned(),
            base => format!("{base}/{path}"),
        }
    }

    /// The receipt, relative to the root.
    pub(crate) fn receipt(&self) -> String {
        self.state("receipt.json")
    }

    /// A file of this program's own state, relative to the root.
    pub(crate) fn state(&self, name: &str) -> String {
        match self.scope {
            Scope::System => format!("var/lib/hermes-install/{name}"),
            Scope::User => self.relative(&format!(".local/state/hermes-install/{name}")),
        }
    }

    /// Whether a package owns launcher and template units here: then they are used in place.
    pub(crate) fn is_packaged(&self) -> bool {
        self.exists(Path::new(PACKAGED_LAUNCHER))
            && self.exists(&Path::new("/").join(self.packaged_units()).join(TEMPLATE))
    }

    /// Where a package keeps the units, relative to the root.
    pub(crate) fn packaged_units(&self) -> &'static str {
        Layout::Deb.places(self.scope, None).units
    }

    /// Where this program keeps the units, relative to the root.
    pub(crate) fn units(&self) -> String {
        self.relative(Layout::Host.places(self.scope, None).units)
    }

    /// Where this program keeps the launcher, relative to the root.
    pub(crate) fn launcher(&self) -> String {
        self.relative(host_launcher(self.scope))
    }

    /// The link by which people call it, relative to the root.
    pub(crate) fn command(&self) -> String {
        self.relative(host_command(self.scope))
    }

    /// The hermes root that the template unit names.
    pub(crate) fn default_root(&self) -> PathBuf {
        match self.scope {
            Scope::System => SYSTEM_ROOT.into(),
            Scope::User => self.own.home.join(".hermes"),
        }
    }
}
