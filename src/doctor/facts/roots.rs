//! What many homes share, looked at once: what a hermes root says of all its profiles, and who may be about to take a home.
//! Reads only.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::gateway::config::{Configuration, active_profile};
use crate::gateway::owner::Owners;
use crate::gateway::served::Servers;
use crate::host::Host;
use crate::profile::root_of;

/// See the module.
#[derive(Debug)]
pub(super) struct Roots<'a> {
    /// Who has each home.
    pub(super) owners: Owners,
    host: &'a Host,
    known: HashMap<PathBuf, Root>,
}

/// What one says.
#[derive(Debug)]
pub(super) struct Root {
    /// Its active profile.
    pub(super) active: Option<String>,
    /// Whether its gateway serves the other profiles by its configuration.
    pub(super) is_multiplexed: bool,
    /// Its gateways that serve other profiles; nobody does in an image.
    pub(super) servers: OnceCell<Servers>,
}

impl<'a> Roots<'a> {
    /// Of this host; none is read yet.
    pub(super) fn new(host: &'a Host) -> Self {
        Self {
            owners: Owners::default(),
            host,
            known: HashMap::new(),
        }
    }

    /// The one of a profile home.
    pub(super) fn of(&mut self, home: &Path) -> &Root {
        let root = root_of(home);
        let host = self.host;
        self.known.entry(root).or_insert_with_key(|root| Root {
            active: active_profile(&host.files, root),
            is_multiplexed: Configuration::look(&host.files, root).is_multiplexed(),
            servers: OnceCell::new(),
        })
    }
}
