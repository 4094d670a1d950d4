//! What an `uninstall` leaves behind, as sentences: profiles that nobody serves any more, and what another installation would
//! find.

use std::path::Path;

use crate::config::Config;
use crate::deploy::chosen::Chosen;
use crate::gateway::config::Configuration;
use crate::gateway::served::{served_beside, unserved};
use crate::host::Host;
use crate::host::process::shell_quote;
use crate::host::process_text::as_account;
use crate::layout::{ACCOUNT, Scope};
use crate::profile::ProfileName;
use crate::render::instance::Instance;

/// The profiles that the gateways of these serve beside their own, and nobody will, each with what helps.
pub(super) fn left_unserved(host: &Host, going: &[Instance]) -> Vec<String> {
    if host.live().is_none() {
        return Vec::new();
    }
    let scope = host.scope.flag();
    let left = going.iter().filter_map(|instance| {
        let root = (instance.root.clone()).unwrap_or_else(|| host.default_root());
        let mut beside = served_beside(&instance.profile.home(&root));
        beside.retain(|profile| going.iter().all(|i| i.profile != *profile));
        let what = unserved(&instance.profile.unit(), &beside)?;
        let one = beside.first()?;
        Some(format!(
            "{what}; for a gateway of its own: `hermes-install{scope} --profile {one} --standalone`"
        ))
    });
    left.collect()
}

/// What another installation of a profile would do otherwise than this one did: the account and the root that were chosen are
/// forgotten, and `gateway.standalone` stays in its configuration, which is hermes' own.
pub(super) fn kept(host: &Host, instance: &Instance, chosen: Option<&Chosen>) -> Vec<String> {
    let (profile, scope) = (&instance.profile, host.scope.flag());
    let mut notes = Vec::new();
    let flags = ["run-as", "group", "home"].into_iter();
    let flags: Vec<String> = flags
        .filter_map(|name| {
            let value = chosen?.get(name)?.value.as_str()?;
            Some(format!(" --{name} {}", shell_quote(&[value])))
        })
        .collect();
    if !flags.is_empty() {
        notes.push(format!(
            "to install `{profile}` again for the same data: `hermes-install{scope} --profile {profile}{}`",
            flags.concat()
        ));
    }
    let root = instance.root.clone().unwrap_or_else(|| host.default_root());
    let home = profile.home(&root);
    let has_own = || Configuration::look(&host.files, &home).is_standalone();
    if !profile.for_hermes(&root).is_default() && has_own() {
        notes.push(format!(
            "`gateway.standalone` stays set in `{}`, so another installation gives profile `{profile}` a gateway of its own \
             again; to have it served by that of `default` then: `{}`",
            home.join("config.yaml").display(),
            no_standalone(host, instance, &root)
        ));
    }
    notes
}

/// That the configuration still has a section for a profile, so that whoever installs what it names brings it back.
pub(super) fn still_set(host: &Host, profile: &ProfileName, config: &Config) -> Option<String> {
    let scope = host.scope.flag();
    let section = config.section(profile)?;
    Some(format!(
        "{section} stays, and plain `hermes-install{scope}` installs profile `{profile}` again; if it is not to come back: \
         take that section out"
    ))
}

/// hermes' own command that takes the setting back, as the account of the profile's gateway.
fn no_standalone(host: &Host, instance: &Instance, root: &Path) -> String {
    let user = instance.account.as_ref().map_or(ACCOUNT, |a| &a.user);
    let account = host.account(user).ok().flatten();
    let account = account.filter(|_| host.scope == Scope::System);
    let home = account
        .as_ref()
        .map(|a| format!("HOME={}", a.home.display()));
    let root = format!("HERMES_HOME={}", root.display());
    let hermes = instance.hermes.as_deref().unwrap_or(Path::new("hermes"));
    let hermes = hermes.to_string_lossy();
    let name = instance.profile.as_str();
    let words = ["env"].into_iter().chain(home.as_deref());
    let command = [
        &*root,
        &*hermes,
        "-p",
        name,
        "config",
        "set",
        "gateway.standalone",
        "false",
    ];
    let command = shell_quote(&words.chain(command).collect::<Vec<_>>());
    match account {
        Some(account) => as_account(&account.name, &command),
        None => command,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    #[test]
    fn what_another_installation_would_do_otherwise_is_told() {
        let top = tempfile::tempdir().expect("a directory");
        // A host remembers what it has looked at.
        let kept = |instance: &Instance, chosen: Option<&Chosen>| {
            let host = Host::observer(Scope::System, Some(top.path())).expect("an image");
            kept(&host, instance, chosen)
        };
        let mut instance = Instance::plain("coder".parse().expect("a name"), Scope::System);
        let none: Vec<String> = Vec::new();
        assert_eq!(kept(&instance, None), none);
        let settings = Settings {
            run_as: Some("alice".to_owned()),
            home: Some("/srv/a b".into()),
            enable: Some(false),
            ..Settings::default()
        };
        let chosen = Chosen::of(&settings, |name| format!("--{name}"));
        let again = "`hermes-install --profile coder --run-as alice --home '/srv/a b'`";
        let notes = kept(&instance, Some(&chosen));
        assert!(notes.len() == 1 && notes[0].contains(again), "{notes:?}");

        let home = top.path().join("var/lib/hermes/profiles/coder");
        std::fs::create_dir_all(&home).expect("made");
        let configure = |value: &str| {
            let text = format!("gateway:\n  standalone: {value}\n");
            std::fs::write(home.join("config.yaml"), text).expect("written");
        };
        configure("false");
        assert_eq!(kept(&instance, None), none);
        configure("true");
        instance.hermes = Some("/opt/h/hermes".into());
        let notes = kept(&instance, None);
        let back = "HERMES_HOME=/var/lib/hermes /opt/h/hermes -p coder config set gateway.standalone false`";
        assert!(notes.len() == 1 && notes[0].contains(back), "{notes:?}");
    }
}
