//! A split that was cut short, as the receipt and the unit on disk tell: no other run changes units until it is gone on with.

use std::path::Path;

use anyhow::Result;

use crate::deploy::receipt::Receipt;
use crate::deploy::relocation::is_free;
use crate::error::refuse;
use crate::host::Host;
use crate::host::rootfs::Actual;
use crate::layout::{Layout, Scope};
use crate::profile::ProfileName;
use crate::render::tenant_file;

/// Whether a split of this profile began to write and did not end. Its first record has the file that declares the tenant's
/// account, which nothing else writes for a profile that has a unit.
pub(crate) fn is_cut_short(receipt: &Receipt, profile: &ProfileName) -> bool {
    let places = Layout::Host.places(Scope::System, None);
    let declares = places.sysusers.is_some_and(|path| {
        let path = Path::new(path).with_file_name(tenant_file(profile));
        receipt.pending.keys().any(|other| Path::new(other) == path)
    });
    declares && receipt.instances.iter().any(|i| i.profile == *profile)
}

/// The profile whose split was cut short while its unit was not recorded as the tenant's.
pub(crate) fn undecided(receipt: &Receipt) -> Option<&ProfileName> {
    let mut shared = receipt.instances.iter().filter(|i| !i.is_tenant());
    let found = shared.find(|i| is_cut_short(receipt, &i.profile))?;
    Some(&found.profile)
}

/// Refuse to write units while it is not decided where the data of a profile are, unless it is one that this run decides.
pub(crate) fn refuse_undecided(
    receipt: &Receipt,
    decides: impl Fn(&ProfileName) -> bool,
) -> Result<()> {
    if let Some(profile) = undecided(receipt).filter(|profile| !decides(profile)) {
        refuse!(
            "nothing was changed: a split of profile `{profile}` was cut short";
            "to go on with it: `hermes-install split {profile}`";
            "to have no unit for it, and leave the data where they are: `hermes-install uninstall --profile {profile}`"
        );
    }
    Ok(())
}

/// Whether the unit on disk runs in the tenant already, on data that are there.
pub(crate) fn is_switched(host: &Host, profile: &ProfileName) -> Result<bool> {
    let drop_in = format!(
        "{}/{}.d/50-hermes-install.conf",
        host.units(),
        profile.unit()
    );
    let Actual::Present(entry, _) = host.files.look(&drop_in)? else {
        return Ok(false);
    };
    let user = format!("User={}", profile.tenant_account());
    let text = entry.as_text().unwrap_or_default();
    Ok(text.lines().any(|line| line == user) && !is_free(&profile.tenant_root())?)
}
