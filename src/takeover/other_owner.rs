//! Somebody else's hold on a profile home, as a sentence with its way out. Reads only. What cannot be told counts.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use anyhow::Result;

use crate::gateway::owner::{owner, unseen};
use crate::host::Host;
use crate::host::cgroup::UnitRef;
use crate::host::process_text::name;
use crate::host::process_text::stop_command;
use crate::layout::Scope;
use crate::profile::ProfileName;
use crate::takeover::template;
use crate::units::claim::{Claim, SEEN_BY_ROOT};
use crate::units::inventory::{Inventory, UnreadFile};
use crate::units::unit::Unit;

/// Somebody else's hold on a profile.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct OtherOwner {
    /// Who it is, as the start of a sentence.
    pub(crate) who: String,
    /// The command that resolves it.
    pub(crate) way_out: String,
}

/// Every claim on this profile home but that of the unit that is to be installed.
pub(crate) fn claims(
    host: &Host,
    inventory: &Inventory,
    profile: &ProfileName,
    home: &Path,
) -> Result<Vec<OtherOwner>> {
    let mut claims = owning_units(host, inventory.units_of(host, home), profile, home);
    if host.live().is_some() {
        claims.extend(process_claim(host, profile, home)?);
    }
    Ok(claims)
}

/// The claims of units that run gateways of this home: of those that are up, and those that something would start.
pub(crate) fn owning_units<'a>(
    host: &Host,
    units: impl Iterator<Item = &'a Unit>,
    profile: &ProfileName,
    home: &Path,
) -> Vec<OtherOwner> {
    units
        .filter(|unit| !template::is_own(host, unit, profile))
        .filter_map(|unit| {
            let claim = unit.claim().filter(|_| unit.stays().is_some())?;
            if let Some(file) = unit.closed_file(host) {
                return Some(OtherOwner {
                    who: format!(
                        "{} ({}) may run the gateway of `{}`: `{}` cannot be read, and what it says counts",
                        unit.title(),
                        claim.how,
                        home.display(),
                        file.display()
                    ),
                    way_out: SEEN_BY_ROOT.to_owned(),
                });
            }
            Some(OtherOwner {
                who: format!(
                    "{} ({}) {} the gateway of `{}`",
                    unit.title(),
                    claim.how,
                    Claim::verb(claim.is_running),
                    home.display()
                ),
                way_out: unit.disable_command(),
            })
        })
        .collect()
}

/// A file that could not be read and may be of a unit that runs this profile.
pub(crate) fn unread<'a>(
    host: &Host,
    inventory: &'a Inventory,
    home: &Path,
) -> Option<&'a UnreadFile> {
    let meta = host.metadata(home).ok();
    // A gateway of another account needs to write the home: nobody else gets to stand in the way with a file.
    let concerns = |uid: u32| {
        uid == 0
            || meta
                .as_ref()
                .is_some_and(|m| m.uid() == uid || m.mode() & 0o022 != 0)
    };
    let mut unread = inventory.unread.iter();
    unread.find(|file| concerns(file.account.uid))
}

fn process_claim(host: &Host, profile: &ProfileName, home: &Path) -> Result<Option<OtherOwner>> {
    if !home.exists() {
        return Ok(None);
    }
    let Some(owner) = owner(home)? else {
        return Ok(None);
    };
    let Some(process) = owner.process else {
        let (who, command) = unseen(home);
        let way_out = format!("`{command}` finds it, in containers too; stop it");
        return Ok(Some(OtherOwner { who, way_out }));
    };
    let own = UnitRef {
        name: profile.unit(),
        user: (host.scope == Scope::User).then_some(host.own.uid),
    };
    let is_own = process.unit() == Some(own);
    Ok((!is_own).then(|| OtherOwner {
        who: format!("{} {}", name(&process), owner.how),
        way_out: stop_command(&process),
    }))
}
