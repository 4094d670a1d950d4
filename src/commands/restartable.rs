//! `restartable`: the units of ours that could start their gateways again, for the scripts of packages: an upgrade restarts what
//! runs, and a bot whose hermes is gone would end for good.

use anyhow::Result;

use crate::error::Exit;
use crate::host::Host;
use crate::layout::{Scope, TEMPLATE};
use crate::output::{self, Output};
use crate::preflight::again::left_as_it_is;
use crate::profile::ProfileName;
use crate::units::inventory::Inventory;
use crate::units::unit::Unit;

/// Print the names of instances of the template, and say of those that are left out why they are.
pub(crate) fn restartable() -> Result<Exit> {
    let host = Host::new(Scope::System, None)?;
    let output = Output {
        quiet: false,
        json: false,
    };
    let inventory = Inventory::of_own_manager(&host);
    let prefix = TEMPLATE.trim_end_matches(".service");
    for unit in inventory
        .units
        .iter()
        .filter(|unit| unit.name.starts_with(prefix))
    {
        match why_not(&host, unit)? {
            None if unit.name != TEMPLATE => output::print(format!("{}\n", unit.name)),
            None => {}
            Some(why) => output.warn(why),
        }
    }
    Ok(Exit::Done)
}

/// Why the gateway of a unit could not start again.
pub(super) fn why_not(host: &Host, unit: &Unit) -> Result<Option<String>> {
    let profile = unit.home().and_then(ProfileName::from_home);
    match profile {
        Some((profile, _)) => left_as_it_is(host, unit, &profile),
        None => Ok(None),
    }
}
