//! A profile claimed for the gateway that is about to start: its home is usable, its record lock is ours, nobody else has
//! it or serves it. Or a refusal.

use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::unistd::{access, geteuid};

use crate::gateway::config::is_standalone;
use crate::gateway::gone::gone;
use crate::gateway::owner::{Hold, Rivals, START, owner_among};
use crate::gateway::running::GATEWAY_LOCK;
use crate::gateway::served::{Service, service};
use crate::host::account::account_name;
use crate::host::ownership::{giving, opening};
use crate::host::process_text::name;
use crate::launcher::backoff::{MOST_EARLY, Starts};
use crate::launcher::home::{HomeProblem, examine, giving_file};
use crate::launcher::lock::take_lock;
use crate::launcher::refusal::{Refusal, describe, describe_server, own_scope};
use crate::profile::ProfileName;

/// How long a gateway may take to say which profiles it serves, or to let go of one that has opted out: it looks every
/// 30 s (`profile_rescan_interval`, gateway/run_profile_reconcile.py of 0.22.2).
const DECISION: Duration = Duration::from_secs(60);

/// Who wants which profile.
#[derive(Debug)]
pub(crate) struct Claim<'a> {
    /// The profile.
    pub(crate) profile: &'a ProfileName,
    /// The hermes root.
    pub(crate) root: &'a Path,
    /// The unit that is to run it; people are told to start it.
    pub(crate) unit: &'a str,
    /// Who else may be about to take it.
    pub(crate) rivals: Rivals,
}

impl Claim<'_> {
    /// Take the profile, or refuse. `wait` is told, once, what a start waits for.
    pub(crate) fn take(&self, wait: &mut impl FnMut(&str)) -> Result<File, Refusal> {
        let home = self.home();
        check_home(self.profile, self.root, &home)?;
        let lock = take_lock(self.profile, &home, self.unit)?;
        self.wait_until_free(wait)?;
        self.wait_until_unserved(wait)?;
        if Starts::of_this_unit().is_some_and(|starts| starts.early() >= MOST_EARLY) {
            return Err(Refusal::Owned(format!(
                "the gateway of profile `{}` ended with exit status 75 {MOST_EARLY} times before it was up, so it is not \
                 started again; it says why in the lines above; when that is settled, start `{}`",
                self.profile, self.unit
            )));
        }
        Ok(lock)
    }

    /// Refuse when somebody has the profile; wait while it is unclear whether a hidden replacer means it, but no longer than
    /// one may take: whoever sends a new one each time would hold every start for ever. The gateway's own lock is left then.
    fn wait_until_free(&self, wait: &mut impl FnMut(&str)) -> Result<(), Refusal> {
        let (profile, home) = (self.profile, self.home());
        let mut told = false;
        let deadline = Instant::now() + START;
        loop {
            let owner = owner_among(&home, self.rivals).map_err(|e| {
                Refusal::Unusable(format!(
                    "`{}` cannot be examined, so nobody can tell whether a gateway runs: {e}",
                    home.join(GATEWAY_LOCK).display()
                ))
            })?;
            match owner {
                None => return Ok(()),
                Some(owner) if owner.hold != Hold::MayTake => {
                    return Err(Refusal::Owned(describe(profile, &owner, self.unit)));
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

    /// Refuse when another gateway of this root serves the profile; wait while one of them is about to decide.
    fn wait_until_unserved(&self, wait: &mut impl FnMut(&str)) -> Result<(), Refusal> {
        let (profile, root) = (self.profile, self.root);
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
                    let has_opted_out = !profile.for_hermes(root).is_default()
                        && is_standalone(&profile.home(root));
                    if !has_opted_out || begin.elapsed() > DECISION {
                        return Err(Refusal::Owned(describe_server(profile, &server, self.unit)));
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

    fn home(&self) -> PathBuf {
        self.profile.home(self.root)
    }
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
    let examined = examine(home, &|path, flags| access(path, flags));
    let is_read_only = matches!(
        examined,
        Err(HomeProblem::Unusable {
            errno: Errno::EROFS,
            ..
        })
    );
    // A disk that is mounted while systemd makes the sandbox of a start is read-only in this one start.
    let was_read_only =
        Starts::of_this_unit().is_none_or(|starts| starts.note_read_only(is_read_only));
    examined.map_err(|problem| {
        Refusal::Unusable(match problem {
            HomeProblem::Unusable { .. } if is_read_only && !was_read_only => {
                return Refusal::NotYet(format!(
                    "profile home `{shown}` is read-only here, so its disk may have been mounted while this start was \
                     prepared; this is tried once more"
                ));
            }
            HomeProblem::NotMounted(place) => {
                return Refusal::NotYet(format!(
                    "`{shown}` is not there and `{}` is empty, so its disk may not be mounted yet; this is tried again; \
                     see `findmnt`, and name another root with `--home` if no disk belongs there",
                    place.display()
                ));
            }
            HomeProblem::Missing if home == root => format!(
                "hermes root `{shown}` does not exist; create it for `{}`, or name another with `--home`",
                me()
            ),
            HomeProblem::Missing => format!(
                "profile `{profile}` does not exist: there is no `{shown}`; {}",
                gone(root, profile).way_out(profile, own_scope())
            ),
            HomeProblem::NoDirectory => format!(
                "profile home `{shown}` is not a directory; move it away or name another root with `--home`"
            ),
            HomeProblem::Unseen(why) => {
                format!("profile home `{shown}` cannot be examined by `{}`: {why}", me())
            }
            HomeProblem::Unsearchable { directory, .. } => format!(
                "profile home `{shown}` cannot be reached by `{}`: `{}` may not be searched",
                me(),
                directory.display()
            ),
            HomeProblem::Unusable { .. } if is_read_only => format!(
                "profile home `{shown}` is read-only here; if the unit's sandbox makes it so, add a drop-in with \
                 `ReadWritePaths={shown}`"
            ),
            HomeProblem::Unusable { owner, errno } if owner == geteuid().as_raw() => format!(
                "profile home `{shown}` cannot be used by `{}`, whose it is: {errno}; if that is for want of rights: `{}`",
                me(),
                opening(owner, home)
            ),
            HomeProblem::Unusable { errno, .. } => format!(
                "profile home `{shown}` cannot be used by `{}`: {errno}; root gives it to that account \
                 with `{}`",
                me(),
                giving(&me(), home, None)
            ),
            HomeProblem::Lock { path, owner } => {
                let owner = account_name(owner);
                format!(
                    "`{}` belongs to `{owner}` and cannot be opened by `{}`: a gateway of `{owner}` ran on this profile; \
                     when it has ended, root gives it back with `{}`; then start again",
                    path.display(),
                    me(),
                    giving_file(&me(), home, &path)
                )
            }
            // This account cannot see whether it is a file for it.
            HomeProblem::Env { path, owner } => format!(
                "`{}` belongs to `{}` and cannot be read by `{}`; `hermes-install doctor`, typed by root, says how it is given \
                 back; then start again",
                path.display(),
                account_name(owner),
                me()
            ),
        })
    })
}
