//! `exec`: from a unit's main process to the gateway, or a refusal. Design: at most one gateway per profile home,
//! whichever manager or person starts it.
//!
//! The order matters: take the record lock first, then look for gateways that do not know of it, then become the
//! gateway. The lock outlives execve(2), is not inherited by children, and the kernel frees it when the process dies.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::unistd::{AccessFlags, access, geteuid};

use crate::gateway::config::is_standalone;
use crate::gateway::gone::gone;
use crate::gateway::installation::Installation;
use crate::gateway::owner::{GATEWAY_LOCK, Hold, START, owner};
use crate::gateway::served::{Service, is_parked, service};
use crate::gateway::version::Rules;
use crate::host::account::account_name;
use crate::host::process::shell_quote;
use crate::host::process_text::name;
use crate::host::search::hermes_search;
use crate::launcher::backoff::{MOST_EARLY, Starts};
use crate::launcher::hermes::{Executable, HermesProblem, find};
use crate::launcher::home::{HomeProblem, examine};
use crate::launcher::lock::take_lock;
use crate::launcher::ready::Ready;
use crate::launcher::refusal::{Refusal, describe, describe_parked, describe_server};
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
    let home = launch.profile.home(&root);
    check_home(&launch.profile, &root, &home)?;
    let lock = take_lock(&launch.profile, &home)?;
    wait_until_free(&launch.profile, &home, wait)?;
    wait_until_unserved(&launch.profile, &root, wait)?;
    if Starts::of_this_unit().is_some_and(|starts| starts.early() >= MOST_EARLY) {
        return Err(Refusal::Owned(format!(
            "the gateway of profile `{}` ended with exit status 75 {MOST_EARLY} times before it was up, so it is not started \
             again; it says why in the lines above; when that is settled, start `{}`",
            launch.profile,
            launch.profile.unit()
        )));
    }
    let told = launch
        .hermes
        .clone()
        .or_else(|| std::env::var_os(HERMES_VARIABLE).map(PathBuf::from));
    let hermes = find_hermes(told.as_deref(), &hermes_search(&root, &user_home))?;
    let found = Installation::find(&hermes, &|path| path.to_owned());
    let version = found.and_then(|installation| installation.version);
    if Rules::of(version).is_shared && is_parked(&home) && !is_standalone(&home) {
        return Err(Refusal::Unusable(describe_parked(&launch.profile)));
    }
    Ok(Ready {
        _lock: lock,
        hermes,
        version,
        profile: launch.profile.clone(),
        root,
        home,
    })
}

/// The home is a directory that this account can work in, and holds no lock file that would make the gateway crash.
fn check_home(profile: &ProfileName, root: &Path, home: &Path) -> Result<(), Refusal> {
    let shown = home.display();
    let me = || account_name(geteuid().as_raw());
    let of_account = std::fs::metadata(home).ok().map(|m| m.uid());
    if let Some(owner) = of_account.filter(|uid| geteuid().is_root() && *uid != 0) {
        let owner = account_name(owner);
        return Err(Refusal::Unusable(format!(
            "profile home `{shown}` belongs to `{owner}` but this runs as root, and would leave files there that \
             `{owner}` cannot use; run the gateway as `{owner}` (`User={owner}` in the unit)"
        )));
    }
    examine(home, &|path, flags| access(path, flags)).map_err(|problem| {
        Refusal::Unusable(match problem {
            HomeProblem::Missing if profile.is_default() => format!(
                "hermes root `{shown}` does not exist; create it for `{}`, or name another with `--home`",
                me()
            ),
            HomeProblem::Missing => format!(
                "profile `{profile}` does not exist: there is no `{shown}`; {}",
                gone(root, profile).way_out(profile)
            ),
            HomeProblem::NoDirectory => format!(
                "profile home `{shown}` is not a directory; move it away or name another root with `--home`"
            ),
            HomeProblem::Unseen(why) => {
                format!("profile home `{shown}` cannot be examined by `{}`: {why}", me())
            }
            HomeProblem::Unsearchable(directory) => format!(
                "profile home `{shown}` cannot be reached by `{}`: `{}` may not be searched",
                me(),
                directory.display()
            ),
            HomeProblem::Unusable {
                errno: Errno::EROFS,
                ..
            } => format!(
                "profile home `{shown}` is read-only here; if the unit's sandbox makes it so, add a drop-in with \
                 `ReadWritePaths={shown}`"
            ),
            HomeProblem::Unusable { errno, .. } => format!(
                "profile home `{shown}` cannot be used by `{}`: {errno}; give it to that account with \
                 `{}`",
                me(),
                shell_quote(&["chown", "-R", &me(), &home.to_string_lossy()])
            ),
            HomeProblem::Lock { path, owner } => {
                let owner = account_name(owner);
                format!(
                    "`{}` belongs to `{owner}` and cannot be opened by `{}`: a gateway of `{owner}` ran on this profile; \
                     when it has ended, `{}` and start again",
                    path.display(),
                    me(),
                    shell_quote(&["chown", &me(), &path.to_string_lossy()])
                )
            }
        })
    })
}

