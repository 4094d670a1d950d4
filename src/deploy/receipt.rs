//! What was written last: path to digest, mode and owner, and the settings it was rendered from. Versioned JSON.
//!
//! It is written twice around a change: first with what is about to be written as `pending`, last without. A run that
//! was killed between leaves a receipt that still knows every file that was written, old or new.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::deploy::chosen::Chosen;
use crate::deploy::moved_home::in_home;
use crate::error::{failure, trouble};
use crate::host::Host;
use crate::host::rootfs::{Actual, RootFs};
use crate::layout::Scope;
use crate::profile::ProfileName;
use crate::render::instance::Instance;
use crate::render::model::Shield;
use crate::render::tree::Entry;
use crate::render::tree::Stamp;

/// The version that this program writes; it reads this and every older one.
const VERSION: u32 = 4;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Receipt {
    version: u32,
    /// User ID that owns every file written.
    pub(crate) owner: u32,
    /// Files as they were when a run last ended.
    #[serde(default)]
    pub(crate) files: BTreeMap<String, Stamp>,
    /// Files that a run was about to write; empty unless it was cut short.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) pending: BTreeMap<String, Stamp>,
    /// Directories that were made, to be removed when they are empty.
    #[serde(default)]
    pub(crate) directories: BTreeSet<String>,
    /// The profiles and their settings.
    #[serde(default)]
    pub(crate) instances: Vec<Instance>,
    /// Other units under a shield; since version 2.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) shields: Vec<Shield>,
    /// Other units that were masked, as the paths of the masks; since version 2.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) masks: BTreeSet<String>,
    /// Whether drop-ins wait for units that hermes writes, or somebody wants none; since version 4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) guard: Option<bool>,
    /// What was chosen or inherited for profiles; since version 3.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) settings: BTreeMap<ProfileName, Chosen>,
    /// Whether hermes-install enabled lingering for this user.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) linger: bool,
}

/// What is installed on a host, beside files: all that a tree is rendered from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Contents {
    /// The profiles that installed units run.
    pub(crate) instances: Vec<Instance>,
    /// Other units under a shield.
    pub(crate) shields: Vec<Shield>,
    /// Other units that are masked, as the paths of the masks.
    pub(crate) masks: BTreeSet<String>,
    /// Whether drop-ins wait for units that hermes writes; `false` when somebody wants none.
    pub(crate) guard: Option<bool>,
    /// What was chosen or inherited for the profiles.
    pub(crate) settings: BTreeMap<ProfileName, Chosen>,
}

impl Contents {
    /// Whether no unit is or has anything of hermes-install; settings alone are nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.has_no_units() && self.masks.is_empty() && self.guard.is_none()
    }

    /// Whether no unit is of hermes-install or shielded by it.
    pub(crate) fn has_no_units(&self) -> bool {
        self.instances.is_empty() && self.shields.is_empty()
    }

    /// The units that were installed or shielded, each with its profile home.
    pub(crate) fn units(&self, default_root: &Path) -> Vec<(String, PathBuf)> {
        let own = self.instances.iter().map(|i| {
            let root = i.root.as_deref().unwrap_or(default_root);
            (i.profile.unit(), i.profile.home(root))
        });
        let shielded = self
            .shields
            .iter()
            .map(|s| (s.unit.clone(), s.profile.home(&s.root)));
        own.chain(shielded).collect()
    }
}

/// A file that is not as it was recorded.
#[derive(Debug)]
pub(crate) struct Drifted<'a> {
    /// Its path, relative to the root.
    path: &'a str,
    /// The unit that it is of: its own file, its drop-ins and the links that start it. `None` where it is of no single
    /// instance.
    pub(crate) unit: Option<&'a str>,
    /// How it differs, as a sentence that names it.
    pub(crate) how: String,
}

impl Drifted<'_> {
    /// Whether it has the unit start at boot.
    pub(crate) fn enables(&self) -> bool {
        self.path.contains(".wants/")
    }

    /// How it differs, and how what is gone is put back, as a sentence.
    pub(crate) fn told(&self, host: &Host, receipt: &Receipt) -> String {
        let how = &self.how;
        match host.files.look(self.path) {
            Ok(Actual::Missing) => {
                let command = self.way_out(receipt, host.scope);
                format!("{how}; to put it back: `{command}`")
            }
            _ => how.clone(),
        }
    }

    /// The command that puts it back. An upgrade leaves it to the admin what starts at boot.
    pub(crate) fn way_out(&self, receipt: &Receipt, scope: Scope) -> String {
        let mut profiles = receipt.instances.iter().map(|i| &i.profile);
        let unit = self.unit.filter(|_| self.enables());
        match unit.and_then(|unit| profiles.find(|profile| profile.unit() == unit)) {
            Some(profile) => format!("hermes-install --{} --profile {profile}", scope.name()),
            None => format!("hermes-install upgrade --{} --force", scope.name()),
        }
    }
}

impl Receipt {
    /// A receipt of nothing.
    pub(crate) fn empty(owner: u32) -> Self {
        Self {
            version: VERSION,
            owner,
            files: BTreeMap::new(),
            pending: BTreeMap::new(),
            directories: BTreeSet::new(),
            instances: Vec::new(),
            shields: Vec::new(),
            masks: BTreeSet::new(),
            guard: None,
            settings: BTreeMap::new(),
            linger: false,
        }
    }

