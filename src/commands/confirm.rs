//! What a person is asked before a run touches gateways that run. `--yes` answers; without it and without a terminal, what
//! cannot be left out is refused.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::prepare::Prepared;
use crate::deploy::transaction::{Transaction, running};
use crate::error::refuse;
use crate::gateway::owner::{Owner, owner};
use crate::host::account::Account;
use crate::host::process::shell_quote;
use crate::host::process_text::name;
use crate::host::trust::stranger;
use crate::host::{Host, Live};
use crate::output::{self, Output};
use crate::preflight::Checked;
use crate::profile::ProfileName;
use crate::render::instance::Instance;
use crate::takeover::detect::Inherited;

/// Ask before gateways are stopped; `false` when there is none to stop, because their units run already.
pub(super) fn confirm_stops(ready: &Prepared, yes: bool, output: &Output) -> Result<bool> {
    let mut stops = Vec::new();
    for checked in &ready.checked {
        let profile = &checked.instance.profile;
        let mut handovers = ready.transaction.handovers.iter();
        let handover = handovers.find(|h| h.home == checked.home);
        if let Some(by_hand) = handover.and_then(|h| h.by_hand.as_ref()) {
            stops.push(format!("{} of profile `{profile}`", name(&by_hand.process)));
        } else if of_home(&checked.home)?.is_none() || handover.is_some() {
            refuse!(
                "no gateway that somebody started by hand runs on `{}`", checked.home.display();
                "to install its unit: `hermes-install --profile {profile}`"
            );
        }
    }
    if stops.is_empty() {
        output.done("the gateways run under their units already; nothing was changed");
        return Ok(false);
    }
    let what = stops.join(" and ");
    ask(
        yes,
        &format!("stop {what} as planned, and run it under systemd from now on?"),
        &format!("this would stop {what}"),
    )?;
    Ok(true)
}

fn of_home(home: &Path) -> Result<Option<Owner>> {
    owner(home).with_context(|| format!("`{}` cannot be examined", home.display()))
}

/// Ask before a program that somebody's gateway names is run for its version, as that account: nobody has chosen it yet. One
/// that only root can write needs no question.
pub(super) fn confirm_program(hermes: &Path, profile: &ProfileName, yes: bool) -> Result<()> {
    if stranger(hermes, &Account::root()).is_ok_and(|found| found.is_none()) {
        return Ok(());
    }
    let command = shell_quote(&[&*hermes.to_string_lossy(), "--version"]);
    ask(
        yes,
        &format!(
            "run `{command}` of the gateway of `{profile}`, as its account, to learn its version?"
        ),
        &format!(
            "this would run `{command}`, which is not root's, as the account of profile `{profile}`"
        ),
    )
}

/// Ask before a profile that runs gets another account, root or executable: it would be another bot, or none.
pub(super) fn confirm_moves(
    host: &Host,
    live: &Live,
    checked: &[Checked],
    transaction: &Transaction,
    yes: bool,
) -> Result<()> {
    let moves: Vec<(&Checked, Vec<String>)> = checked
        .iter()
        .filter_map(|checked| {
            let mut before = transaction.old.instances.iter();
            let before = before.find(|i| i.profile == checked.instance.profile)?;
            Some((checked, moves(host, before, &checked.instance)))
        })
        .filter(|(_, moves)| !moves.is_empty())
        .collect();
    let units = moves
        .iter()
        .map(|(c, _)| (c.instance.profile.unit(), c.home.clone()));
    let running = running(live, units.collect())?;
    let runs = |checked: &Checked| {
        let unit = checked.instance.profile.unit();
        running.iter().any(|(running, _)| *running == unit)
    };
    let list: Vec<String> = moves
        .iter()
        .filter(|(checked, _)| runs(checked))
        .map(|(c, moves)| format!("profile `{}`: {}", c.instance.profile, moves.join(", ")))
        .collect();
    if list.is_empty() {
        return Ok(());
    }
    let list = list.join("; ");
    ask(
        yes,
        &format!("{list}: do that to a gateway that runs?"),
        &format!("this would change a gateway that runs: {list}"),
    )
}

