//! A root whose default profile's gateway serves the others by its configuration: a gateway of their own is refused by
//! hermes itself. Reads only.

use anyhow::Result;

use crate::error::refuse;
use crate::host::Host;
use crate::preflight::Checked;
use crate::units::inventory::Inventory;
use crate::units::unit::Unit;

/// Refuse a unit for a profile that the gateway of its root serves, or would.
pub(crate) fn refuse_served(host: &Host, inventory: &Inventory, checked: &Checked) -> Result<()> {
    let profile = &checked.instance.profile;
    let is_served = !profile.for_hermes(&checked.root).is_default()
        && checked.is_multiplexed
        && !checked.is_standalone;
    if !is_served {
        return Ok(());
    }
    let mut units = inventory.units_of(host, &checked.root);
    let Some(unit) = units.find(|unit| unit.how().is_some()) else {
        return Ok(());
    };
    let config = checked.root.join("config.yaml");
    refuse!(
        "profile `{profile}` is served by the gateway of its root, which {} runs: `gateway.multiplex_profiles` is true in \
         `{}`, and hermes refuses a gateway of `{profile}` beside it",
        Unit::title(unit),
        config.display();
        "to leave it as it is, and see who serves it: `hermes-install status`";
        "`--standalone` gives the profile a gateway of its own (hermes 0.21.5 and later)";
        "`gateway.multiplex_profiles: false` in that file gives every profile one"
    );
}
