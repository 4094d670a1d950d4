//! In what the files and units of a host differ from what its receipt says.

use std::collections::{BTreeMap, BTreeSet};

use super::details::ends_at_logout;
use crate::deploy::receipt::{Drifted, Receipt};
use crate::deploy::unfinished::Unfinished;
use crate::host::Host;
use crate::profile::ProfileName;

/// What differs, sorted by what a profile is asked for.
pub(super) struct Drift<'a> {
    host: &'a Host,
    /// In recorded files, by the unit that they are for.
    of_unit: BTreeMap<&'a str, Vec<String>>,
    /// In files that are for no unit of a profile or shield.
    shared: Vec<String>,
    unfinished: Option<Unfinished>,
}

impl<'a> Drift<'a> {
    /// Sort what was found in recorded files.
    pub(super) fn new(host: &'a Host, receipt: &Receipt, drift: Vec<Drifted<'a>>) -> Self {
        let own = receipt.instances.iter().map(|i| i.profile.unit());
        let shielded = receipt.shields.iter().map(|s| s.unit.clone());
        let known: BTreeSet<String> = own.chain(shielded).collect();
        let mut of_unit: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        let mut shared = Vec::new();
        for drifted in drift {
            let how = drifted.told(host, receipt);
            match drifted.unit.filter(|unit| known.contains(*unit)) {
                Some(unit) => of_unit.entry(unit).or_default().push(how),
                None => shared.push(how),
            }
        }
        Self {
            host,
            of_unit,
            shared,
            unfinished: Unfinished::of(receipt, host.scope),
        }
    }

    /// What differs for one profile, each as a sentence.
    pub(super) fn told(
        &self,
        profile: &ProfileName,
        is_installed: bool,
        unit: &str,
        shield: Option<&str>,
        needs_reload: bool,
    ) -> Vec<String> {
        let mut told = Vec::new();
        if is_installed {
            told.extend(self.shared.iter().cloned());
        }
        let units = [Some(unit), shield].into_iter().flatten();
        told.extend(
            units
                .filter_map(|unit| self.of_unit.get(unit))
                .flatten()
                .cloned(),
        );
        if needs_reload {
            let typed = self.host.manager().command_prefix();
            told.push(format!("`{unit}` changed on disk; {typed} daemon-reload"));
        }
        if is_installed {
            told.extend(ends_at_logout(self.host));
        }
        let unfinished = self.unfinished.as_ref();
        let unfinished = unfinished.filter(|run| is_installed || run.profiles.contains(profile));
        told.extend(unfinished.map(Unfinished::sentence));
        told
    }
}
