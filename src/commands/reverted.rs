//! `exec` in a unit that has lost its drop-in, as `systemctl revert` takes away all that a unit has: it would run another bot,
//! of another account or root than was chosen. What cannot be told keeps no gateway down. Reads only.

use std::path::{Path, PathBuf};

use crate::deploy::receipt::{Receipt, read_receipt};
use crate::host::Host;
use crate::host::cgroup::UnitRef;
use crate::host::process::Process;
use crate::launcher::exec::environment_root;
use crate::launcher::refusal::Refusal;
use crate::layout::{DROP_IN, Scope};
use crate::preflight::tenant;
use crate::profile::ProfileName;

/// Refuse where this process is of the installed unit of a profile, and that is the case. `told` is the root that the unit
/// names to the launcher.
pub(super) fn refuse_reverted(profile: &ProfileName, told: Option<&Path>) -> Result<(), Refusal> {
    let unit = Process::read(std::process::id() as i32).and_then(|own| own.unit());
    let Some(unit) = unit.filter(|unit| unit.name == profile.unit()) else {
        return Ok(());
    };
    let (root, _) = environment_root(told)?;
    match lost(&unit, profile, &root) {
        Some(sentence) => Err(Refusal::Unusable(sentence)),
        None => Ok(()),
    }
}

fn lost(unit: &UnitRef, profile: &ProfileName, root: &Path) -> Option<String> {
    let scope = match unit.user {
        Some(_) => Scope::User,
        None => Scope::System,
    };
    let host = Host::observer(scope, None).ok()?;
    let drop_in = format!("{}/{}.d/{DROP_IN}", host.units(), unit.name);
    if host.exists(&Path::new("/").join(&drop_in)) {
        return None;
    }
    let receipt = read_receipt(&host).ok()?;
    sentence(&host, &receipt, profile, root, &drop_in)
}

/// What is lost with the drop-in and how to have it back; `None` where none was written, or the bot is the same without it.
fn sentence(
    host: &Host,
    receipt: &Receipt,
    profile: &ProfileName,
    root: &Path,
    drop_in: &str,
) -> Option<String> {
    let is_written = receipt.files.contains_key(drop_in);
    // A run that is at work has recorded what it was told before it writes, or removes, anything.
    let chosen = receipt.settings.get(profile).filter(|_| is_written)?;
    let chosen = tenant::derived(profile, chosen.settings().ok()?);
    let account = &host.own.name;
    let is_its_root = |home: &PathBuf| host.directory(home) == host.directory(root);
    let other = [
        (chosen.run_as.filter(|name| name != account)).map(|name| format!("account `{name}`")),
        (chosen.home.filter(|home| !is_its_root(home)))
            .map(|home| format!("root `{}`", home.display())),
    ];
    let other: Vec<String> = other.into_iter().flatten().collect();
    if other.is_empty() {
        return None;
    }
    let scope = host.scope.flag();
    Some(format!(
        "`/{drop_in}` is gone, as after `systemctl revert`: without it `{}` would run another bot, as `{account}` on `{}`, \
         not the one that was chosen ({}); to put it back and start that: `hermes-install{scope} --profile {profile}`",
        profile.unit(),
        root.display(),
        other.join(", "),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deploy::chosen::Chosen;
    use crate::render::tree::Entry;
    use crate::settings::Settings;

    #[test]
    fn a_unit_without_its_drop_in_refuses_where_it_would_run_another_bot() {
        let host = Host::observer(Scope::System, Some("/usr".as_ref())).expect("a directory");
        let profile: ProfileName = "coder".parse().expect("a name");
        let drop_in = "etc/systemd/system/hermes-gateway@coder.service.d/50-hermes-install.conf";
        let file = Entry::File {
            bytes: Vec::new().into(),
            mode: 0o644,
        };
        let of = |files: &[&str], chosen: Settings| {
            let mut receipt = Receipt::empty(0);
            let files = files.iter().map(|path| (path.to_string(), file.stamp()));
            receipt.files = files.collect();
            let chosen = Chosen::of(&chosen, |name| format!("--{name}"));
            receipt.settings.insert(profile.clone(), chosen);
            let root = Path::new("/var/lib/hermes");
            sentence(&host, &receipt, &profile, root, drop_in)
        };
        let home = |home: &str| Settings {
            home: Some(home.into()),
            ..Settings::default()
        };
        let run_as = |name: &str| Settings {
            run_as: Some(name.to_owned()),
            ..Settings::default()
        };
        let own = host.own.name.clone();
        let told = of(&[drop_in], home("/home/alice/.hermes")).expect("another root");
        for part in [
            drop_in,
            &format!("as `{own}` on `/var/lib/hermes`, "),
            "(root `/home/alice/.hermes`);",
            "`hermes-install --profile coder`",
        ] {
            assert!(told.contains(part), "{part}\n{told}");
        }
        let told = of(&[drop_in], run_as("alice")).expect("another account");
        assert!(told.contains("(account `alice`);"), "{told}");
        let tenant = Settings {
            tenant: Some(true),
            ..Settings::default()
        };
        assert!(of(&[drop_in], tenant).is_some(), "a tenant");
        assert_eq!(of(&[drop_in], Settings::default()), None);
        let same = run_as(&own).over(&home("/var/lib/hermes"));
        assert_eq!(of(&[drop_in], same), None);
        assert_eq!(of(&[], home("/home/alice/.hermes")), None, "none was there");
    }
}
