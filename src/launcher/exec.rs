//! `exec`: from a unit's main process to the gateway, or a refusal. Design: at most one gateway per profile home,
//! whichever manager or person starts it.
//!
//! The order matters: take the record lock first, then look for gateways that do not know of it, then become the
//! gateway. The lock outlives execve(2), is not inherited by children, and the kernel frees it when the process dies.

use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};

use crate::gateway::config::is_standalone;
use crate::gateway::installation::Installation;
use crate::gateway::owner::Rivals;
use crate::gateway::served::is_parked;
use crate::gateway::version::Rules;
use crate::host::declared::naming_hermes;
use crate::host::search::hermes_search;
use crate::launcher::claim::Claim;
use crate::launcher::hermes::{Executable, HermesProblem, find};
use crate::launcher::ready::Ready;
use crate::launcher::refusal::{Refusal, describe_parked, own_scope};
use crate::profile::{ProfileName, root_for};

/// The setting that a drop-in hands to the launcher.
pub(crate) const HERMES_VARIABLE: &str = "HERMES_INSTALL_HERMES";

/// What the launcher was told.
#[derive(Debug)]
pub(crate) struct Launch {
    /// The profile to run.
    pub(crate) profile: ProfileName,
    /// The hermes root, over what the environment says.
    pub(crate) root: Option<PathBuf>,
    /// The hermes executable, over the environment and the search list.
    pub(crate) hermes: Option<PathBuf>,
}

/// Become the gateway. Returns only to refuse. `wait` is told, once, what a start waits for.
pub(crate) fn launch(launch: &Launch, mut wait: impl FnMut(&str)) -> Refusal {
    match prepare(launch, &mut wait) {
        Err(refusal) => refusal,
        Ok(ready) => ready.exec(),
    }
}

/// The hermes root and home directory that this process's environment names.
pub(crate) fn environment_root(told: Option<&Path>) -> Result<(PathBuf, PathBuf), Refusal> {
    let user_home = std::env::var_os("HOME")
        .map(PathBuf::from)
        .filter(|h| h.is_absolute());
    let user_home = user_home.unwrap_or_else(|| PathBuf::from("/"));
    let root = match told {
        Some(root) => root.to_owned(),
        None => {
            let variable = std::env::var_os("HERMES_HOME").map(PathBuf::from);
            root_for(variable.as_deref(), &user_home)
        }
    };
    if root.is_absolute() {
        Ok((root, user_home))
    } else {
        Err(Refusal::Unusable(format!(
            "hermes root `{}` is not an absolute path; set HERMES_HOME or `--home` to one",
            root.display()
        )))
    }
}

fn prepare(launch: &Launch, wait: &mut impl FnMut(&str)) -> Result<Ready, Refusal> {
    let (root, user_home) = environment_root(launch.root.as_deref())?;
    let lock = Claim {
        profile: &launch.profile,
        root: &root,
        unit: &launch.profile.unit(),
        rivals: Rivals::All,
    }
    .take(wait)?;
    let told = launch
        .hermes
        .clone()
        .or_else(|| std::env::var_os(HERMES_VARIABLE).map(PathBuf::from));
    let hermes = find_hermes(
        &launch.profile,
        told.as_deref(),
        &hermes_search(&root, &user_home),
    )?;
    let found = Installation::find(&hermes, &|path| path.to_owned());
    let version = found.and_then(|installation| installation.version);
    let home = launch.profile.home(&root);
    if Rules::of(version).is_shared && is_parked(&home) && !is_standalone(&home) {
        return Err(Refusal::Unusable(describe_parked(&launch.profile)));
    }
    Ok(Ready {
        _lock: lock,
        hermes,
        version,
        profile: launch.profile.for_hermes(&root),
        root,
        home,
    })
}

/// The executable to run: as told, or the first of these places.
fn find_hermes(
    profile: &ProfileName,
    told: Option<&Path>,
    places: &[PathBuf],
) -> Result<PathBuf, Refusal> {
    let look = |path: &Path| {
        if !path.exists() {
            Executable::Missing
        } else if path.is_file() && access(path, AccessFlags::X_OK).is_ok() {
            Executable::Runs
        } else {
            Executable::Denied
        }
    };
    find(told, places, &look).map_err(|problem| {
        let own = std::env::current_exe().unwrap_or_default();
        let naming = naming_hermes(&own, profile, own_scope());
        let why = match problem {
            HermesProblem::Relative => "is not an absolute path",
            HermesProblem::OtherName => {
                "is not called `hermes`, so other gateways would not know it for one and would start beside it"
            }
            HermesProblem::Missing => "does not exist",
            HermesProblem::Denied => "cannot be executed by this account",
            HermesProblem::Nowhere => {
                let list: Vec<String> = places
                    .iter()
                    .map(|p| format!("`{}`", p.display()))
                    .collect();
                return Refusal::Unusable(format!(
                    "no hermes executable: looked for {}; install hermes-agent, or {naming}",
                    list.join(", ")
                ));
            }
        };
        Refusal::Unusable(format!(
            "hermes executable `{}` {why}; {naming}",
            told.unwrap_or(Path::new("")).display()
        ))
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::error::Exit;

    #[test]
    fn the_search_list_is_named_when_no_hermes_is_found() {
        let top = tempfile::tempdir().expect("a directory");
        let places = ["venv/bin/hermes", "usr/bin/hermes"].map(|place| top.path().join(place));
        let coder = "coder".parse().expect("a name");
        let find = || find_hermes(&coder, None, &places);
        let refusal = find().expect_err("there is none");
        assert_eq!(refusal.exit(), Exit::Unusable);
        let text = refusal.to_string();
        for place in &places {
            assert!(text.contains(&*place.to_string_lossy()), "{text}");
        }
        assert!(text.contains("--hermes PATH"), "{text}");

        let last = &places[1];
        std::fs::create_dir_all(last.parent().expect("a parent")).expect("made");
        std::fs::write(last, "").expect("written");
        assert!(find().is_err(), "not executable yet");
        std::fs::set_permissions(last, std::fs::Permissions::from_mode(0o755)).expect("set");
        assert_eq!(&find().expect("found"), last);
    }
}
