//! The installations of a host, by executable: each is read once in a look, as many profiles share one.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::OsString;
use std::path::Path;

use crate::gateway::installation::Installation;
use crate::host::Host;

/// See the module.
#[derive(Debug)]
pub(crate) struct Installations<'a> {
    host: &'a Host,
    /// By paths as they are written, which is cheaper than by their components.
    known: RefCell<HashMap<OsString, Option<Installation>>>,
}

impl<'a> Installations<'a> {
    /// Of this host; none is read yet.
    pub(crate) fn new(host: &'a Host) -> Self {
        Self {
            host,
            known: RefCell::default(),
        }
    }

    /// That of an executable.
    pub(crate) fn find(&self, hermes: &Path) -> Option<Installation> {
        let mut known = self.known.borrow_mut();
        if let Some(found) = known.get(hermes.as_os_str()) {
            return found.clone();
        }
        let is_there = self.host.exists(hermes);
        let found = is_there.then(|| Installation::find(hermes, &|path| self.host.real(path)));
        let found = found.flatten();
        known.insert(hermes.into(), found.clone());
        found
    }
}
