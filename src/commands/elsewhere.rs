//! A profile that is not in the scope of a command, and who has it: a unit of hermes-install's in another manager, or one of
//! hermes' own. Reads only.

use crate::host::Host;
use crate::host::systemctl::Manager;
use crate::profile::ProfileName;
use crate::units::inventory::Inventory;
use crate::units::origin::Origin;
use crate::units::unit::Unit;

/// Whether it is an instance of the shipped template that another manager runs, or would.
pub(super) fn is_of_other_manager(host: &Host, unit: &Unit) -> bool {
    unit.origin == Origin::Ours && unit.manager != host.manager() && unit.how().is_some()
}

/// Whose manager has a unit, as words of a way out. An apostrophe would be a quote there, as a shell has it.
pub(super) fn whose(unit: &Unit) -> String {
    match unit.is_user() {
        true => format!("the manager of user {}", unit.manager_account.name),
        false => "the system manager".to_owned(),
    }
}

/// The command that looks after an instance of the shipped template, by whoever may: its words are made from the profile.
pub(super) fn command(
    host: &Host,
    unit: &Unit,
    words: impl FnOnce(&str) -> String,
) -> Option<String> {
    let profile = unit.name.strip_prefix("hermes-gateway@")?;
    let words = words(profile.strip_suffix(".service")?);
    Some(match unit.manager {
        Manager::System if host.own.uid == 0 => format!("hermes-install {words} --system"),
        Manager::System => format!("sudo hermes-install {words}"),
        _ => unit.installer_command(|scope| format!("hermes-install {words} {scope}")),
    })
}

/// Who has a profile that a command such as `restart` does not find in its scope: each as a sentence with the command that
/// does it there.
pub(super) fn who_has(
    host: &Host,
    inventory: &Inventory,
    profile: &ProfileName,
    verb: &str,
) -> Vec<String> {
    let home = profile.home(&host.default_root());
    let is_of_home = |unit: &Unit| {
        let own = unit.home();
        own.is_some_and(|own| host.directory(own) == host.directory(&home))
    };
    let told = |unit: &Unit| {
        if is_of_other_manager(host, unit) {
            // Of a tenant, or of another account: by its name.
            let is_meant = unit.name == profile.unit() || is_of_home(unit);
            let command = command(host, unit, |name| format!("{verb} {name}"));
            let command = command.filter(|_| is_meant)?;
            return Some(format!("{} has it: `{command}`", whose(unit)));
        }
        let is_theirs = unit.origin != Origin::Ours && unit.manager == host.manager();
        unit.how().filter(|_| is_theirs && is_of_home(unit))?;
        let verb = match verb {
            // After its turns.
            "restart" if unit.is_kept_safe() && unit.activity().is_some() => "reload",
            "start" | "stop" | "restart" => verb,
            _ => return None,
        };
        let name = &unit.name;
        Some(format!(
            "{name}, which hermes-install has not installed, has it: `{}`",
            unit.command(verb)
        ))
    };
    inventory.units.iter().filter_map(told).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::host::service_state::ServiceState;
    use crate::layout::Scope;

    #[test]
    fn who_has_a_profile_is_told_with_the_command_of_that_manager() {
        let top = tempfile::tempdir().expect("a directory");
        let place = top.path().join("etc/systemd/system");
        let wants = place.join("multi-user.target.wants");
        fs::create_dir_all(&wants).expect("made");
        let own = "hermes-gateway.service";
        let ours = "hermes-gateway@coder.service";
        let runs =
            |line: &str| format!("[Service]\nEnvironment=HERMES_HOME=/var/lib/hermes\n{line}\n");
        fs::write(place.join(own), runs("ExecStart=/opt/hermes gateway run")).expect("written");
        let launcher = runs("ExecStart=/usr/bin/hermes-install exec --profile %i");
        fs::write(place.join("hermes-gateway@.service"), launcher).expect("written");
        for name in [own, ours] {
            std::os::unix::fs::symlink("..", wants.join(name)).expect("linked");
        }
        let mut host = Host::observer(Scope::System, Some(top.path())).expect("a host");
        let mut inventory = Inventory::of_own_manager(&host);
        let name = |text: &str| -> ProfileName { text.parse().expect("a name") };
        let theirs = format!("{own}, which hermes-install has not installed, has it: ");
        let told = who_has(&host, &inventory, &name("default"), "restart");
        assert_eq!(told, [format!("{theirs}`systemctl restart {own}`")]);
        assert!(
            who_has(&host, &inventory, &name("coder"), "restart").is_empty(),
            "it is here"
        );

        let unit = inventory.units.iter_mut().find(|unit| unit.name == own);
        let unit = unit.expect("there");
        unit.is_guarded = true;
        unit.loaded = ServiceState::parse_all("ActiveState=active").pop();
        let told = who_has(&host, &inventory, &name("default"), "restart");
        assert_eq!(told, [format!("{theirs}`systemctl reload {own}`")]);
        assert!(who_has(&host, &inventory, &name("default"), "logs").is_empty());

        // A user, whose own manager has nothing, and root, of a user's.
        let mut user = host.in_scope(Scope::User);
        user.own.uid = 1000;
        let told = who_has(&user, &inventory, &name("coder"), "restart");
        assert_eq!(
            told,
            ["the system manager has it: `sudo hermes-install restart coder`"]
        );
        host.own.uid = 0;
        for unit in &mut inventory.units {
            unit.manager = Manager::UserOf("alice".to_owned());
            unit.manager_account.name = "alice".to_owned();
        }
        let told = who_has(&host, &inventory, &name("coder"), "restart");
        let as_alice = "runuser --pty -u alice -- hermes-install restart coder --user";
        assert_eq!(
            told,
            [format!("the manager of user alice has it: `{as_alice}`")]
        );
    }
}
