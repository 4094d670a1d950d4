//! Another gateway of the same profile name, of another account or root: a person who names neither may mean that one.
//! Reads only.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::error::refuse;
use crate::host::Host;
use crate::host::process_text::as_account;
use crate::layout::{ACCOUNT, Scope};
use crate::output::Output;
use crate::preflight::Checked;
use crate::preflight::tenant::is_used;
use crate::profile::ProfileName;
use crate::render::instance::Instance;
use crate::settings::Settings;
use crate::takeover::candidates::owner_of;
use crate::takeover::detect::{Namesake, namesakes};
use crate::takeover::typed::Typed;
use crate::units::inventory::Inventory;

/// Stop before a second, empty gateway is made beside one of that name; beside one that is in use, only say so.
/// `settings` are those that were chosen, whenever. Returns whether there is one.
pub(crate) fn ask_which(
    host: &Host,
    inventory: &Inventory,
    profile: &ProfileName,
    settings: &Settings,
    typed: &Typed,
    output: &Output,
) -> Result<bool> {
    let mut others = namesakes(host, inventory, profile);
    let is_one = !others.is_empty();
    if settings.home.is_some() || settings.run_as.is_some() {
        return Ok(is_one);
    }
    let root = host.default_root();
    let home = profile.home(&root);
    others.retain(|other| host.directory(&other.root) != host.directory(&root));
    let Some(other) = others.first() else {
        return Ok(is_one);
    };
    let Namesake { who, account, .. } = other;
    let theirs = profile.home(&other.root);
    if is_used(host, &home) {
        output.warn(format!(
            "another profile `{profile}` is run by {who} as `{account}`, on `{}`",
            theirs.display()
        ));
        return Ok(true);
    }
    let own = root.display().to_string();
    let may_be_tenant =
        host.scope == Scope::System && !profile.is_default() && settings.tenant.is_none();
    let second: &[&str] = if may_be_tenant {
        &["--tenant"]
    } else {
        &["--home", &own]
    };
    refuse!(
        "which `{profile}` is meant? {who} runs it already as `{account}`, on `{}`, and `{}` is empty",
        theirs.display(),
        home.display();
        "that one, under the shipped unit: `{}`", with(typed, other.is_unit, &["--migrate"]);
        "a second one, with data of its own: `{}`", with(typed, true, second)
    );
}

fn with(typed: &Typed, is_install: bool, flags: &[&str]) -> String {
    match is_install {
        true => typed.with(flags),
        false => typed.adopt().with(&[]),
    }
}

/// There is one instance of a name in a manager: a takeover for another home would leave the first one's bot without a unit.
pub(crate) fn refuse_second_owner(
    host: &Host,
    before: Option<&Instance>,
    checked: &Checked,
) -> Result<()> {
    let Some(before) = before else {
        return Ok(());
    };
    let home = home_of(host, before);
    if host.directory(&home) == host.directory(&checked.home) {
        return Ok(());
    }
    let mine = format!("for `{}`", checked.home.display());
    refuse_for(before, &home, &mine, &checked.account.name)
}

/// The same for another account: one that says nothing of the home means its own bot, not the data of this one.
pub(crate) fn refuse_other_account(
    host: &Host,
    before: Option<&Instance>,
    settings: &Settings,
) -> Result<()> {
    let (Some(before), Some(name)) = (before, &settings.run_as) else {
        return Ok(());
    };
    if before.account.as_ref().map_or(ACCOUNT, |old| &old.user) == name {
        return Ok(());
    }
    let home = home_of(host, before);
    let root = settings.home.clone().unwrap_or_else(|| host.default_root());
    let is_same = host.directory(&before.profile.home(&root)) == host.directory(&home);
    let account = host.account(name)?;
    if !is_same || owner_of(host, &home) == account.map(|account| account.uid) {
        return Ok(());
    }
    refuse_for(before, &home, &format!("for the gateway of `{name}`"), name)
}

fn home_of(host: &Host, instance: &Instance) -> PathBuf {
    let root = instance.root.clone().unwrap_or_else(|| host.default_root());
    instance.profile.home(&root)
}

fn refuse_for(before: &Instance, home: &Path, mine: &str, account: &str) -> Result<()> {
    let profile = &before.profile;
    let to_user = format!("hermes-install --user --profile {profile} --migrate");
    refuse!(
        "`{}` runs profile `{profile}` of `{}`, and there is one unit of that name; this would take it {mine}",
        profile.unit(),
        home.display();
        "to leave the profile to {account}'s own manager: `{}`", as_account(account, &to_user);
        "to make the name free: `hermes-install uninstall --profile {profile}`; then run this again"
    )
}
