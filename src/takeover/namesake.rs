//! Another gateway of the same profile name, of another account or root: a person who names neither may mean that one.
//! Reads only.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::error::{Error, Kind, refuse};
use crate::host::Host;
use crate::host::account::Account;
use crate::host::process_text::as_account;
use crate::launcher::lock::RECORD_LOCK;
use crate::layout::{ACCOUNT, Scope};
use crate::output::Output;
use crate::preflight::Checked;
use crate::preflight::tenant::is_used;
use crate::profile::{ProfileName, TENANTS};
use crate::render::instance::Instance;
use crate::settings::Settings;
use crate::takeover::candidates::owner_of;
use crate::takeover::detect::{Namesake, namesakes};
use crate::takeover::migrate::Allow;
use crate::takeover::typed::Typed;
use crate::units::inventory::Inventory;
use crate::units::origin::Origin;
use crate::units::unit::Unit;

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
    let may_be_tenant =
        host.scope == Scope::System && !profile.is_default() && settings.tenant.is_none();
    let own = root.display().to_string();
    let second: &[&str] = if may_be_tenant {
        &["--tenant"]
    } else {
        &["--home", &own]
    };
    let Some(other) = others.first() else {
        if !is_one && settings.tenant.is_none() {
            refuse_rested(host, profile, typed, second)?;
        }
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
    refuse!(
        "which `{profile}` is meant? {who} runs it already as `{account}`, on `{}`, and `{}` is empty",
        theirs.display(),
        home.display();
        "that one, under the shipped unit: `{}`", taken_over(typed, other, others.len() > 1);
        "a second one, with data of its own: `{}`", typed.with(second)
    );
}

/// The same of a profile that nobody runs. The account that the unit would run as may be a person's, with a bot in its own
/// root. Or a unit was uninstalled: what was chosen for it went with it, and an account's own root has its data.
fn refuse_rested(host: &Host, profile: &ProfileName, typed: &Typed, second: &[&str]) -> Result<()> {
    let home = profile.home(&host.default_root());
    let own = profile.tenant_root();
    let is_own_tenant = !profile.is_default() && is_used(host, &own);
    if host.scope == Scope::User || is_used(host, &home) || is_own_tenant {
        return Ok(());
    }
    let of = |account: &Account| profile.home(&account.home.join(".hermes"));
    if let Some(account) = host.account(ACCOUNT)?.filter(|a| is_used(host, &of(a))) {
        let root = account.home.join(".hermes").display().to_string();
        refuse!(
            "which `{profile}` is meant? Account `{ACCOUNT}` has one in its own home directory, on `{}`, and `{}` is empty",
            of(&account).display(),
            home.display();
            "that one: `{}`", typed.with(&["--home", &root]);
            "a second one, with data of its own: `{}`", typed.with(second)
        );
    }
    let ran = |account: &Account| {
        let theirs = of(account);
        // The launcher makes it, as the account that it runs as.
        let lock = host.metadata(&theirs.join(RECORD_LOCK)).ok()?;
        (lock.uid() == account.uid && is_used(host, &theirs)).then_some(theirs)
    };
    // A tenant's root has the tenant alone, whatever its profile is called there.
    let accounts = host.accounts().into_iter();
    let mut accounts = accounts.filter(|account| !account.home.starts_with(TENANTS));
    let Some((account, theirs)) = accounts.find_map(|a| Some((a.name.clone(), ran(&a)?))) else {
        return Ok(());
    };
    refuse!(
        "which `{profile}` is meant? A unit ran one as `{account}`, on `{}`, and `{}` is empty",
        theirs.display(),
        home.display();
        "that one: `{}`", typed.with(&["--run-as", &account]);
        "a second one, with data of its own: `{}`", typed.with(second)
    );
}

/// The command line that takes it over; where there are more, it names the account.
fn taken_over(typed: &Typed, other: &Namesake, is_one_of_several: bool) -> String {
    let mut flags = Vec::new();
    if is_one_of_several {
        flags.extend(["--run-as", &other.account]);
    }
    if other.is_unit {
        flags.push("--migrate");
        return typed.with(&flags);
    }
    typed.adopt().with(&flags)
}

