//! A root whose default profile's gateway serves the others by its configuration: a gateway of their own is refused by
//! hermes itself. Reads only.

use anyhow::Result;

use crate::deploy::handover::{Handover, Old};
use crate::deploy::serving::Served;
use crate::error::refuse;
use crate::gateway::config::is_standalone;
use crate::gateway::owner::{Hold, owner};
use crate::gateway::stop::Force;
use crate::host::Host;
use crate::layout::Scope;
use crate::preflight::{self, Checked};
use crate::profile::{ProfileName, discover};
use crate::render::instance::Instance;
use crate::takeover::migrate::Allow;
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

/// Refuse to have profiles served by a gateway that serves nobody yet, and will not: hermes has it stand alone while another
/// profile runs a gateway of its own without saying so (`implicit_multiplex_blocker`, hermes_cli/gateway_multiplex_mode.py
/// 0.22.2).
pub(crate) fn refuse_unserved(host: &Host, served: &[Served]) -> Result<()> {
    for one in served {
        if host.live().is_none() || one.server(host)?.is_some() {
            continue;
        }
        let runs = |profile: &ProfileName| {
            let home = profile.home(&one.root);
            let owner = owner(&home).ok().flatten();
            owner.is_some_and(|owner| owner.hold == Hold::Has) && !is_standalone(&home)
        };
        let mut others = discover(&one.root, |path| host.real(path)).into_iter();
        let Some(other) = others.find(|profile| {
            !profile.is_default() && served.iter().all(|s| s.profile != *profile) && runs(profile)
        }) else {
            continue;
        };
        let (profile, scope) = (&one.profile, host.scope.flag());
        refuse!(
            "the gateway of `default` would not serve `{profile}`: hermes has it stand alone while `{other}` runs a gateway of \
             its own and its configuration does not say so";
            "to say so: `hermes-install{scope} --profile {other} --standalone`, then run this again";
            "to have both served: `hermes-install{scope} --profile {profile} --profile {other} --migrate`"
        );
    }
    Ok(())
}

/// The unit that a profile has of its own, on its way out: beside the gateway that serves all it would be a second one.
pub(crate) fn own_unit(
    host: &Host,
    before: Option<&Instance>,
    checked: &Checked,
    allow: Allow,
) -> Result<Option<Handover>> {
    let profile = &checked.instance.profile;
    let Some(own) = before else {
        return Ok(None);
    };
    let unit = profile.unit();
    if !allow.units {
        let scope = host.scope.flag();
        refuse!(
            "hermes {} has one gateway for all profiles, that of `default`, and `{unit}` would run a second one for \
             `{profile}`; keep it with `hermes-install{scope} --profile {profile} --standalone`, or have the profile served with \
             `hermes-install{scope} --profile {profile} --migrate`, which stops `{unit}` as planned and removes it",
            preflight::told(checked.version)
        );
    }
    let was_active = match host.live() {
        Some(live) => live.manager().show_one(&unit)?.runs(),
        None => false,
    };
    Ok(Some(Handover {
        home: checked.home.clone(),
        by_hand: None,
        units: vec![Old {
            manager: host.manager(),
            user: (host.scope == Scope::User).then_some(host.own.uid),
            name: unit,
            was_active,
        }],
        drain: own
            .drain_timeout
            .unwrap_or(own.gateway_drain)
            .max(checked.instance.gateway_drain),
        force: Force::allowed(allow.kill),
        record: None,
    }))
}
