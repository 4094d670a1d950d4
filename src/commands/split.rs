//! `split`: a profile that shares its account leaves it, with its data, for a tenant of its own.

use std::path::Path;

use anyhow::Result;

use super::confirm::ask;
use super::install::summary;
use super::prepare::{Prepared, prepare};
use super::target::live;
use super::typed::Verb;
use crate::cli::{InstallArgs, SettingArgs, SplitArgs};
use crate::deploy::cut_short::{is_cut_short, is_switched};
use crate::deploy::desired::links;
use crate::deploy::lock::Lock;
use crate::deploy::pipeline::{Policy, plan_for};
use crate::deploy::receipt::{Receipt, read_receipt};
use crate::deploy::relocation::{Relocation, is_free};
use crate::error::{Exit, refuse, trouble};
use crate::host::account::Account;
use crate::host::process::shell_quote;
use crate::host::process_text::as_account;
use crate::host::rootfs::Actual;
use crate::host::{Host, Live};
use crate::layout::ACCOUNT;
use crate::output::Output;
use crate::preflight::tenant::is_used;
use crate::profile::ProfileName;

/// Move one profile.
pub(crate) fn split(args: &SplitArgs) -> Result<Exit> {
    let output = args.output.printer();
    let host = Host::new(args.scope.scope(), args.scope.root.as_deref())?;
    let live = live(&host, "hermes-install split")?;
    let _lock = Lock::take(&host, args.wait.limit())?;
    let profile = &args.profile;
    let receipt = read_receipt(&host)?;
    let is_again = is_cut_short(&receipt, profile);
    let Some(relocation) = relocation(&host, &receipt, profile)? else {
        let old = usual(&host, profile)?;
        if is_again {
            return go_on(&host, live, args, old.as_ref(), &output);
        }
        output.done(format!("profile `{profile}` is a tenant already"));
        if let Some(old) = old {
            output.warn(format!(
                "`{}` has data of a profile `{profile}`, and the tenant does not use them",
                old.home.display()
            ));
        }
        return Ok(Exit::Done);
    };
    if is_again && is_switched(&host, profile)? {
        return go_on(&host, live, args, Some(&relocation), &output);
    }
    if !is_again && !is_free(&profile.tenant_root())? {
        refuse!(
            "`{}` has data already, and nothing is written over them", profile.tenant_root().display();
            "look at them; when nobody needs them, move them away and run this again"
        );
    }
    let unit = profile.unit();
    let what = format!(
        "stop `{unit}` as planned, copy `{}` to `{}`, and run it as `{}`",
        relocation.home.display(),
        profile.tenant_root().display(),
        profile.tenant_account()
    );
    let consent = || ask(args.yes, &format!("{what}?"), &format!("this would {what}"));
    let install = as_install(&host, live, args, is_again)?;
    if is_again {
        consent()?;
        undo(&host, live, &relocation, receipt, &output)?;
    }
    let Prepared {
        checked,
        mut transaction,
        ..
    } = prepare(&host, &install, Verb::Split, &output)?;
    transaction.refuse_conflicts()?;
    for line in told(&host, &relocation) {
        output.warn(line);
    }
    if !is_again {
        consent()?;
    }
    transaction.relocations.push(relocation.clone());
    let outcome = transaction.commit()?;
    summary(&host, &checked, &outcome, &[], &output);
    tell_old(&relocation, &output);
    Ok(Exit::Done)
}

/// The rest of a split that was cut short when the data were in the tenant and the unit on disk named it: they may be newer by
/// now than those of before.
fn go_on(
    host: &Host,
    live: &Live,
    args: &SplitArgs,
    old: Option<&Relocation>,
    output: &Output,
) -> Result<Exit> {
    let profile = &args.profile;
    let what = format!(
        "go on with a split that was cut short, and run `{}` as `{}`",
        profile.unit(),
        profile.tenant_account()
    );
    let install = as_install(host, live, args, true)?;
    let ready = prepare(host, &install, Verb::Split, output)?;
    ready.transaction.refuse_conflicts()?;
    ask(args.yes, &format!("{what}?"), &format!("this would {what}"))?;
    let outcome = ready.transaction.commit()?;
    summary(host, &ready.checked, &outcome, &[], output);
    if let Some(old) = old.filter(|old| old.home.exists()) {
        tell_old(old, output);
    }
    Ok(Exit::Done)
}

/// Take back what a split has written that was cut short while the unit on disk named the data of before. Those are the newer
/// ones, should it have run since.
fn undo(
    host: &Host,
    live: &Live,
    relocation: &Relocation,
    receipt: Receipt,
    output: &Output,
) -> Result<()> {
    output.step("a split was cut short: putting back what it wrote");
    relocation.stop(live, output)?;
    let account = relocation.profile.tenant_account();
    if Account::find(&account, &host.root)?.is_some() {
        relocation.back(host)?;
    }
    let policy = Policy {
        undoes_split: true,
        ..Policy::default()
    };
    let contents = receipt.contents();
    let transaction = plan_for(host, output, receipt, contents, &policy)?;
    transaction.refuse_conflicts()?;
    transaction.commit()?;
    Ok(())
}

/// Data of a profile of that name below the usual root, as a split leaves them that was cut short at its end.
fn usual(host: &Host, profile: &ProfileName) -> Result<Option<Relocation>> {
    let root = host.default_root();
    let home = profile.home(&root);
    let account = Account::find(ACCOUNT, &host.root)?;
    let found = account.filter(|_| is_used(host, &home));
    Ok(found.map(|account| Relocation {
        profile: profile.clone(),
        account,
        root,
        home,
    }))
}

/// What moves; `None` where it has moved already.
fn relocation(host: &Host, receipt: &Receipt, profile: &ProfileName) -> Result<Option<Relocation>> {
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

/// The installation that this is: account and root of before are forgotten, everything else stays. A split that was cut short
/// may have stopped what was to run.
fn as_install(host: &Host, live: &Live, args: &SplitArgs, is_again: bool) -> Result<InstallArgs> {
    let runs = live.manager().show_one(&args.profile.unit())?.is_started();
    let is_enabled = links(host, &args.profile)
        .iter()
        .any(|link| host.at(Path::new(link)).is_symlink());
    Ok(InstallArgs {
        settings: SettingArgs {
            profiles: vec![args.profile.clone()],
            tenant: true,
            ..SettingArgs::default()
        },
        scope: args.scope.clone(),
        no_enable: !is_enabled,
        no_start: !(runs || (is_again && is_enabled)),
        reset: ["home", "run-as", "group"].map(str::to_owned).to_vec(),
        yes: args.yes,
        wait: args.wait.clone(),
        output: args.output.clone(),
        ..InstallArgs::default()
    })
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
