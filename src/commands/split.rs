//! `split`: a profile that shares its account leaves it, with its data, for a tenant of its own.

use std::path::Path;

use anyhow::Result;

use super::confirm::ask;
use super::install::summary;
use super::prepare::{Prepared, prepare};
use super::target::live;
use super::typed::Verb;
use crate::cli::{InstallArgs, SettingArgs, SplitArgs};
use crate::deploy::desired::links;
use crate::deploy::lock::Lock;
use crate::deploy::receipt::read_receipt;
use crate::deploy::relocation::{Relocation, is_free};
use crate::error::{Exit, refuse, trouble};
use crate::host::Host;
use crate::host::account::Account;
use crate::host::process::shell_quote;
use crate::host::process_text::as_account;
use crate::host::rootfs::Actual;
use crate::output::Output;
use crate::profile::ProfileName;

/// Move one profile.
pub(crate) fn split(args: &SplitArgs) -> Result<Exit> {
    let output = args.output.printer();
    let host = Host::new(args.scope.scope(), args.scope.root.as_deref())?;
    let live = live(&host, "hermes-install split")?;
    let _lock = Lock::take(&host, args.wait.limit())?;
    let Some(relocation) = relocation(&host, &args.profile)? else {
        output.done(format!("profile `{}` is a tenant already", args.profile));
        return Ok(Exit::Done);
    };
    let profile = &relocation.profile;
    if !is_free(&profile.tenant_root())? {
        refuse!(
            "`{}` has data already, and nothing is written over them", profile.tenant_root().display();
            "look at them; when nobody needs them, move them away and run this again"
        );
    }
    let unit = profile.unit();
    let runs = live.manager().show_one(&unit)?.is_started();
    let is_enabled = links(&host, profile)
        .iter()
        .any(|link| host.at(Path::new(link)).is_symlink());
    let install = as_install(args, runs, is_enabled);
    let Prepared {
        checked,
        mut transaction,
        ..
    } = prepare(&host, &install, Verb::Split, &output)?;
    transaction.refuse_conflicts()?;
    for line in told(&host, &relocation) {
        output.warn(line);
    }
    let what = format!(
        "stop `{unit}` as planned, copy `{}` to `{}`, and run it as `{}`",
        relocation.home.display(),
        profile.tenant_root().display(),
        profile.tenant_account()
    );
    ask(args.yes, &format!("{what}?"), &format!("this would {what}"))?;
    transaction.relocations.push(relocation.clone());
    let outcome = transaction.commit()?;
    summary(&host, &checked, &outcome, &[], &output);
    tell_old(&relocation, &output);
    Ok(Exit::Done)
}

/// What moves; `None` where it has moved already.
fn relocation(host: &Host, profile: &ProfileName) -> Result<Option<Relocation>> {
    let receipt = read_receipt(host)?;
    let Some(instance) = receipt.instances.iter().find(|i| i.profile == *profile) else {
        trouble!(
            "profile `{profile}` has no unit of its own in the {} scope", host.scope.name();
            "to install a new one as a tenant: `hermes-install --profile {profile} --tenant`";
            "to give one that the gateway of `default` serves a unit, which this can move then: \
             `hermes-install --profile {profile} --standalone`"
        );
    };
    if instance.is_tenant() {
        return Ok(None);
    }
    let root = instance.root.clone().unwrap_or_else(|| host.default_root());
    if profile.is_default() {
        refuse!(
            "the home of `default` is the root `{}`, in which all its other profiles are", root.display();
            "to move the others out, so that `default` is alone: `hermes-install split NAME`"
        );
    }
    let name = instance.account.clone().unwrap_or_default().user;
    let Some(account) = Account::find(&name, &host.root)? else {
        refuse!(
            "account `{name}` does not exist, so nobody can read the data of profile `{profile}`"
        );
    };
    Ok(Some(Relocation {
        profile: profile.clone(),
        account,
        home: profile.home(&root),
        root,
    }))
}

/// The installation that this is: account and root of before are forgotten, everything else stays.
fn as_install(args: &SplitArgs, runs: bool, is_enabled: bool) -> InstallArgs {
    InstallArgs {
        settings: SettingArgs {
            profiles: vec![args.profile.clone()],
            tenant: true,
            ..SettingArgs::default()
        },
        scope: args.scope.clone(),
        no_enable: !is_enabled,
        no_start: !runs,
        reset: ["home", "run-as", "group"].map(str::to_owned).to_vec(),
        yes: args.yes,
        wait: args.wait.clone(),
        output: args.output.clone(),
        ..InstallArgs::default()
    }
}

/// What of the profile leads to places that the tenant does not see: lines of its configuration, and links.
fn told(host: &Host, relocation: &Relocation) -> Vec<String> {
    let root = relocation.root.display().to_string();
    let home = &relocation.home;
    let mut told = Vec::new();
    for name in ["config.yaml", ".env"] {
        let path = home.join(name);
        // Not through a link, which may lead the look to a file of somebody else.
        let seen = path.to_str().map(|path| host.files.look(path));
        let Some(Ok(Actual::Present(entry, _))) = seen else {
            continue;
        };
        let lines = entry.as_text().unwrap_or_default().lines().enumerate();
        told.extend(lines.filter(|(_, line)| line.contains(&root)).map(|(at, _)| {
            format!(
                "line {} of `{}` names a path below `{root}`, which the tenant does not see",
                at + 1,
                path.display()
            )
        }));
    }
    let names = host.files.names(home).unwrap_or_default();
    let links = names.into_iter().map(|name| home.join(name));
    told.extend(links.filter(|path| path.is_symlink()).map(|path| {
        format!(
            "`{}` is a link and is copied as one; see that it leads where the tenant may go",
            path.display()
        )
    }));
    told
}

/// Where the data of before are. That they could not be put aside is no reason to go back: the new gateway runs.
fn tell_old(relocation: &Relocation, output: &Output) {
    let remove = |place: &Path| {
        let words = shell_quote(&["rm", "-r", &place.display().to_string()]);
        as_account(&relocation.account.name, &words)
    };
    match relocation.set_aside() {
        Ok(place) => output.done(format!(
            "the data of before, secrets included, are in `{}`; to remove them: `{}`",
            place.display(),
            remove(&place)
        )),
        Err(e) => output.warn(format!(
            "the data of before are still in `{}`, where another gateway could take them for a profile: {e:#}; to \
             remove them: `{}`",
            relocation.home.display(),
            remove(&relocation.home)
        )),
    }
}
