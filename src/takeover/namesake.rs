//! Another gateway of the same profile name, of another account or root: a person who names neither may mean that one.
//! Reads only.

use std::path::PathBuf;

use anyhow::Result;

use crate::error::refuse;
use crate::host::Host;
use crate::host::process::shell_quote;
use crate::output::Output;
use crate::profile::ProfileName;
use crate::settings::Settings;
use crate::takeover::detect::{Namesake, namesakes};
use crate::takeover::migrate::Typed;
use crate::units::inventory::Inventory;

/// Stop before a second, empty gateway is made beside one of that name; beside one that is in use, only say so.
/// `settings` are those that were chosen, whenever.
pub(crate) fn ask_which(
    host: &Host,
    inventory: &Inventory,
    profile: &ProfileName,
    settings: &Settings,
    typed: &Typed,
    output: &Output,
) -> Result<()> {
    if settings.home.is_some() || settings.run_as.is_some() {
        return Ok(());
    }
    let root = host.default_root();
    let home = profile.home(&root);
    let mut others = namesakes(host, inventory, profile);
    others.retain(|other| host.directory(&other.root) != host.directory(&root));
    let Some(other) = others.first() else {
        return Ok(());
    };
    let Namesake { who, account, .. } = other;
    let theirs = profile.home(&other.root);
    let is_used = |name: &&str| host.at(&home.join(name)).exists();
    if ["config.yaml", ".env", "state.db"].iter().any(is_used) {
        output.warn(format!(
            "another profile `{profile}` is run by {who} as `{account}`, on `{}`",
            theirs.display()
        ));
        return Ok(());
    }
    let own: PathBuf = root;
    refuse!(
        "which `{profile}` is meant? {who} runs it already as `{account}`, on `{}`, and `{}` is empty",
        theirs.display(),
        home.display();
        "that one, under the shipped unit: `{}`", with(typed, other.is_unit, &["--migrate"]);
        "a second one, with data of its own: `{}`", with(typed, true, &["--home", &own.display().to_string()])
    );
}

fn with(typed: &Typed, is_install: bool, flags: &[&str]) -> String {
    let mut words = vec!["hermes-install".to_owned()];
    match is_install {
        true => words.extend(typed.verb.clone()),
        false => words.push("adopt".to_owned()),
    }
    words.extend(typed.words.iter().cloned());
    if is_install {
        words.extend(flags.iter().map(|flag| (*flag).to_owned()));
    }
    shell_quote(&words)
}
