//! Whether a unit that runs could start its gateway again: its hermes or its home may have gone since, or have been closed to
//! its account. Reads only.

use std::path::{Path, PathBuf};

use anyhow::Result;
use nix::unistd::geteuid;

use crate::host::Host;
use crate::host::access::Access;
use crate::host::account::Account;
use crate::host::declared::naming_hermes;
use crate::host::ownership::{giving, opening};
use crate::host::search::hermes_places;
use crate::launcher::exec::HERMES_VARIABLE;
use crate::launcher::hermes::HermesProblem;
use crate::launcher::home::{HomeProblem, giving_file};
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
    let me = geteuid();
    if !me.is_root() && me.as_raw() != account.uid {
        return Ok(None);
    }
    if let Some(why) = unusable_home(host, &account, &profile.home(&root))? {
        return Ok(Some(why));
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
        "{why}; install hermes there again, or {}",
        naming_hermes(Path::new(launcher), profile, host.scope)
    )))
}

/// The same of a unit that runs and is not restarted for that, as a sentence.
pub(crate) fn left_as_it_is(
    host: &Host,
    unit: &Unit,
    profile: &ProfileName,
) -> Result<Option<String>> {
    let why = cannot_start(host, unit, profile)?;
    let name = &unit.name;
    Ok(why.map(|why| {
        format!("`{name}` could not start again, so its gateway is left as it is: {why}")
    }))
}

/// Why this account cannot use its home as it is now, and the way out.
fn unusable_home(host: &Host, account: &Account, home: &Path) -> Result<Option<String>> {
    let Err(problem) = examine_home(host, account, home)? else {
        return Ok(None);
    };
    let (name, shown) = (&account.name, home.display());
    Ok(Some(match problem {
        HomeProblem::Missing => {
            format!("its home `{shown}` is not there; if it was moved, put it back")
        }
        HomeProblem::NotMounted(place) => format!(
            "its home `{shown}` is not there, as `{}` is empty; mount its disk (see `findmnt`)",
            place.display()
        ),
        HomeProblem::NoDirectory => format!("its home `{shown}` is not a directory"),
        HomeProblem::Unseen(why) => format!("its home `{shown}` cannot be examined: {why}"),
        HomeProblem::Unsearchable { directory, .. } => format!(
            "`{name}` cannot reach its home `{shown}`: `{}` may not be searched",
            directory.display()
        ),
        HomeProblem::Unusable { owner, .. } if owner == account.uid => format!(
            "`{name}` cannot read and write its home `{shown}`; if that is for want of rights: `{}`",
            opening(owner, home)
        ),
        HomeProblem::Unusable { owner, .. } => format!(
            "its home `{shown}` belongs to `{}` and `{name}` cannot read and write it; look into it, and give it back: `{}`",
            host.account_name(owner),
            giving(name, home, None)
        ),
        HomeProblem::Lock { path, owner } => format!(
            "`{}` belongs to `{}` and `{name}` cannot open it; to give it back, or look at it: `{}`",
            path.display(),
            host.account_name(owner),
            giving_file(name, home, &path)
        ),
        HomeProblem::Env { path, owner } => format!(
            "`{}` belongs to `{}` and `{name}` cannot read it; look into it, and give it back: `{}`",
            path.display(),
            host.account_name(owner),
            giving_file(name, home, &path)
        ),
    }))
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
