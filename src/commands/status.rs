//! `status`: every profile on this host, who has it, and whether what was installed is still so. Changes nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::Serialize;

use super::{DIFFERS, DONE};
use crate::cli::StatusArgs;
use crate::deploy::receipt::Receipt;
use crate::deploy::receipt::read_receipt;
use crate::gateway::command_line::shown;
use crate::gateway::owner::owner;
use crate::gateway::state::State;
use crate::host::account::account_name;
use crate::host::process::{Process, humanize};
use crate::host::rootfs::Actual;
use crate::host::service_state::{Exit, ServiceState};
use crate::host::{DirectoryId, Host};
use crate::layout::Scope;
use crate::output;
use crate::profile::{ProfileName, discover};
use crate::render::tree::Stamp;
use crate::takeover::other_owner::{OtherOwner, owning_units};
use crate::units::inventory::Inventory;

/// One profile in one scope.
#[derive(Debug, Serialize)]
struct Row {
    profile: ProfileName,
    scope: Scope,
    unit: String,
    home: PathBuf,
    /// Whether a receipt lists it.
    installed: bool,
    /// `running`, `starting`, `restarting`, `stopped`, `failed`, `owned-elsewhere` or `unknown`.
    state: &'static str,
    active_state: String,
    sub_state: String,
    result: String,
    main_pid: i32,
    n_restarts: u32,
    exit_status: Option<i32>,
    enabled: bool,
    /// Who has the profile now.
    owner: Option<OwnerRow>,
    /// Why the owner is not known, if it is not.
    unknown: Option<String>,
    /// The way to more, or out.
    hint: Option<String>,
    /// Other units that run this profile, or would.
    claims: Vec<OtherOwner>,
    /// The unit of others that a shield of ours keeps safe.
    shield: Option<String>,
    /// What differs from what was installed.
    drift: Vec<String>,
}

