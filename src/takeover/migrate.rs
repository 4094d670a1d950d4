//! Which old owners of a profile leave for the new unit: from the inventory to a [`Handover`] and the files that go, or a
//! refusal with the command line that would do it. Reads only.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::deploy::handover::{ByHand, Handover, Old};
use crate::error::refuse;
use crate::gateway::owner::{Hold, owner};
use crate::gateway::served::HOST_RECORD;
use crate::gateway::stop::Force;
use crate::gateway::version::Rules;
use crate::host::Host;
use crate::host::keeper::{Keeper, keeper};
use crate::host::process::Process;
use crate::host::process_text::{keeper_text, name};
use crate::host::service_state::ServiceState;
use crate::layout::TEMPLATE;
use crate::preflight::Checked;
use crate::profile::ProfileName;
use crate::takeover::obstacles::{is_movable, obstacle, relative};
use crate::takeover::other_owner::{self, OtherOwner};
use crate::takeover::template;
use crate::takeover::typed::Typed;
use crate::units::inventory::Inventory;
use crate::units::load_path::{LoadPath, load_paths};
use crate::units::unit::Unit;

/// Which owners may be asked to leave.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Allow {
    /// A gateway that somebody started by hand.
    pub(crate) by_hand: bool,
    /// Units.
    pub(crate) units: bool,
    /// A gateway that does not end may be killed.
    pub(crate) kill: bool,
}

/// What goes for one profile.
#[derive(Debug)]
pub(crate) struct Migration {
    /// Who leaves.
    pub(crate) handover: Handover,
    /// Files and links that are moved to the backup, relative to the root.
    pub(crate) files: Vec<String>,
    /// Masks over files that are a package's, or a template's, relative to the root.
    pub(crate) masks: BTreeSet<String>,
    /// What will start the old gateway again, as a sentence.
    pub(crate) notes: Vec<String>,
    /// Names of the units that leave.
    pub(crate) units: Vec<String>,
}

impl Migration {
    /// Whether this unit leaves.
    pub(crate) fn ends(&self, unit: &Unit) -> bool {
        let mut old = self.handover.units.iter();
        old.any(|old| old.name == unit.name && old.manager == unit.manager)
    }
}

/// Those that have a profile home, or would.
#[derive(Default)]
struct Owners<'a> {
    units: Vec<&'a Unit>,
    by_hand: Option<Process>,
    /// Seconds of drain that the live one was started with.
    drain: Option<u32>,
    /// Somebody has it who cannot be asked now: it is not seen from here, runs in a container, or is on its way only.
    is_out_of_reach: bool,
}

/// Everybody else leaves this profile, or it is refused. `None` when there is nobody.
pub(crate) fn migrate(
    host: &Host,
    inventory: &Inventory,
    checked: &Checked,
    allow: Allow,
    typed: &Typed,
) -> Result<Option<Migration>> {
    let (profile, home) = (&checked.instance.profile, &checked.home);
    if host.live().is_none() && host.own.uid != 0 {
        return Ok(None);
    }
    check_all_is_seen(host, inventory, home)?;
    let claims = other_owner::claims(host, inventory, profile, home);
    let claims = claims.with_context(|| unclear(home))?;
    let owners = owners(host, inventory, checked).with_context(|| unclear(home))?;
    if claims.is_empty() && owners.units.is_empty() {
        return Ok(None);
    }
    check_allowed(profile, &claims, &owners, allow, typed)?;
    if host.live().is_some() && !checked.start {
        refuse!(
            "profile `{profile}` would be taken from its owner and run by nobody; leave out `--no-start`"
        );
    }
    let notes = notes(owners.by_hand.as_ref())?;
    let mut migration = Migration::new(checked, allow, &owners, notes);
    let load_paths = load_paths(host);
    for unit in owners.units {
        let Some(load_path) = load_paths.iter().find(|r| r.manager == unit.manager) else {
            continue;
        };
        migration.add(host, load_path, unit, home)?;
    }
    Ok(Some(migration))
}

fn unclear(home: &Path) -> String {
    format!(
        "whether another gateway runs on `{}` cannot be told; nothing is changed until it can",
        home.display()
    )
}

/// Refuse where somebody may have the home who cannot be seen.
fn check_all_is_seen(host: &Host, inventory: &Inventory, home: &Path) -> Result<()> {
    if let Some(why) = other_owner::unread(host, inventory, home) {
        refuse!("{}: {why}", unclear(home));
    }
    if let Some(silent) = inventory.silent_about(host, home) {
        refuse!(
            "{}: the systemd manager of `{}` could run one and did not answer: {}; see why with `systemctl status \
             user@{}.service`",
            unclear(home),
            silent.account.name,
            silent.why,
            silent.account.uid
        );
    }
    Ok(())
}

/// Refuse to have owners leave that this run may not ask, with the command line that may.
fn check_allowed(
    profile: &ProfileName,
    claims: &[OtherOwner],
    owners: &Owners,
    allow: Allow,
    typed: &Typed,
) -> Result<()> {
    let is_allowed = !owners.is_out_of_reach
        && (allow.units || owners.units.is_empty())
        && (allow.by_hand || owners.by_hand.is_none());
    if is_allowed {
        return Ok(());
    }
    let list: Vec<String> = claims
        .iter()
        .map(|c| format!("  {}\n    resolve it with: {}", c.who, c.way_out))
        .collect();
    let instead = if owners.is_out_of_reach {
        String::new()
    } else {
        format!(
            "; or let this stop it as planned and take its place: `{}`",
            with_flags(typed, owners, allow)
        )
    };
    refuse!(
        "profile `{profile}` has another owner already; two gateways on one profile destroy its data:\n{}\n  \
         then run this again{instead}",
        list.join("\n")
    )
}

