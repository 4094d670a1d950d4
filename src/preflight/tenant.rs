//! What a profile's settings are where it is a tenant: the account and the root follow from its name. Reads only.

use std::path::Path;

use anyhow::Result;

use crate::error::refuse;
use crate::host::Host;
use crate::launcher::home::{HomeProblem, examine};
use crate::layout::Scope;
use crate::profile::ProfileName;
use crate::settings::Settings;

/// systemd-sysusers makes no account with a longer name.
const LONGEST_ACCOUNT: usize = 31;

/// Whether a profile that is not installed, and that nobody runs, becomes a tenant because nothing says otherwise: neither
/// a setting, nor a home of before. Refuses to choose between two of them.
pub(crate) fn by_default(host: &Host, profile: &ProfileName, settings: &Settings) -> Result<bool> {
    let is_told = settings.tenant.is_some()
        || settings.home.is_some()
        || settings.run_as.is_some()
        || settings.group.is_some();
    if host.scope == Scope::User || profile.is_default() || is_told {
        return Ok(false);
    }
    let shared = profile.home(&host.default_root());
    let own = profile.tenant_root();
    let is_there = may_be_there(host, &shared);
    if is_there && is_used(host, &own) {
        refuse!(
            "which `{profile}` is meant? There are data in `{}` and in `{}`", own.display(), shared.display();
            "`--tenant` takes the first, with an account of its own";
            "`--shared` takes the second"
        );
    }
    Ok(!is_there)
}

/// Whether there is something at the place of a home, or could be when its disk is there; in an image nothing is mounted.
/// What cannot be told may be.
fn may_be_there(host: &Host, home: &Path) -> bool {
    let is_missing = match examine(&host.real(home), &|_, _| Ok(())) {
        Err(HomeProblem::Missing) => true,
        Err(HomeProblem::NotMounted(_)) => host.live().is_none(),
        _ => false,
    };
    host.files.link_target(home).is_some() || !is_missing
}

/// Whether a gateway has worked in a home, or somebody prepared it for one.
pub(crate) fn is_used(host: &Host, home: &Path) -> bool {
    let names = ["config.yaml", ".env", "state.db"];
    names.iter().any(|name| host.exists(&home.join(name)))
}

/// The settings with account and root of the tenant, where the profile is one. `place` says where a setting was set.
pub(crate) fn settle(
    host: &Host,
    profile: &ProfileName,
    settings: Settings,
    place: &dyn Fn(&str) -> String,
) -> Result<Settings> {
    if settings.tenant != Some(true) {
        return Ok(settings);
    }
    if host.scope == Scope::User {
        refuse!(
            "a tenant has an account of its own, and your own manager runs everything as `{}`", host.own.name;
            "to have it as a tenant, as root: `hermes-install --system --profile {profile} --tenant`";
            "profile `{profile}` without it: take `tenant` out where it was set: {}", place("tenant")
        );
    }
    let set = [
        ("home", settings.home.is_some()),
        ("run-as", settings.run_as.is_some()),
        ("group", settings.group.is_some()),
    ];
    if let Some((key, _)) = set.iter().find(|(_, is_set)| *is_set) {
        refuse!(
            "profile `{profile}` is a tenant ({}), whose account is `{}` and whose root is `{}`, and `{key}` is set, too: {}",
            place("tenant"),
            profile.tenant_account(),
            profile.tenant_root().display(),
            place(key);
            "take out the one or the other"
        );
    }
    let name = profile.tenant_account();
    if name.len() > LONGEST_ACCOUNT {
        refuse!(
            "the account of tenant `{profile}` would be `{name}`, and systemd makes no account with a name of more than \
             {LONGEST_ACCOUNT} letters";
            "choose a profile name of at most {} letters", LONGEST_ACCOUNT + profile.as_str().len() - name.len();
            "`--shared` has it share the account of other profiles"
        );
    }
    let home = profile.tenant_home();
    if let Some(other) = host.account(&name)?.filter(|a| a.home != home) {
        refuse!(
            "account `{name}` is there already and is no tenant's: its home directory is `{}`, not `{}`",
            other.home.display(),
            home.display();
            "choose another profile name, or have it share an account with `--shared`";
            "to run the gateway as that account: `hermes-install --profile {profile} --run-as {name}`"
        );
    }
    Ok(derived(profile, settings))
}

/// The same without a host to look at.
pub(crate) fn derived(profile: &ProfileName, settings: Settings) -> Settings {
    match settings.tenant {
        Some(true) => Settings {
            home: Some(profile.tenant_root()),
            run_as: Some(profile.tenant_account()),
            ..settings
        },
        _ => settings,
    }
}