/// A unit that runs the gateway of a home which no row is about.
#[derive(Debug, Serialize)]
struct Elsewhere {
    unit: String,
    /// The account whose manager it is; `None` for the system's.
    manager: Option<String>,
    /// `active`, `enabled`, …
    how: String,
    /// `None` when it does not say.
    home: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct OwnerRow {
    pid: i32,
    unit: Option<String>,
    terminal: Option<String>,
    user: String,
    command: String,
    age_seconds: u64,
}

/// Show the profiles.
pub(crate) fn status(args: &StatusArgs) -> Result<u8> {
    let host = Host::observer(args.scope.scope(), args.scope.root.as_deref())?;
    let receipt = read_receipt(&host)?;
    let mut profiles: Vec<(ProfileName, PathBuf)> = receipt
        .instances
        .iter()
        .map(|i| {
            (
                i.profile.clone(),
                i.root.clone().unwrap_or_else(|| host.default_root()),
            )
        })
        .collect();
    let known: BTreeSet<ProfileName> = profiles.iter().map(|(p, _)| p.clone()).collect();
    for profile in discover(&host.at(&host.default_root())) {
        if !known.contains(&profile) {
            profiles.push((profile, host.default_root()));
        }
    }
    if !args.profiles.is_empty() {
        let is_unknown =
            |wanted: &&ProfileName| !profiles.iter().any(|(known, _)| known == *wanted);
        if let Some(wanted) = args.profiles.iter().find(is_unknown) {
            anyhow::bail!(
                "profile `{wanted}` is neither installed in the {} scope nor under `{}`; see `hermes-install status`",
                host.scope.name(),
                host.default_root().display()
            );
        }
        profiles.retain(|(profile, _)| args.profiles.contains(profile));
    }
    profiles.sort();
    let units: Vec<String> = profiles.iter().map(|(p, _)| p.unit()).collect();
    let states = match host.live() {
        Some(live) => live.manager().show(&units)?,
        None => Vec::new(),
    };
    let states: HashMap<&str, &ServiceState> = states.iter().map(|s| (s.id.as_str(), s)).collect();
    let recorded = Recorded::of(&host, &receipt);
    let inventory = Inventory::read(&host);
    let rows: Vec<Row> = profiles
        .into_iter()
        .map(|(profile, root)| {
            let state = states.get(profile.unit().as_str()).copied();
            let claims = owning_units(&host, &inventory, &profile, &profile.home(&root));
            Row {
                claims,
                ..row(&host, &recorded, &profile, &root, state)
            }
        })
        .collect();
    let elsewhere = match args.profiles.is_empty() {
        true => elsewhere(&host, &inventory, &rows),
        false => Vec::new(),
    };
    let is_as_wanted = rows.iter().all(|r| {
        r.drift.is_empty()
            && (!r.installed || host.live().is_none() || matches!(r.state, "running" | "stopped"))
    });
    if args.json {
        output::json(&serde_json::json!({ "profiles": rows, "elsewhere": elsewhere }));
    } else {
        output::print(text(&host, &rows));
        output::print(elsewhere_text(&elsewhere));
    }
    Ok(if is_as_wanted { DONE } else { DIFFERS })
}

fn row(
    host: &Host,
    recorded: &Recorded,
    profile: &ProfileName,
    root: &Path,
    state: Option<&ServiceState>,
) -> Row {
    let unit = profile.unit();
    let home = profile.home(root);
    let get = |word: fn(&ServiceState) -> &String| state.map(word).cloned().unwrap_or_default();
    let main_pid = state.and_then(|s| s.main_pid).unwrap_or_default();
    let receipt = recorded.receipt;
    let installed = recorded.profiles.contains(profile);
    let (found, unknown) = match host.live().map(|_| owner(&home)) {
        Some(Ok(owner)) => (owner, None),
        Some(Err(e)) => (
            None,
            Some(format!("`{}` cannot be examined: {e}", home.display())),
        ),
        None => (None, None),
    };
    let process = found.as_ref().and_then(|o| o.process.clone());
    let active = get(|s| &s.active_state);
    let is_own = process.as_ref().is_some_and(|p| p.pid == main_pid);
    let label = match (found.is_some(), active.as_str()) {
        (true, _) if !is_own => "owned-elsewhere",
        (true, _) if State::read(&home).is_some_and(|s| s.pid == main_pid && s.is_up()) => {
            "running"
        }
        (true, _) => "starting",
        (false, _) if unknown.is_some() => "unknown",
        (false, "failed") => "failed",
        (false, "activating") => "restarting",
        (false, "active" | "reloading") => "starting",
        (false, _) if host.live().is_some() => "stopped",
        (false, _) => "unknown",
    };
    let shield = receipt
        .shields
        .iter()
        .find(|s| s.profile == *profile && s.profile.home(&s.root) == home)
        .map(|s| s.unit.clone());
    let mut drift = if installed {
        recorded.shared_drift.clone()
    } else {
        Vec::new()
    };
    drift.extend(recorded.drift(host, &unit));
    if let Some(shield) = shield.as_ref().filter(|_| !installed) {
        drift.extend(recorded.drift(host, shield));
    }
    if state.is_some_and(|s| s.needs_reload) {
        drift.push(format!(
            "`{unit}` changed on disk; {} daemon-reload",
            host.manager().command_prefix()
        ));
    }
    if !receipt.pending.is_empty() && installed {
        drift.push(
            "an earlier run was cut short; run `hermes-install` for this profile again".to_owned(),
        );
    }
    let runs_in = process.as_ref().and_then(Process::unit).map(|u| u.name);
    let hint = match shield.is_some() && runs_in == shield {
        true => None,
        false => hint(host, label, &unit, process.as_ref(), state),
    };
    Row {
        profile: profile.clone(),
        scope: host.scope,
        installed,
        state: label,
        sub_state: get(|s| &s.sub_state),
        result: get(|s| &s.result),
        main_pid,
        n_restarts: state.map_or(0, |s| s.restarts),
        exit_status: state.and_then(|s| match s.exit? {
            Exit::Status(status) => Some(status),
            Exit::Signal(_) => None,
        }),
        enabled: is_enabled(host, profile),
        owner: process.map(|p| owner_row(&p)),
        unknown,
        hint,
        claims: Vec::new(),
        shield,
        drift,
        active_state: active,
        unit,
        home,
    }
}

/// Units that run gateways of homes outside the rows.
fn elsewhere(host: &Host, inventory: &Inventory, rows: &[Row]) -> Vec<Elsewhere> {
    let in_rows: HashSet<DirectoryId> = rows.iter().map(|r| host.directory(&r.home)).collect();
    let is_in_a_row = |home: &Path| in_rows.contains(&host.directory(home));
    let mut found = Vec::new();
    for unit in &inventory.units {
        let Some(how) = unit.how() else { continue };
        for call in &unit.calls {
            // A home that is not told is a claim on every row.
            let is_shown = call.home.as_deref().map_or(!rows.is_empty(), is_in_a_row);
            if !is_shown {
                found.push(Elsewhere {
                    unit: unit.name.clone(),
                    manager: unit.is_user().then(|| unit.manager_account.name.clone()),
                    how: how.to_owned(),
                    home: call.home.clone(),
                });
            }
        }
    }
    found
}

fn elsewhere_text(elsewhere: &[Elsewhere]) -> String {
    let mut out = String::new();
    for other in elsewhere {
        let unit = match &other.manager {
            None => format!("system unit {}", other.unit),
            Some(user) => format!("user unit of {user} {}", other.unit),
        };
        let home = match &other.home {
            None => "a profile that it does not name".to_owned(),
            Some(home) => format!("`{}`", home.display()),
        };
        out += &format!(
            "elsewhere: {unit} ({}) runs the gateway of {home}\n",
            other.how
        );
    }
    out
}

fn owner_row(process: &Process) -> OwnerRow {
    OwnerRow {
        pid: process.pid,
        unit: process
            .unit()
            .filter(crate::host::process::UnitRef::is_service)
            .map(|u| u.name),
        terminal: process.terminal(),
        user: account_name(process.uid),
        command: shown(&process.argv),
        age_seconds: process.age().as_secs(),
    }
}

/// Enabled means linked into some target; systemctl says `enabled` for that, and knows nothing of an image.
fn is_enabled(host: &Host, profile: &ProfileName) -> bool {
    crate::deploy::desired::links(host, profile)
        .iter()
        .any(|link| matches!(host.files.look(link), Ok(Actual::Present(..))))
}

/// What the receipt says, by profile and unit.
struct Recorded<'a> {
    receipt: &'a Receipt,
    profiles: BTreeSet<&'a ProfileName>,
    files: BTreeMap<Option<&'a str>, Vec<(&'a String, &'a Stamp)>>,
    /// Files that belong to no single profile and are not as they were written.
    shared_drift: Vec<String>,
}