/// The executable to run: as told, or the first of these places.
pub(crate) fn find_hermes(told: Option<&Path>, places: &[PathBuf]) -> Result<PathBuf, Refusal> {
    let look = |path: &Path| match path.exists() {
        false => Executable::Missing,
        true if path.is_file() && access(path, AccessFlags::X_OK).is_ok() => Executable::Runs,
        true => Executable::Denied,
    };
    find(told, places, &look).map_err(|problem| {
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
                    "no hermes executable: looked for {}; install hermes-agent, or name one with \
                     `hermes-install --profile … --hermes PATH`",
                    list.join(", ")
                ));
            }
        };
        Refusal::Unusable(format!(
            "hermes executable `{}` {why}; name one with `hermes-install --profile … --hermes PATH`",
            told.unwrap_or(Path::new("")).display()
        ))
    })
}

/// Refuse when somebody has the profile; wait while it is unclear whether a hidden replacer means it, but no longer than
/// one may take: whoever sends a new one each time would hold every start for ever. The gateway's own lock is left then.
fn wait_until_free(
    profile: &ProfileName,
    home: &Path,
    wait: &mut impl FnMut(&str),
) -> Result<(), Refusal> {
    let mut told = false;
    let deadline = Instant::now() + START;
    loop {
        let owner = owner(home).map_err(|e| {
            Refusal::Unusable(format!(
                "`{}` cannot be examined, so nobody can tell whether a gateway runs: {e}",
                home.join(GATEWAY_LOCK).display()
            ))
        })?;
        match owner {
            None => return Ok(()),
            Some(owner) if owner.hold != Hold::MayTake => {
                return Err(Refusal::Owned(describe(profile, &owner)));
            }
            Some(_) if Instant::now() > deadline => return Ok(()),
            Some(owner) => {
                if !std::mem::replace(&mut told, true) {
                    wait(&format!(
                        "waiting: {} may be taking over profile `{profile}`",
                        owner
                            .process
                            .map_or_else(|| "another process".into(), |p| name(&p))
                    ));
                }
                std::thread::sleep(Duration::from_millis(200));
            }
        }
    }
}

/// How long a gateway may take to say which profiles it serves, or to let go of one that has opted out: it looks every
/// 30 s (`profile_rescan_interval`, gateway/run_profile_reconcile.py of 0.22.2).
const DECISION: Duration = Duration::from_secs(60);

/// Refuse when another gateway of this root serves the profile; wait while one of them is about to decide.
fn wait_until_unserved(
    profile: &ProfileName,
    root: &Path,
    wait: &mut impl FnMut(&str),
) -> Result<(), Refusal> {
    let begin = Instant::now();
    let mut told = false;
    loop {
        let service = service(root, profile).map_err(|e| {
            Refusal::Unusable(format!(
                "the gateways under `{}` cannot be examined: {e}",
                root.display()
            ))
        })?;
        let what = match service {
            Service::None => return Ok(()),
            Service::By(server) => {
                let has_opted_out = !profile.is_default() && is_standalone(&profile.home(root));
                if !has_opted_out || begin.elapsed() > DECISION {
                    return Err(Refusal::Owned(describe_server(profile, &server)));
                }
                format!("{} to let go of profile `{profile}`", name(&server.process))
            }
            // Its record is there before it knows.
            Service::Undecided(_) if begin.elapsed() > DECISION => return Ok(()),
            Service::Undecided(process) => {
                format!("{} to say which profiles it serves", name(&process))
            }
        };
        if !std::mem::replace(&mut told, true) {
            wait(&format!("waiting for {what}"));
        }
        std::thread::sleep(Duration::from_millis(200));
    }
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
        let refusal = find_hermes(None, &places).expect_err("there is none");
        assert_eq!(refusal.exit(), Exit::Unusable);
        let text = refusal.to_string();
        for place in &places {
            assert!(text.contains(&*place.to_string_lossy()), "{text}");
        }
        assert!(text.contains("--hermes PATH"), "{text}");

        let last = &places[1];
        std::fs::create_dir_all(last.parent().expect("a parent")).expect("made");
        std::fs::write(last, "").expect("written");
        assert!(find_hermes(None, &places).is_err(), "not executable yet");
        std::fs::set_permissions(last, std::fs::Permissions::from_mode(0o755)).expect("set");
        assert_eq!(&find_hermes(None, &places).expect("found"), last);
    }
}
