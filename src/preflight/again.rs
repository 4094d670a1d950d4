//! Whether a unit that runs could start its gateway again: its hermes may have gone since, or root has written `.env` anew.
//! Reads only.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::gateway::env_file::ENV;
use crate::host::Host;
use crate::host::access::Access;
use crate::host::account::Account;
use crate::host::declared::naming_hermes;
use crate::host::ownership::giving;
use crate::host::search::hermes_places;
use crate::launcher::exec::HERMES_VARIABLE;
use crate::launcher::hermes::HermesProblem;
use crate::launcher::home::HomeProblem;
use crate::preflight::probe::{examine_home, test};
use crate::preflight::site::look_for;
use crate::profile::{ProfileName, root_for};
use crate::units::unit::Unit;

/// Why the launcher of a unit could not run hermes at its next start, and the way out; `None` where it could, and where the
/// unit does not tell.
pub(crate) fn cannot_start(
    host: &Host,
    unit: &Unit,
    profile: &ProfileName,
) -> Result<Option<String>> {
    let starts = unit.directives.last("Service", "ExecStart");
    let is_launcher = unit.calls.iter().any(|call| call.is_launcher);
    let (Some(account), Some(starts), true) = (unit.own_account(host), starts, is_launcher) else {
        return Ok(None);
    };
    let environment = unit.directives.environment(|value| unit.expand(value));
    let path = |name: &str| environment.get(name).map(|(value, _)| Path::new(value));
    let user_home = path("HOME").unwrap_or(&account.home);
    let root = root_for(path("HERMES_HOME"), user_home);
    let named = path(HERMES_VARIABLE);
    // Only root can look as somebody else.
    let me = nix::unistd::geteuid();
    if !me.is_root() && me.as_raw() != account.uid {
        return Ok(None);
    }
    if let Some(why) = closed_env(host, &account, &profile.home(&root))? {
        return Ok(Some(format!(
            "`{}` could not start again, so its gateway is left as it is: {why}",
            unit.name
        )));
    }
    let Some(why) = problem(
        host,
        &account,
        named,
        &hermes_places(host, &root, user_home),
    )?
    else {
        return Ok(None);
    };
    let launcher = starts.command().first().map_or("", String::as_str);
    Ok(Some(format!(
        "`{}` could not start again, so its gateway is left as it is: {why}; install hermes there again, or {}",
        unit.name,
        naming_hermes(Path::new(launcher), profile, host.scope)
    )))
}

/// That this account cannot read the `.env` of its home, and the way out.
fn closed_env(host: &Host, account: &Account, home: &Path) -> Result<Option<String>> {
    // No link of another account's is followed.
    let meta = fs::symlink_metadata(host.real(home).join(ENV));
    if !meta.is_ok_and(|meta| meta.uid() != account.uid) {
        return Ok(None);
    }
    Ok(match examine_home(host, account, home)? {
        Err(HomeProblem::Env { path, owner }) => Some(format!(
            "`{}` belongs to `{}` and `{}` cannot read it; look into it, and give it back: `{}`",
            path.display(),
            host.account_name(owner),
            account.name,
            giving(&account.name, home, Some(&path))
        )),
        _ => None,
    })
}

/// What keeps this account from running the hermes that was named, or one at these places.
fn problem(
    host: &Host,
    account: &Account,
    named: Option<&Path>,
    places: &[PathBuf],
) -> Result<Option<String>> {
    let shown = named.unwrap_or(Path::new("")).display();
    let why = match look_for(host, named, account, places)? {
        Ok(hermes) => {
            let interpreter = Access::new(host, account).interpreter(&hermes);
            return Ok(match interpreter {
                Some(program) if !test(account, &["-x"], &program)? => Some(format!(
                    "`{}` is run by `{}`, which is not there or cannot be executed by `{}`",
                    hermes.display(),
                    program.display(),
                    account.name
                )),
                _ => None,
            });
        }
        Err(HermesProblem::Nowhere) => {
            let list: Vec<String> = places
                .iter()
                .map(|p| format!("`{}`", p.display()))
                .collect();
            return Ok(Some(format!(
                "there is no hermes that `{}` can run at {}",
                account.name,
                list.join(", ")
            )));
        }
        Err(HermesProblem::Missing) => "does not exist",
        Err(HermesProblem::Denied) => "cannot be executed by its account",
        Err(HermesProblem::Relative) => "is not an absolute path",
        Err(HermesProblem::OtherName) => "is not called `hermes`",
    };
    Ok(Some(format!("its hermes `{shown}` {why}")))
}
