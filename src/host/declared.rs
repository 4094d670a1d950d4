//! A host whose units are part of a configuration that Nix builds: they are links into its store, where nobody writes, so
//! the way to change them is an option and a switch.

use std::path::Path;

use anyhow::Result;

use crate::error::refuse;
use crate::host::Host;
use crate::layout::{ROOTS_USER_UNITS, Scope, TEMPLATE};
use crate::profile::ProfileName;

/// Where Nix keeps what it has built.
const STORE: &str = "/nix/store";

/// The way to name a hermes where a configuration says which one runs.
const HERMES_OPTION: &str = "set `services.hermes-gateway.hermesPackage` to a package with `bin/hermes`, or \
                             `services.hermes-gateway.hermesExecutable` to a path, and switch";

/// How a person names the hermes of a profile, for whom the launcher at this path refuses to start one.
pub(crate) fn naming_hermes(launcher: &Path, profile: &ProfileName, scope: Scope) -> String {
    if launcher.starts_with(STORE) {
        HERMES_OPTION.to_owned()
    } else {
        let scope = scope.flag();
        format!("name one with `hermes-install{scope} --profile {profile} --hermes PATH`")
    }
}

/// Leave the units of this scope alone where a configuration of NixOS or Home Manager declares them.
pub(crate) fn refuse_declared(host: &Host) -> Result<()> {
    let places = match host.scope {
        Scope::System => vec![host.units()],
        Scope::User => vec![host.units(), ROOTS_USER_UNITS.to_owned()],
    };
    let in_store = |path: &Path| host.files.real(path).starts_with(STORE);
    for units in places {
        let is_own = units == host.units();
        // The directory itself, in NixOS; a link in it, with Home Manager.
        let directory = Path::new(&units);
        let is_declared = is_own && in_store(directory) || in_store(&directory.join(TEMPLATE));
        if !is_declared {
            continue;
        }
        let switch = if host.scope == Scope::User && is_own {
            "home-manager switch"
        } else {
            "nixos-rebuild switch"
        };
        refuse!(
            "the {} units of this host are declared: `/{units}` leads into `{STORE}`, where only a switch changes them",
            host.scope.name();
            "change the options of `services.hermes-gateway`, such as `profiles.NAME` and `guard`, then `{switch}`";
            "for another hermes {HERMES_OPTION}";
            "to give a gateway that runs to its unit: end it, then `systemctl {}start hermes-gateway@NAME.service`",
            if host.scope == Scope::User { "--user " } else { "" },
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::error::Error;

    fn told(host: &Host) -> String {
        let Err(error) = refuse_declared(host) else {
            return String::new();
        };
        let error = Error::of(&error);
        format!("{}\n{}", error.message, error.hints.join("\n"))
    }

    #[test]
    fn the_units_of_nixos_are_links_to_links_into_the_store() {
        let top = tempfile::tempdir().expect("a directory");
        let at = |path: &str| top.path().join(path);
        for path in [
            "etc/systemd",
            "nix/store/1-etc/etc/systemd",
            "nix/store/2-units",
        ] {
            fs::create_dir_all(at(path)).expect("made");
        }
        // Each is a look of its own: a host remembers what it has seen.
        let host = || Host::observer(Scope::System, Some(top.path())).expect("an image");
        assert_eq!(told(&host()), "");
        symlink("/nix/store/1-etc/etc", at("etc/static")).expect("linked");
        symlink(
            "/nix/store/2-units",
            at("nix/store/1-etc/etc/systemd/system"),
        )
        .expect("linked");
        symlink("/etc/static/systemd/system", at("etc/systemd/system")).expect("linked");
        let text = told(&host());
        for part in [
            "`/etc/systemd/system`",
            "`services.hermes-gateway.hermesPackage`",
            "nixos-rebuild",
        ] {
            assert!(text.contains(part), "{text}");
        }
        assert!(!text.contains("--force"), "{text}");
        // A person's own manager is theirs, unless the configuration has units for it.
        assert_eq!(told(&host().in_scope(Scope::User)), "");
    }

    #[test]
    fn home_manager_links_each_file() {
        let top = tempfile::tempdir().expect("a directory");
        let host = || Host::observer(Scope::User, Some(top.path())).expect("an image");
        let units = top.path().join(host().units());
        fs::create_dir_all(&units).expect("made");
        assert_eq!(told(&host()), "");
        symlink("/nix/store/3-files/unit", units.join(TEMPLATE)).expect("linked");
        let text = told(&host());
        assert!(text.contains("`home-manager switch`"), "{text}");
        assert!(text.contains("systemctl --user start"), "{text}");
    }

    #[test]
    fn a_launcher_from_the_store_names_the_option() {
        let coder = "coder".parse().expect("a name");
        let naming = |launcher: &str| naming_hermes(Path::new(launcher), &coder, Scope::User);
        let option = naming("/nix/store/x-hermes-install/bin/hermes-install");
        assert!(option.contains("hermesPackage"), "{option}");
        let command = naming("/usr/bin/hermes-install");
        let typed = "`hermes-install --user --profile coder --hermes PATH`";
        assert!(command.contains(typed), "{command}");
    }
}
