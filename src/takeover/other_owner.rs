//! Somebody else's hold on a profile home, as a sentence with its way out. Reads only. What cannot be told counts.

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use anyhow::Result;

use crate::gateway::config::ACTIVE_PROFILE;
use crate::gateway::owner::{owner, unseen};
use crate::host::Host;
use crate::host::access::Access;
use crate::host::account::Account;
use crate::host::cgroup::UnitRef;
use crate::host::process_text::name;
use crate::host::process_text::stop_command;
use crate::host::read::{self, Unread};
use crate::layout::Scope;
use crate::profile::ProfileName;
use crate::takeover::template;
use crate::units::claim::{Claim, SEEN_BY_ROOT};
use crate::units::inventory::Inventory;
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

/// A file that could not be read and may be of a unit that runs this profile, as a sentence.
pub(crate) fn unread(host: &Host, inventory: &Inventory, home: &Path) -> Option<String> {
    let meta = host.metadata(home).ok();
    // A gateway of another account needs to write the home: nobody else gets to stand in the way with a file.
    let concerns = |uid: u32| {
        uid == 0
            || meta
                .as_ref()
                .is_some_and(|m| m.uid() == uid || m.mode() & 0o022 != 0)
    };
    let mut unread = inventory.unread.iter();
    let file = unread.find(|file| concerns(file.account.uid));
    file.map(|file| file.why.clone())
        .or_else(|| unread_active(host, inventory, home))
}

/// The same of the file that says which profile of its root a unit runs: that is one of that root.
fn unread_active(host: &Host, inventory: &Inventory, home: &Path) -> Option<String> {
    let may_work = |account: &Account| Access::new(host, account).may_work_in(home);
    let counts = |unit: &&Unit| {
        unit.stays().is_some() && (!unit.is_user() || may_work(&unit.manager_account))
    };
    inventory.units.iter().filter(counts).find_map(|unit| {
        let mut calls = unit.calls.iter().filter(|call| call.follows_active);
        calls.find_map(|call| {
            let (_, theirs) = ProfileName::from_home(call.home.as_deref()?)?;
            let file = theirs.join(ACTIVE_PROFILE);
            let why = match host.files.read_text(&file, read::UNIT).err()? {
                Unread::NotRegular(_) => return None,
                why => why,
            };
            let sentence = || format!("`{}` cannot be read: {why}", file.display());
            may_be_root_of(host, home, theirs, unit.account.as_ref()?).then(sentence)
        })
    })
}

/// Whether the hermes root of a unit of this account is that of a home, or may be, as nobody can look where it leads. An
/// account that could not write the home has none there. Of root's a link alone leads elsewhere: else no user could ever
/// install beside a unit that works in `/root`.
fn may_be_root_of(host: &Host, home: &Path, theirs: &Path, account: &Account) -> bool {
    let root = ProfileName::from_home(home).map(|(_, root)| root);
    if root.is_some_and(|root| host.directory(root) == host.directory(theirs)) {
        return true;
    }
    let is_told = match host.metadata(theirs) {
        Ok(_) | Err(ErrorKind::NotFound | ErrorKind::NotADirectory) => true,
        Err(_) => account.uid == 0 && host.files.link_target(theirs).is_none(),
    };
    !is_told && host.exists(home) && Access::new(host, account).may_work_in(home)
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_unit_whose_active_profile_nobody_can_read_has_a_profile_of_its_own_root_only() {
        let top = tempfile::tempdir().expect("a directory");
        let write = |path: &str, text: &str| {
            let path = top.path().join(path);
            fs::create_dir_all(path.parent().expect("above")).expect("made");
            fs::write(path, text).expect("written");
        };
        let link = |target: &str, path: &str| {
            let path = top.path().join(path);
            fs::create_dir_all(path.parent().expect("above")).expect("made");
            symlink(target, path).expect("linked");
        };
        write("etc/passwd", "bob:x:1001:1001::/home/bob:/bin/sh\n");
        write("home/alice/.hermes/config.yaml", "");
        write("home/alice/.hermes/profiles/coder/config.yaml", "");
        // Root does not read it either.
        let close = |root: &str| {
            write(&format!("{root}/active_profile"), "");
            let file = fs::File::options()
                .write(true)
                .open(top.path().join(root).join(ACTIVE_PROFILE));
            file.and_then(|file| file.set_len(read::UNIT + 1))
                .expect("made large");
        };
        close("home/bob/.hermes");
        let unit = "etc/systemd/system/bot.service";
        link(
            "../bot.service",
            "etc/systemd/system/multi-user.target.wants/bot.service",
        );
        let why = |lines: &str, home: &str| {
            let text = format!("[Service]\n{lines}\nExecStart=/opt/h/bin/hermes gateway run\n");
            write(unit, &text);
            let host = Host::observer(Scope::System, Some(top.path())).expect("an image");
            let inventory = Inventory::of_own_manager(&host);
            assert_eq!(inventory.units.len(), 1, "the unit is seen");
            unread(&host, &inventory, Path::new(home))
        };
        let (hers, coder) = ("/home/alice/.hermes", "/home/alice/.hermes/profiles/coder");
        for home in [hers, coder] {
            assert_eq!(why("User=bob", home), None);
        }
        for home in ["/home/bob/.hermes", "/home/bob/.hermes/profiles/coder"] {
            let why = why("User=bob", home).expect("it may have any profile of that root");
            assert!(why.contains("`/home/bob/.hermes/active_profile`"), "{why}");
        }
        let named = "User=bob\nEnvironment=HERMES_HOME=/srv/hers";
        link("/home/alice/.hermes", "srv/hers");
        assert_eq!(why(named, hers), None, "it can be read");
        close("home/alice/.hermes");
        for home in [hers, coder] {
            assert!(why(named, home).is_some(), "by another name");
        }
        assert_eq!(
            why("User=bob\nEnvironment=HERMES_HOME=/srv/none", hers),
            None
        );
        // Nobody can tell where that leads.
        link(&"x".repeat(300), "srv/nowhere");
        let nowhere = "User=bob\nEnvironment=HERMES_HOME=/srv/nowhere";
        assert!(why(nowhere, hers).is_some());
    }
}
