//! Somebody's own templates: instances of one at the place of the shipped one are taken over together, or none is; those of
//! any other leave one by one. Reads only.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::deploy::receipt::Receipt;
use crate::error::refuse;
use crate::host::Host;
use crate::host::systemctl::Manager;
use crate::layout::TEMPLATE;
use crate::profile::ProfileName;
use crate::takeover::migrate::Migration;
use crate::takeover::typed::Typed;
use crate::units::inventory::Inventory;
use crate::units::load_path::LoadPath;
use crate::units::unit::Unit;
use crate::units::unit_file::template_of;
use crate::units::unit_id::UnitId;

/// Where the shipped template goes.
pub(super) fn place(host: &Host) -> PathBuf {
    Path::new("/").join(host.units()).join(TEMPLATE)
}

/// Whether a unit is an instance of somebody's template there.
pub(super) fn is_instance(host: &Host, unit: &Unit) -> bool {
    unit.manager == host.manager()
        && unit.is_of_foreign_template()
        && unit.files.fragment.as_deref() == Some(&place(host))
}

/// Whether a unit is an instance of another template, which stays for the others that are made from it: this one leaves by
/// a mask of its own name, which root puts into no directory of another account.
pub(super) fn leaves_by_mask(load_path: &LoadPath, unit: &Unit) -> bool {
    let file = unit.files.fragment.as_deref().and_then(Path::file_name);
    let is_made = file.is_some_and(|file| {
        file != TEMPLATE && template_of(&unit.name).is_some_and(|template| file == &*template)
    });
    is_made && (load_path.is_system || load_path.manager == Manager::User)
}

/// Whether a unit is that of a profile, or a copy that stands in for it, which the plan has as a conflict by its file.
pub(super) fn is_own(host: &Host, unit: &Unit, profile: &ProfileName) -> bool {
    let instance = Path::new("/").join(host.units()).join(profile.unit());
    let is_copy = unit.is_copy() && unit.files.fragment.as_deref() == Some(&instance);
    unit.is_installed_for(host, profile)
        || (is_copy && unit.id() == UnitId::of_profile(host, profile))
}

/// Refuse to change the template under an instance that does not leave in this run: it would become another unit, of
/// another account and root. One that a run of hermes-install began to install, and was cut short, is nobody else's.
pub(crate) fn refuse_siblings(
    host: &Host,
    inventory: &Inventory,
    receipt: &Receipt,
    migrations: &[Migration],
    typed: &Typed,
) -> Result<()> {
    let leaves = |unit: &Unit| migrations.iter().any(|m| m.ends(unit));
    let is_begun = |unit: &Unit| {
        let link = format!(".wants/{}", unit.name);
        receipt.pending.keys().any(|path| path.ends_with(&link))
    };
    let all: Vec<&Unit> = inventory
        .units
        .iter()
        .filter(|unit| is_instance(host, unit) && unit.how().is_some() && !is_begun(unit))
        .collect();
    let staying: Vec<&&Unit> = all.iter().filter(|unit| !leaves(unit)).collect();
    let Some(first) = staying.first() else {
        return Ok(());
    };
    let names: Vec<String> = staying.iter().map(|u| format!("`{}`", u.name)).collect();
    refuse!(
        "`{}` is somebody's own template, and the shipped one would take its place: {} is made from it and would become \
         another unit, of another account and root; take over all of its instances at once: `{}`, or first `{}`",
        place(host).display(),
        names.join(", "),
        command(&all, typed),
        first.disable_command()
    );
}

/// The command line of this run for the profiles of all instances.
fn command(all: &[&Unit], typed: &Typed) -> String {
    let mut profiles: Vec<ProfileName> = all
        .iter()
        .filter_map(|unit| Some(ProfileName::from_home(unit.home()?)?.0))
        .collect();
    profiles.sort();
    profiles.dedup();
    let profiles = profiles
        .iter()
        .flat_map(|p| ["--profile".to_owned(), p.to_string()]);
    let mut words: Vec<String> = profiles.collect();
    let accounts = all
        .iter()
        .filter_map(|unit| Some(&unit.account.as_ref()?.name));
    let is_one = accounts.collect::<std::collections::BTreeSet<_>>().len() == 1;
    let mut rest = typed.words.iter();
    while let Some(word) = rest.next() {
        let is_theirs = matches!(word.as_str(), "--run-as" | "--home") && !is_one;
        if word == "--profile" || is_theirs {
            rest.next();
        } else if word != "--migrate" && word != "--force" {
            words.push(word.clone());
        }
    }
    let verb = typed.verb.clone();
    Typed { verb, words }.with(&["--migrate"])
}