/// There is one instance of a name in a manager: a takeover for another home would leave the first one's bot without a unit.
/// Who asks for none is told that, too, where there is a unit to take over, and not to ask for one.
pub(crate) fn refuse_second_owner(
    host: &Host,
    inventory: &Inventory,
    before: Option<&Instance>,
    checked: &Checked,
    allow: Allow,
) -> Result<()> {
    let Some(before) = before else {
        return Ok(());
    };
    let home = home_of(host, before);
    if host.directory(&home) == host.directory(&checked.home) {
        return Ok(());
    }
    let units = inventory.units_of(host, &checked.home);
    let theirs: Vec<&Unit> = units.filter(|unit| is_kept(unit)).collect();
    if theirs.is_empty() && !allow.units && !allow.by_hand {
        return Ok(());
    }
    let mine = format!("for `{}`", checked.home.display());
    refuse_for(host, before, &home, &mine, &checked.account.name, &theirs)
}

/// That a profile of this name is left to its own unit, where a takeover was asked for and there is nothing to take over.
pub(crate) fn told_of_namesake(
    host: &Host,
    inventory: &Inventory,
    checked: &Checked,
) -> Option<String> {
    let profile = &checked.instance.profile;
    let others = namesakes(host, inventory, profile).into_iter();
    let mut others = others.filter(|other| {
        other.is_unit && host.directory(&other.root) != host.directory(&checked.root)
    });
    let other = others.next()?;
    Some(format!(
        "`{}` is for `{}`; {} is for another profile `{profile}`, on `{}`, and stays as it is",
        profile.unit(),
        checked.home.display(),
        other.who,
        profile.home(&other.root).display()
    ))
}

/// The same for another account: one that says nothing of the home means its own bot, not the data of this one.
pub(crate) fn refuse_other_account(
    host: &Host,
    inventory: &Inventory,
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
    let mine = format!("for the gateway of `{name}`");
    let is_theirs = |unit: &&Unit| {
        let of = unit.home().and_then(ProfileName::from_home);
        let is_account = unit.account.as_ref().is_some_and(|a| a.name == *name);
        is_account && of.is_some_and(|(profile, _)| profile == before.profile) && is_kept(unit)
    };
    let theirs: Vec<&Unit> = inventory.units.iter().filter(is_theirs).collect();
    refuse_for(host, before, &home, &mine, name, &theirs)
}

fn home_of(host: &Host, instance: &Instance) -> PathBuf {
    let root = instance.root.clone().unwrap_or_else(|| host.default_root());
    instance.profile.home(&root)
}

/// `theirs` are the units that have the other home.
fn refuse_for(
    host: &Host,
    before: &Instance,
    home: &Path,
    mine: &str,
    account: &str,
    theirs: &[&Unit],
) -> Result<()> {
    let profile = &before.profile;
    let what = format!(
        "`{}` runs profile `{profile}` of `{}`, and there is one unit of that name; this would take it {mine}",
        profile.unit(),
        home.display()
    );
    let mut hints: Vec<String> = theirs.iter().map(|unit| staying(unit)).collect();
    // A user takes over no unit of the system's manager, and has one unit of that name, too.
    if host.scope == Scope::System && theirs.iter().all(|unit| unit.is_user()) {
        let to_user = format!("hermes-install --user --profile {profile} --migrate");
        hints.push(format!(
            "to leave the profile to {account}'s own manager: `{}`",
            as_account(account, &to_user)
        ));
    }
    let scope = host.scope.flag();
    hints.push(format!(
        "to make the name free: `hermes-install uninstall{scope} --profile {profile}`; then run this again"
    ));
    Err(Error::new(Kind::Refused, what, hints).into())
}

/// Whether it says which home it has, and would go on with it.
fn is_kept(unit: &Unit) -> bool {
    unit.stays().is_some() && unit.home().is_some() && unit.origin != Origin::Ours
}

