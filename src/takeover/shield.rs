//! Which other units are shielded, and by what: from a unit to its [`Shield`]. Reads only.

use anyhow::Result;

use crate::error::refuse;
use crate::gateway::config::stop_drain;
use crate::host::Host;
use crate::output::Output;
use crate::preflight;
use crate::profile::ProfileName;
use crate::render::model::Shield;
use crate::units::inventory::Inventory;
use crate::units::origin::Origin;
use crate::units::unit::Unit;

/// The units that are meant: as named, of these profiles, or all that hermes made.
pub(crate) fn chosen<'a>(
    units: &[String],
    profiles: &[ProfileName],
    host: &Host,
    inventory: &'a Inventory,
) -> Result<Vec<&'a Unit>> {
    let own: Vec<&Unit> = inventory
        .units
        .iter()
        .filter(|u| u.manager == host.manager() && u.origin != Origin::Ours && !u.is_masked)
        .filter(|u| u.files.fragment.is_some())
        .collect();
    let mut chosen: Vec<&Unit> = Vec::new();
    for name in units.iter().map(|name| full(name)) {
        match own.iter().find(|u| u.name == name) {
            Some(unit) => chosen.push(unit),
            None => refuse!(
                "`{name}` is no unit of the {} scope that runs a gateway and could be shielded; see `{} cat {name}`",
                host.scope.name(),
                host.manager().command_prefix()
            ),
        }
    }
    for profile in profiles {
        let found: Vec<&&Unit> = own
            .iter()
            .filter(|u| u.origin == Origin::Upstream && profile_of(u).as_ref() == Some(profile))
            .collect();
        match found.as_slice() {
            [unit] => chosen.push(unit),
            [] => refuse!(
                "hermes has made no unit for profile `{profile}` in the {} scope; name one with `--unit UNIT`; to \
                 install a safe one: `hermes-install --profile {profile}`",
                host.scope.name()
            ),
            more => {
                let names: Vec<&str> = more.iter().map(|u| u.name.as_str()).collect();
                refuse!(
                    "more than one unit runs profile `{profile}`: {}; name one with `--unit UNIT`",
                    names.join(", ")
                );
            }
        }
    }
    if units.is_empty() && profiles.is_empty() {
        chosen = own;
        chosen.retain(|u| u.origin == Origin::Upstream && !u.calls.is_empty());
        if chosen.is_empty() {
            refuse!(
                "hermes has made no unit in the {} scope; name another's with `--unit UNIT`",
                host.scope.name()
            );
        }
    }
    Ok(chosen)
}

/// A unit's name with its type.
pub(crate) fn full(name: &str) -> String {
    if name.contains('.') {
        name.to_owned()
    } else {
        format!("{name}.service")
    }
}

/// The profile whose gateway a unit runs.
fn profile_of(unit: &Unit) -> Option<ProfileName> {
    ProfileName::from_home(unit.home()?).map(|(profile, _)| profile)
}

/// The shield that a unit needs.
pub(crate) fn shield_for(
    host: &Host,
    inventory: &Inventory,
    unit: &Unit,
    output: &Output,
) -> Result<Shield> {
    let title = unit.title();
    if unit.runs_contained() {
        refuse!("{title} cannot be shielded: its gateway runs in a container");
    }
    let homes: Vec<_> = unit.calls.iter().map(|r| r.home.as_deref()).collect();
    let [Some(home)] = homes.as_slice() else {
        refuse!(
            "{title} cannot be shielded: its `ExecStart=` does not say clearly which one profile it runs; to \
             install a unit that does: `hermes-install --profile NAME`"
        );
    };
    let Some((profile, root)) = ProfileName::from_home(home) else {
        refuse!(
            "{title} cannot be shielded: `{}` is no profile's home; see `hermes profile list`",
            home.display()
        );
    };
    let Some(account) = &unit.account else {
        refuse!("{title} cannot be shielded: the account of its `User=` does not exist");
    };
    let named = crate::takeover::candidates::executable_of(host, inventory, unit);
    let hermes = preflight::hermes(host, named.as_deref(), account, root)?;
    let version = match host.live() {
        Some(_) => {
            let version = preflight::version(account, &hermes, root)?;
            output.step(format!(
                "{title} runs profile `{profile}` with hermes {} at `{}`",
                preflight::told(version),
                hermes.display()
            ));
            preflight::check_version(version, &hermes, output)?;
            version
        }
        None => None,
    };
    Ok(Shield {
        unit: unit.name.clone(),
        gateway_drain: stop_drain(&host.real(home), version, None),
        hermes_version: version.map(|v| v.to_string()),
        profile,
        root: root.to_owned(),
        hermes,
    })
}