/// What will start the old gateway again, as sentences; a refusal where it would come back at once.
fn notes(by_hand: Option<&Process>) -> Result<Vec<String>> {
    let Some((process, keeper)) = by_hand.and_then(|p| Some((p, keeper(p)?))) else {
        return Ok(Vec::new());
    };
    let (what, way_out) = keeper_text(process, &keeper);
    match keeper {
        Keeper::Service(_) => Ok(vec![format!(
            "{}: {what}; turn that off there, or `{way_out}`",
            name(process)
        )]),
        Keeper::Loop(_) => refuse!(
            "{} would come back at once: {what}", name(process);
            "end that first: `{way_out}`, and what starts it; then run this again"
        ),
    }
}

/// The command line that would do it: with `adopt` for a gateway that was started by hand, `--migrate` for units.
fn with_flags(typed: &Typed, owners: &Owners, allow: Allow) -> String {
    let is_adopted = owners.by_hand.is_some() && !allow.by_hand;
    let is_migrated = !owners.units.is_empty() && !allow.units;
    let more: &[&str] = if is_migrated { &["--migrate"] } else { &[] };
    if is_adopted {
        typed.adopt().with(more)
    } else if owners.by_hand.is_none() {
        typed.install().with(more)
    } else {
        typed.with(more)
    }
}

fn owners<'a>(
    host: &'a Host,
    inventory: &'a Inventory,
    checked: &'a Checked,
) -> Result<Owners<'a>> {
    let (profile, home) = (&checked.instance.profile, &checked.home);
    let is_own = |unit: &&Unit| template::is_own(host, unit, profile);
    let mut owners = Owners {
        units: inventory
            .units_of(host, home)
            .filter(|u| !is_own(u) && u.stays().is_some())
            .collect(),
        ..Owners::default()
    };
    if host.live().is_none() || !home.exists() {
        return Ok(owners);
    }
    let Some(owner) = owner(home)? else {
        return Ok(owners);
    };
    let Some(process) = owner.process.filter(|p| p.container().is_none()) else {
        owners.is_out_of_reach = true;
        return Ok(owners);
    };
    owners.drain = process.environ().ok().and_then(|environment| {
        let seconds = environment.get("HERMES_RESTART_DRAIN_TIMEOUT")?;
        seconds.parse().ok()
    });
    match inventory.unit_of(host, home, &process) {
        Some(unit) if is_own(&unit) || owners.units.iter().any(|u| std::ptr::eq(*u, unit)) => {}
        Some(unit) => owners.units.push(unit),
        None if owner.hold == Hold::Has && owner.is_proven => owners.by_hand = Some(process),
        // It can be asked once it has arrived, or the kernel shows that it works here.
        None => owners.is_out_of_reach = true,
    }
    Ok(owners)
}

impl Migration {
    /// One without units yet.
    fn new(checked: &Checked, allow: Allow, owners: &Owners, notes: Vec<String>) -> Self {
        let drain = owners.drain.unwrap_or_default();
        Self {
            handover: Handover {
                home: checked.home.clone(),
                by_hand: owners.by_hand.clone().map(ByHand::new),
                units: Vec::new(),
                drain: drain.max(checked.instance.gateway_drain),
                force: Force::allowed(allow.kill),
                record: Rules::of(checked.version)
                    .counts_zombies
                    .then(|| checked.account.home.join(HOST_RECORD)),
            },
            files: Vec::new(),
            masks: BTreeSet::new(),
            notes,
            units: Vec::new(),
        }
    }

    fn add(&mut self, host: &Host, load_path: &LoadPath, unit: &Unit, home: &Path) -> Result<()> {
        let mut traces = load_path.traces(&unit.name);
        if template::is_instance(host, unit) {
            traces.extend(load_path.traces(TEMPLATE));
        }
        if let Some((why, way_out)) = obstacle(host, load_path, unit, home, &traces) {
            refuse!("{} cannot be migrated: {why}; {way_out}", unit.title());
        }
        let (movable, packaged): (Vec<&PathBuf>, Vec<&PathBuf>) =
            traces.iter().partition(|path| is_movable(load_path, path));
        self.files.extend(movable.iter().map(|path| relative(path)));
        if !packaged.is_empty() || template::leaves_by_mask(load_path, unit) {
            let directory = if load_path.is_system {
                PathBuf::from("/etc/systemd/system")
            } else {
                load_path.account.home.join(".config/systemd/user")
            };
            self.masks.insert(relative(&directory.join(&unit.name)));
        }
        self.units.push(unit.name.clone());
        self.handover.units.push(Old {
            manager: unit.manager.clone(),
            user: (!load_path.is_system).then_some(load_path.account.uid),
            name: unit.name.clone(),
            was_active: unit.loaded.as_ref().is_some_and(ServiceState::is_started),
        });
        Ok(())
    }
}