/// How the unit of another home goes on.
fn staying(unit: &Unit) -> String {
    if unit.is_guarded {
        return format!("{} is under the guard, and may stay as it is", unit.title());
    }
    let shield = |scope: &str| format!("hermes-install shield --unit {} {scope}", unit.name);
    format!(
        "{} may stay, and is safe with a drop-in: `{}`",
        unit.title(),
        unit.installer_command(shield)
    )
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::error::Error;

    #[test]
    fn a_bot_of_an_account_whose_unit_was_uninstalled_is_not_begun_anew_without_a_word() {
        let top = tempfile::tempdir().expect("a directory");
        let write = |path: &str, text: &str| {
            let path = top.path().join(path);
            fs::create_dir_all(path.parent().expect("above")).expect("made");
            fs::write(path, text).expect("written");
        };
        let own = nix::unistd::geteuid();
        let passwd = |alice: u32| format!("alice:x:{alice}:1::/home/alice:/bin/sh\n");
        write("etc/passwd", &passwd(own.as_raw()));
        let typed = Typed {
            verb: None,
            words: vec!["--profile".to_owned(), "coder".to_owned()],
        };
        let ask = |name: &str, settings: &Settings| {
            let host = Host::observer(Scope::System, Some(top.path())).expect("an image");
            let inventory = Inventory::of_own_manager(&host);
            let profile = name.parse().expect("a name");
            let output = Output {
                quiet: true,
                json: false,
            };
            ask_which(&host, &inventory, &profile, settings, &typed, &output)
                .map_err(|e| Error::of(&e).hints.join("\n"))
        };
        let plain = Settings::default();
        let theirs = "home/alice/.hermes/profiles/coder";
        write(&format!("{theirs}/config.yaml"), "");
        assert_eq!(ask("coder", &plain), Ok(false), "no unit ever ran it");
        write(&format!("{theirs}/{RECORD_LOCK}"), "");
        let ways = ask("coder", &plain).expect_err("which one?");
        for way in ["--run-as alice", "--tenant"] {
            let command = format!("`hermes-install --profile coder {way}`");
            assert!(ways.contains(&command), "{ways}");
        }
        assert_eq!(ask("poet", &plain), Ok(false), "another name");
        let told = Settings {
            tenant: Some(true),
            ..Settings::default()
        };
        assert_eq!(ask("coder", &told), Ok(false), "somebody has chosen");
        let tenant = "var/lib/hermes-tenants/a/.hermes";
        let uid = own.as_raw();
        write(
            "etc/passwd",
            &format!("hermes-a:x:{uid}:1::/var/lib/hermes-tenants/a:/bin/sh\n"),
        );
        write(&format!("{tenant}/config.yaml"), "");
        write(&format!("{tenant}/{RECORD_LOCK}"), "");
        assert_eq!(ask("default", &plain), Ok(false), "a tenant is another");
        write("etc/passwd", &passwd(own.as_raw() + 1));
        assert_eq!(ask("coder", &plain), Ok(false), "a file of somebody else's");
        write("etc/passwd", &passwd(own.as_raw()));
        assert!(ask("coder", &plain).is_err());
        write("var/lib/hermes-tenants/coder/.hermes/config.yaml", "");
        assert_eq!(ask("coder", &plain), Ok(false), "the tenant's own data");
        write("home/alice/.hermes/config.yaml", "");
        write(&format!("home/alice/.hermes/{RECORD_LOCK}"), "");
        let ways = ask("default", &plain).expect_err("which one?");
        assert!(ways.contains("--home /var/lib/hermes`"), "{ways}");
        write("var/lib/hermes/.env", "");
        assert_eq!(ask("default", &plain), Ok(false), "it has data of its own");
        // The account of units is a person's.
        for name in ["var", "home/alice"] {
            fs::remove_dir_all(top.path().join(name)).expect("removed");
        }
        write("etc/passwd", "hermes:x:1:1::/home/hermes:/bin/sh\n");
        write("home/hermes/.hermes/logs/x", "");
        assert_eq!(ask("default", &plain), Ok(false), "no bot is there");
        for name in ["config.yaml", ".env"] {
            let file = format!("home/hermes/.hermes/{name}");
            write(&file, "");
            let ways = ask("default", &plain).expect_err("which one?");
            for root in ["/home/hermes/.hermes", "/var/lib/hermes"] {
                assert!(ways.contains(&format!(" --home {root}`")), "{ways}");
            }
            assert_eq!(ask("coder", &plain), Ok(false), "another name");
            fs::remove_file(top.path().join(file)).expect("removed");
        }
        write("etc/passwd", "hermes:x:1:1::/var/lib/hermes:/bin/sh\n");
        write("var/lib/hermes/profiles/x", "");
        assert_eq!(ask("default", &plain), Ok(false), "a service's account");
    }
}