impl<'a> Recorded<'a> {
    fn of(host: &Host, receipt: &'a Receipt) -> Self {
        let mut recorded = Self {
            receipt,
            profiles: receipt.instances.iter().map(|i| &i.profile).collect(),
            files: receipt.files_by_unit(),
            shared_drift: Vec::new(),
        };
        let own: BTreeSet<String> = receipt.instances.iter().map(|i| i.profile.unit()).collect();
        let is_shared = |unit: &Option<&str>| unit.is_none_or(|unit| !own.contains(unit));
        let shared = recorded.files.iter().filter(|(unit, _)| is_shared(unit));
        recorded.shared_drift = shared
            .flat_map(|(_, files)| differences(host, files))
            .collect();
        recorded
    }

    fn drift(&self, host: &Host, unit: &str) -> Vec<String> {
        let files = self.files.get(&Some(unit)).map_or(&[][..], Vec::as_slice);
        differences(host, files)
    }
}

fn differences(host: &Host, files: &[(&String, &Stamp)]) -> Vec<String> {
    let differ = |(path, stamp): &(&String, &Stamp)| host.files.difference(path, stamp);
    files.iter().filter_map(differ).collect()
}

fn hint(
    host: &Host,
    label: &str,
    unit: &str,
    process: Option<&Process>,
    state: Option<&ServiceState>,
) -> Option<String> {
    let typed = host.manager().command_prefix();
    match label {
        "failed" | "restarting" => {
            let user = if host.scope == Scope::User {
                " --user"
            } else {
                ""
            };
            let why = state.map(ServiceState::ending).unwrap_or_default();
            Some(format!(
                "ended with {why}; see `journalctl{user} -u {unit} -n 20`"
            ))
        }
        "owned-elsewhere" => Some(process.map_or_else(
            || "its owner cannot be seen from here; look in containers on this host".to_owned(),
            |p| {
                format!(
                    "to give it back to the unit: `{}`, then `{typed} start {unit}`",
                    crate::host::process_text::stop_command(p)
                )
            },
        )),
        "stopped" if state.is_some_and(|s| s.load_state == "loaded") => {
            Some(format!("`{typed} start {unit}`"))
        }
        _ => None,
    }
}

fn text(host: &Host, rows: &[Row]) -> String {
    if rows.is_empty() {
        return format!(
            "no profile is installed in the {} scope, and there is none under `{}`\n",
            host.scope.name(),
            host.default_root().display()
        );
    }
    let mut out = String::new();
    for row in rows {
        let boot = match (row.installed, row.enabled) {
            (false, false) => "not installed here",
            (_, true) => "starts at boot",
            (true, false) => "does not start at boot",
        };
        let restarts = match row.n_restarts {
            0 => String::new(),
            n => format!(", {n} automatic restarts"),
        };
        out += &format!(
            "{}: {} ({} scope, {boot}{restarts})\n",
            row.profile,
            row.state,
            row.scope.name()
        );
        if let Some(owner) = &row.owner {
            let place = match (&owner.unit, &owner.terminal) {
                (Some(unit), _) => format!("unit {unit}"),
                (None, Some(terminal)) => format!("on {terminal}"),
                (None, None) => "no terminal".to_owned(),
            };
            let age = humanize(std::time::Duration::from_secs(owner.age_seconds));
            out += &format!(
                "  owner  pid {} of {}, {place}, for {age}: {}\n",
                owner.pid, owner.user, owner.command
            );
        }
        out += &format!("  home   {}\n", row.home.display());
        for line in row.unknown.iter().chain(&row.hint) {
            out += &format!("  next   {line}\n");
        }
        if let Some(unit) = &row.shield {
            out += &format!("  shield {unit}, of others, under a drop-in of ours\n");
        }
        let is_shielded = |claim: &&OtherOwner| {
            let mut shield = row.shield.iter();
            shield.any(|unit| claim.who.contains(&format!("`{unit}`")))
        };
        for claim in row.claims.iter().filter(|c| !is_shielded(c)) {
            out += &format!("  also   {}; `{}`\n", claim.who, claim.way_out);
        }
        for line in &row.drift {
            out += &format!("  drift  {line}\n");
        }
    }
    out
}
