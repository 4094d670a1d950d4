//! A profile that goes on with another root, as it becomes a tenant, ends to be one or was told so: a tenant begins with an
//! empty root, and nobody's data is left behind without a word. Reads only.

use anyhow::Result;

use crate::error::refuse;
use crate::host::Host;
use crate::layout::Scope;
use crate::preflight::Checked;
use crate::preflight::tenant::is_used;
use crate::render::instance::Instance;

/// Refuse to run an installed profile on another root where either is a tenant's: its bot would be an empty one.
pub(super) fn refuse_move(host: &Host, before: Option<&Instance>, checked: &Checked) -> Result<()> {
    let profile = &checked.instance.profile;
    let Some(before) = before else {
        return Ok(());
    };
    let root = before.root.clone().unwrap_or_else(|| host.default_root());
    let is_same = before.is_tenant() == checked.instance.is_tenant();
    if is_same || root == checked.root {
        return Ok(());
    }
    let user = &checked.account.name;
    refuse!(
        "profile `{profile}` is installed on `{}`, and would begin anew as `{user}` on `{}`, without its data",
        profile.home(&root).display(),
        checked.home.display();
        "to keep it as it is: `hermes-install --profile {profile} {}`", flag(before.is_tenant());
        "{}", way_out(checked)
    );
}

/// That an installed profile goes on with another root, as a sentence: its data stay behind.
pub(super) fn told_of_move(
    host: &Host,
    before: Option<&Instance>,
    checked: &Checked,
) -> Option<String> {
    let root = before?.root.clone().unwrap_or_else(|| host.default_root());
    let is_same = host.directory(&root) == host.directory(&checked.root);
    let profile = &checked.instance.profile;
    (!is_same).then(|| {
        format!(
            "profile `{profile}` moves from `{}` to `{}`; its data are not moved",
            profile.home(&root).display(),
            checked.home.display()
        )
    })
}

/// The flag that says so of a profile.
fn flag(is_tenant: bool) -> &'static str {
    if is_tenant { "--tenant" } else { "--shared" }
}

/// Whether a named profile of the system's manager is a tenant, as a word, and what that means and how to have it otherwise.
pub(super) fn told(host: &Host, checked: &Checked) -> Option<(&'static str, String)> {
    let profile = &checked.instance.profile;
    if host.scope == Scope::User || profile.is_default() {
        return None;
    }
    let (user, root) = (&checked.account.name, checked.root.display());
    Some(if checked.instance.is_tenant() {
        (
            "tenant",
            format!(
                "account `{user}` and root `{root}` of its own; with `--shared --create` a new bot shares those of `default`"
            ),
        )
    } else {
        (
            "shared",
            format!(
                "account `{user}` and root `{root}`, as other profiles; `hermes-install split {profile}` gives it its own"
            ),
        )
    })
}

fn way_out(checked: &Checked) -> String {
    let profile = &checked.instance.profile;
    if checked.instance.is_tenant() {
        format!("to make it a tenant, with its data: `hermes-install split {profile}`")
    } else {
        format!(
            "to make the name free, and leave the data where they are: `hermes-install uninstall --profile {profile}`"
        )
    }
}

/// A new tenant beside data of a profile of that name below the usual root, as a sentence.
pub(super) fn told_of_older(
    host: &Host,
    before: Option<&Instance>,
    checked: &Checked,
) -> Option<String> {
    if before.is_some() || !checked.instance.is_tenant() {
        return None;
    }
    let profile = &checked.instance.profile;
    let older = profile.home(&host.default_root());
    is_used(host, &older).then(|| {
        format!(
            "`{}` has data of a profile `{profile}`, and the tenant does not use them: it has `{}`",
            older.display(),
            checked.home.display()
        )
    })
}