/// What of account, root and executable changes.
fn moves(host: &Host, before: &Instance, after: &Instance) -> Vec<String> {
    let account = |i: &Instance| {
        i.account
            .as_ref()
            .map(|a| a.user.clone())
            .unwrap_or_default()
    };
    let root = |i: &Instance| {
        let root = i.root.clone().unwrap_or_else(|| host.default_root());
        root.display().to_string()
    };
    let hermes = |i: &Instance| match &i.hermes {
        Some(path) => path.display().to_string(),
        None => "the first that is found".to_owned(),
    };
    let sides = [
        ("account", account(before), account(after)),
        ("hermes root", root(before), root(after)),
        ("executable", hermes(before), hermes(after)),
    ];
    let changed = sides
        .into_iter()
        .filter(|(_, before, after)| before != after);
    changed
        .map(|(what, before, after)| format!("{what} `{after}` instead of `{before}`"))
        .collect()
}

/// Ask before these units, which run, are restarted. Where nobody answers, they are left alone, and named.
pub(super) fn confirm_restarts(
    transaction: &mut Transaction,
    units: Vec<String>,
    yes: bool,
) -> Result<Vec<String>> {
    if units.is_empty() || yes {
        return Ok(Vec::new());
    }
    let question = format!("apply this, and restart {} as planned?", units.join(", "));
    match output::ask(&question) {
        Some(true) => Ok(Vec::new()),
        Some(false) => refuse!("nothing was changed"),
        None => {
            transaction.up.retain(|(unit, _)| !units.contains(unit));
            Ok(units)
        }
    }
}

/// Say which units still run as they were started.
pub(super) fn tell_left(host: &Host, left: &[String], output: &Output) {
    for unit in left {
        output.warn(format!(
            "`{unit}` runs on as it was started, because nobody was there to ask: `{} restart {unit}` restarts it; \
             `--yes` would have",
            host.manager().command_prefix()
        ));
    }
}

/// Say what profiles take over from old owners, and what they do not, before anything is stopped.
pub(super) fn tell_inherited(
    host: &Host,
    inherited: &BTreeMap<ProfileName, Inherited>,
    output: &Output,
) {
    for (profile, theirs) in inherited {
        for line in &theirs.carried {
            output.step(format!("carries over {line}"));
        }
        for line in &theirs.left {
            output.warn(format!("not carried over: {line}"));
        }
        if !theirs.left.is_empty() {
            output.step(keep_command(host, profile));
        }
    }
}

/// How a person keeps what is left out.
pub(super) fn keep_command(host: &Host, profile: &ProfileName) -> String {
    format!(
        "put what you need of that into a drop-in: `{} edit --force {}`",
        host.manager().command_prefix(),
        profile.unit()
    )
}

pub(super) fn ask(yes: bool, question: &str, statement: &str) -> Result<()> {
    match yes.then_some(true).or_else(|| output::ask(question)) {
        Some(true) => Ok(()),
        Some(false) => refuse!("nothing was changed"),
        None => refuse!("{statement}; say so with `--yes`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Scope;
    use crate::render::model::Account;

    #[test]
    fn another_account_root_or_executable_is_a_move_and_nothing_else_is() {
        let host = Host::observer(Scope::System, Some("/usr".as_ref())).expect("a directory");
        let before = Instance::plain("coder".parse().expect("a name"), Scope::System);
        let mut after = before.clone();
        after.memory_high = Some("1G".to_owned());
        after.root = Some(host.default_root());
        assert_eq!(moves(&host, &before, &after), Vec::<String>::new());
        after.root = Some("/home/bob/.hermes".into());
        after.account = Some(Account {
            user: "bob".to_owned(),
            group: "bob".to_owned(),
        });
        after.hermes = Some("/opt/hermes/bin/hermes".into());
        assert_eq!(
            moves(&host, &before, &after),
            [
                "account `bob` instead of `hermes`",
                "hermes root `/home/bob/.hermes` instead of `/var/lib/hermes`",
                "executable `/opt/hermes/bin/hermes` instead of `the first that is found`",
            ]
        );
    }
}
