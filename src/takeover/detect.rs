//! What the old owner of a profile tells of the settings that its successor needs: account, hermes root, executable, and
//! what its unit says beside. Reads only; what was set on purpose stays.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::deploy::chosen::by_name;
use crate::error::refuse;
use crate::gateway::config::terminal_directory;
use crate::host::Host;
use crate::host::access::may_read;
use crate::layout::{ACCOUNT, GUARD, Scope};
use crate::output::{Output, visible};
use crate::profile::ProfileName;
use crate::settings::Settings;
use crate::takeover::candidates::{Candidate, candidates, executable_of};
use crate::takeover::carry::carry;
use crate::takeover::dynamic::refuse_dynamic;
use crate::takeover::lost::{known_variables, left_without, lost_programs, lost_variables};
use crate::takeover::migrate::Allow;
use crate::takeover::old_unit::OldUnit;
use crate::units::inventory::Inventory;
use crate::units::origin::Origin;
use crate::units::unit::Unit;
use crate::units::unit_file::Directive;

/// What a profile takes over from its old owner.
#[derive(Debug, Default)]
pub(crate) struct Inherited {
    /// The settings, completed.
    pub(crate) settings: Settings,
    /// Who the old owner is, if there is one, as it is told when its process is long gone.
    pub(crate) from: Option<String>,
    /// The old unit, where nobody can tell which hermes it runs.
    pub(crate) of_unknown_hermes: Option<String>,
    /// What is taken over, each as a line.
    pub(crate) carried: Vec<String>,
    /// What is not, and why, each as a line.
    pub(crate) left: Vec<String>,
}

/// Complete the settings of a profile by what its owner tells.
pub(crate) fn inherit(
    host: &Host,
    inventory: &Inventory,
    profile: &ProfileName,
    settings: Settings,
    allow: Allow,
    output: &Output,
) -> Result<Inherited> {
    let found = of_settings(host, candidates(host, inventory, profile, allow), &settings);
    let Some(first) = found.first() else {
        return Ok(Inherited {
            settings,
            ..Inherited::default()
        });
    };
    let is_other = |c: &&Candidate| {
        c.account != first.account || host.directory(&c.root) != host.directory(&first.root)
    };
    if let Some(other) = found.iter().find(is_other) {
        refuse!(
            "there is more than one profile `{profile}`: {} works on `{}`, {} on `{}`; say which with `--run-as` and \
             `--home`",
            first.who,
            first.root.display(),
            other.who,
            other.root.display()
        );
    }
    let mut units = found.iter().filter_map(|c| c.unit);
    if let Some(unit) = units.find(|unit| unit.is_dynamic()) {
        refuse_dynamic(host, inventory, unit, profile, &first.root)?;
    }
    let mut inherited = Inherited {
        settings: completed(host, profile, settings, &found, output),
        from: Some(match first.unit {
            Some(_) => first.who.clone(),
            None => format!("a gateway of `{}`", first.account),
        }),
        ..Inherited::default()
    };
    if inherited.settings.hermes.is_none() {
        inherited.of_unknown_hermes = first.unit.map(Unit::title);
    }
    let home = profile.home(&first.root);
    let known = known_variables(host, &home, &inherited.settings);
    for unit in found.iter().filter_map(|c| c.unit) {
        inherited.take_over(host, inventory, unit, &home, &first.root, &known);
    }
    let settings = &inherited.settings;
    let lost = [
        lost_variables(host, &home, settings, &found),
        lost_programs(host, &home, settings, &found),
    ];
    let units = found.iter().filter_map(|c| c.unit);
    let needing = units.flat_map(|unit| left_without(host, unit, profile));
    inherited
        .left
        .extend(lost.into_iter().flatten().chain(needing));
    // One line each, whatever another account's unit, process or configuration calls something.
    for line in inherited.carried.iter_mut().chain(&mut inherited.left) {
        *line = visible(line);
    }
    Ok(inherited)
}

/// Those whose account and root are the ones that were set; where none was, those on the usual root count first.
fn of_settings<'a>(
    host: &Host,
    mut found: Vec<Candidate<'a>>,
    settings: &Settings,
) -> Vec<Candidate<'a>> {
    found.retain(|c| {
        let is_root = |root: &PathBuf| host.directory(root) == host.directory(&c.root);
        settings.home.as_ref().is_none_or(is_root)
            && settings.run_as.as_ref().is_none_or(|a| *a == c.account)
    });
    if found.iter().any(|c| is_usual(host, c)) {
        found.retain(|c| is_usual(host, c));
    }
    found
}