    /// Read a receipt; `name` is for the error.
    pub(crate) fn parse(bytes: &[u8], name: &str) -> Result<Self> {
        #[derive(Deserialize)]
        struct Head {
            version: u32,
        }
        let broken = |why: serde_json::Error| {
            failure!(
                Trouble,
                "receipt `{name}` cannot be read, and it says what was installed, so nothing is changed without it: {why}";
                "restore it from a backup, or move it away and install with `--force`"
            )
        };
        let read: Result<Self, _> = serde_json::from_slice(bytes);
        let version = match &read {
            Ok(receipt) => receipt.version,
            // A newer one has more to say.
            Err(_) => {
                serde_json::from_slice::<Head>(bytes)
                    .map_err(broken)?
                    .version
            }
        };
        if version > VERSION {
            trouble!(
                "receipt `{name}` is of version {version} and this hermes-install reads up to {VERSION}";
                "use the newer hermes-install that wrote it"
            );
        }
        let mut receipt = read.map_err(broken)?;
        if version < 3 {
            let chosen = receipt.instances.iter();
            receipt.settings = chosen
                .map(|i| (i.profile.clone(), Chosen::of_instance(i)))
                .filter(|(_, chosen)| !chosen.is_empty())
                .collect();
        }
        Ok(Self {
            version: VERSION,
            ..receipt
        })
    }

    /// As it is written.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// What it says is installed.
    pub(crate) fn contents(&self) -> Contents {
        Contents {
            instances: self.instances.clone(),
            shields: self.shields.clone(),
            masks: self.masks.clone(),
            guard: self.guard,
            settings: self.settings.clone(),
        }
    }

    /// Every recorded state of a file.
    pub(crate) fn stamps<'a>(&'a self, path: &str) -> impl Iterator<Item = &'a Stamp> {
        self.files
            .get(path)
            .into_iter()
            .chain(self.pending.get(path))
    }

    /// Every path that was or may have been written.
    pub(crate) fn paths(&self) -> BTreeSet<&String> {
        self.files.keys().chain(self.pending.keys()).collect()
    }

    /// How files differ from what is recorded.
    pub(crate) fn drift(&self, files: &RootFs) -> Vec<Drifted<'_>> {
        let differing = self.files.iter().filter_map(|(path, stamp)| {
            Some(Drifted {
                path,
                unit: unit_of(path),
                how: files.difference(path, stamp)?,
            })
        });
        differing.collect()
    }

    /// Whether it records nothing at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.files.is_empty()
            && self.pending.is_empty()
            && self.directories.is_empty()
            && self.contents().is_empty()
    }
}

/// The unit that a file belongs to: the one that it is, links to or is a drop-in of; no template.
pub(crate) fn unit_of(path: &str) -> Option<&str> {
    let name = |part: &str| {
        let unit = part.strip_suffix(".d").unwrap_or(part);
        (unit.ends_with(".service") && !unit.ends_with("@.service")).then_some(unit.len())
    };
    let part = path.split('/').find(|part| name(part).is_some())?;
    name(part).map(|end| &part[..end])
}

/// The receipt of a host; an empty one when there is none.
pub(crate) fn read_receipt(host: &Host) -> Result<Receipt> {
    let path = host.receipt();
    match host.files.look(&path)? {
        Actual::Missing => Ok(Receipt::empty(nix::unistd::geteuid().as_raw())),
        Actual::Present(Entry::File { bytes, .. }, _) => {
            let receipt = Receipt::parse(&bytes, &format!("/{path}"))?;
            Ok(match host.scope {
                Scope::System => receipt,
                Scope::User => in_home(receipt, host.base()),
            })
        }
        _ => trouble!("receipt `/{path}` is not a file"; "move it away and install with `--force`"),
    }
}

/// The receipt as a file.
pub(crate) fn file(receipt: &Receipt) -> Entry {
    Entry::File {
        bytes: receipt.to_bytes().into(),
        mode: 0o644,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_receipt_is_refused_and_named() {
        let error =
            Receipt::parse(br#"{"version": 5, "shape": "unknown"}"#, "/r.json").expect_err("newer");
        assert!(
            error.to_string().contains("`/r.json` is of version 5"),
            "{error}"
        );
    }

    #[test]
    fn a_file_belongs_to_the_unit_whose_name_is_a_part_of_its_path() {
        for (path, unit) in [
            ("etc/systemd/system/hermes-gateway@.service", None),
            ("usr/local/lib/hermes-install/hermes-install", None),
            (
                "etc/systemd/system/hermes-gateway@p1.service.d/50-hermes-install.conf",
                Some("hermes-gateway@p1.service"),
            ),
            (
                "etc/systemd/system/multi-user.target.wants/hermes-gateway@p1.service",
                Some("hermes-gateway@p1.service"),
            ),
            (
                "etc/systemd/system/my-hermes-gateway.service.d/50-hermes-install-shield.conf",
                Some("my-hermes-gateway.service"),
            ),
        ] {
            assert_eq!(unit_of(path), unit, "{path}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let receipt = Receipt::empty(7);
        assert_eq!(
            Receipt::parse(&receipt.to_bytes(), "r").expect("reads"),
            receipt
        );
    }
}
