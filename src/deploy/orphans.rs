//! Units that hermes-install wrote where no receipt knows of them, as after a backup without `/var/lib` was restored. A
//! package's and those of a configuration of Nix have none and need none.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;

use crate::deploy::receipt::Receipt;
use crate::error::refuse;
use crate::host::Host;
use crate::host::declared::refuse_declared;
use crate::host::process::shell_quote;
use crate::host::rootfs::Actual;
use crate::layout::{DROP_IN, TEMPLATE};
use crate::profile::ProfileName;
use crate::render::tree::Entry;

/// How the files begin.
const HEADS: [&[u8]; 2] = [
    b"# Shipped by hermes-install",
    b"# Written by hermes-install",
];

/// See the module.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Orphans {
    /// The files, relative to the root; there is one.
    files: Vec<String>,
    /// The profiles that they are for, as far as names tell.
    profiles: BTreeSet<ProfileName>,
}

impl Orphans {
    /// Those of a host's scope.
    pub(crate) fn find(host: &Host, receipt: &Receipt) -> Option<Self> {
        if refuse_declared(host).is_err() {
            return None;
        }
        let units = host.units();
        let names = |directory: &str| host.files.names(&Path::new("/").join(directory));
        let is_orphan = |path: &String| {
            let seen = host.files.look(path);
            receipt.stamps(path).next().is_none()
                && matches!(seen, Ok(Actual::Present(Entry::File { bytes, .. }, _))
                    if HEADS.iter().any(|head| bytes.starts_with(head)))
        };
        let mut files = Vec::new();
        let mut profiles = BTreeSet::new();
        for name in names(&units).ok()?.iter().filter_map(|name| name.to_str()) {
            let Some(profile) = name.strip_suffix(".d").and_then(profile_of) else {
                continue;
            };
            let path = format!("{units}/{name}/{DROP_IN}");
            if is_orphan(&path) {
                files.push(path);
                profiles.insert(profile);
            }
        }
        // Beside a package somebody may have copied its template to change it.
        let template = format!("{units}/{TEMPLATE}");
        if !host.is_packaged() && is_orphan(&template) {
            files.push(template);
            let wants = format!("{units}/{}.wants", host.scope.boot_target());
            let links = names(&wants).unwrap_or_default();
            let names = links.iter().filter_map(|name| name.to_str());
            profiles.extend(names.filter_map(profile_of));
        }
        (!files.is_empty()).then_some(Self { files, profiles })
    }

    /// What they are, as a sentence.
    pub(crate) fn sentence(&self, host: &Host) -> String {
        let files: Vec<String> = self.files.iter().map(|f| format!("`/{f}`")).collect();
        format!(
            "{} {} of hermes-install, and the receipt `/{}` does not know of {}, so that nothing is known to belong to it",
            files.join(" and "),
            if files.len() == 1 { "is" } else { "are" },
            host.receipt(),
            if files.len() == 1 { "it" } else { "them" },
        )
    }

    /// The command that has them known again.
    pub(crate) fn command(&self, host: &Host) -> String {
        let scope = host.scope.flag();
        let all = self.profiles.iter();
        let all: String = all.map(|p| format!(" --profile {p}")).collect();
        let all = if all.is_empty() {
            " --profile NAME"
        } else {
            &*all
        };
        format!("hermes-install{scope}{all}")
    }
}

/// The profile of a unit of ours.
fn profile_of(unit: &str) -> Option<ProfileName> {
    let name = unit.strip_prefix("hermes-gateway@")?;
    name.strip_suffix(".service")?.parse().ok()
}

/// Refuse to say that nothing is installed where that is not true.
pub(crate) fn refuse_orphans(host: &Host, receipt: &Receipt) -> Result<()> {
    let Some(orphans) = Orphans::find(host, receipt) else {
        return Ok(());
    };
    let units = orphans.profiles.iter().map(ProfileName::unit);
    let units: Vec<String> = units.collect();
    let stop = match units.as_slice() {
        [] => "hermes-gateway@NAME.service".to_owned(),
        units => shell_quote(units),
    };
    let scope = host.scope.flag();
    refuse!(
        "{}", orphans.sentence(host);
        "restore the receipt from a backup; or to make it anew: `{}`, with the settings that it had, and then \
         `hermes-install uninstall{scope}` removes it", orphans.command(host);
        "to stop it as it is: `{} disable --now {stop}`", host.manager().command_prefix()
    );
}