/// Whether a gateway works on the root that units have when nobody sets one.
fn is_usual(host: &Host, candidate: &Candidate) -> bool {
    host.directory(&candidate.root) == host.directory(&host.default_root())
}

/// The settings, with the account, root and executable of the gateways that are there where none were set.
fn completed(
    host: &Host,
    profile: &ProfileName,
    mut settings: Settings,
    found: &[Candidate],
    output: &Output,
) -> Settings {
    let Some(first) = found.first() else {
        return settings;
    };
    let is_told = settings.home.is_none() && !is_usual(host, first);
    if is_told {
        settings.home = Some(first.root.clone());
    }
    if host.scope == Scope::System && settings.run_as.is_none() && first.account != ACCOUNT {
        settings.run_as = Some(first.account.clone());
    }
    if settings.hermes.is_none() {
        settings.hermes = found.iter().find_map(|c| c.hermes.clone());
        settings.hermes = settings.hermes.filter(|path| host.exists(path));
    }
    if is_told {
        output.step(format!(
            "profile `{profile}` is that of {}: root `{}`, account `{}`",
            first.who,
            first.root.display(),
            first.account
        ));
    }
    settings
}

/// A gateway of a profile's name.
pub(super) struct Namesake {
    pub(super) who: String,
    pub(super) account: String,
    pub(super) root: PathBuf,
    /// Whether a unit runs it, or would.
    pub(super) is_unit: bool,
}

/// Every gateway of this profile name, whatever its account and root.
pub(super) fn namesakes(
    host: &Host,
    inventory: &Inventory,
    profile: &ProfileName,
) -> Vec<Namesake> {
    let all = Allow {
        by_hand: true,
        units: true,
        kill: false,
    };
    let found = candidates(host, inventory, profile, all).into_iter();
    let namesake = |c: Candidate| Namesake {
        is_unit: c.unit.is_some(),
        who: c.who,
        account: c.account,
        root: c.root,
    };
    found.map(namesake).collect()
}

impl Inherited {
    /// What a unit says; a setting that is there already counts more.
    fn take_over(
        &mut self,
        host: &Host,
        inventory: &Inventory,
        unit: &Unit,
        home: &Path,
        root: &Path,
        known: &BTreeSet<String>,
    ) {
        let Some(account) = &unit.account else {
            return;
        };
        let hermes = executable_of(host, inventory, unit);
        let terminal = terminal_directory(&host.real(home), &account.home);
        let is_own = |path: &Path| {
            fs::metadata(host.real(path)).is_ok_and(|m| m.is_dir() && m.uid() == account.uid)
        };
        let is_trusted = unit.manager == host.manager();
        // Root reads through a link of another account's what that account cannot; the new unit everybody reads.
        let is_known = |file: &Path| is_trusted || may_read(host, &unit.manager_account, file);
        // The guard leaves with the unit, and nobody misses it.
        let is_meant = |d: &Directive| !d.file.ends_with(GUARD) && is_known(&d.file);
        let carried = carry(&OldUnit {
            directives: &unit.directives.only(is_meant),
            expand: &|text| unit.expand(text),
            is_upstream: unit.origin == Origin::Upstream,
            is_system: host.scope == Scope::System,
            is_trusted,
            account,
            home,
            root,
            hermes: hermes.as_deref(),
            known,
            terminal: terminal.as_deref(),
            is_own: &is_own,
            is_file: &|path| host.real(path).is_file(),
        });
        let given = by_name(&self.settings);
        let new = by_name(&carried.settings);
        for (setting, line) in carried.taken {
            match given.get(setting) {
                Some(value) if Some(value) != new.get(setting) => self.left.push(format!(
                    "{line}: the setting `{setting}` says otherwise and counts"
                )),
                _ => self.carried.push(format!("{line} ({setting})")),
            }
        }
        self.left.extend(carried.left);
        self.settings = std::mem::take(&mut self.settings).over(&carried.settings);
    }
}
