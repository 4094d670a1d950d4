//! One gateway for all profiles of a root (hermes 0.21.4 and later, by choice from 0.17 on): which one serves a profile
//! that is not its own. Reads only.
//!
//! The serving gateway's own state file is what counts: it lists the profiles, in the home of whoever was started. The
//! record of upstream's host lock ([`HOST_RECORD`]) is for all roots of an account, lists nothing while its gateway starts,
//! and lies where the account's state directory is not the gateway's; `gateway.sock` says what the state file says.

use std::cell::OnceCell;
use std::io;
use std::path::{Path, PathBuf};

use crate::gateway::config::{is_multiplexed, is_standalone};
use crate::gateway::owner::{Hold, owner};
use crate::gateway::state::State;
use crate::host::process::Process;
use crate::profile::{ProfileName, discover};

/// The record of the one gateway of an account, below its home (`_get_lock_dir` of gateway/status.py).
pub(crate) const HOST_RECORD: &str = ".local/state/hermes/gateway-locks/host-gateway.json";

/// What the other gateways of a root mean for a profile.
#[derive(Debug)]
pub(crate) enum Service {
    /// No other gateway serves it, or is about to say so.
    None,
    /// Another gateway of the root starts and has not said yet which profiles it serves.
    Undecided(Process),
    /// This gateway serves it.
    By(Box<Server>),
}

/// A gateway that serves a profile which is not its own.
#[derive(Debug)]
pub(crate) struct Server {
    /// The profile that it was started for.
    pub(crate) profile: ProfileName,
    /// Its process.
    pub(crate) process: Process,
}

/// The gateways of a root that serve more than their own profile, or may be about to say so: read once for all its profiles.
#[derive(Debug)]
pub(crate) struct Servers {
    root: PathBuf,
    peers: Vec<Peer>,
}

#[derive(Debug)]
struct Peer {
    profile: ProfileName,
    state: State,
    /// The process that the state file is of, if it has the profile; asked for when it matters.
    process: OnceCell<Option<Process>>,
}

impl Servers {
    /// Look at every gateway of a root.
    pub(crate) fn read(root: &Path) -> Self {
        let peer = |profile: ProfileName| {
            let state = State::read(&profile.home(root))?;
            may_serve_others(&state, &profile).then_some(Peer {
                profile,
                state,
                process: OnceCell::new(),
            })
        };
        let profiles = discover(root, Path::to_owned).into_iter();
        Self {
            root: root.to_owned(),
            peers: profiles.filter_map(peer).collect(),
        }
    }

    /// What they mean for a profile that is not their own.
    pub(crate) fn service(&self, profile: &ProfileName) -> io::Result<Service> {
        let profile = &profile.for_hermes(&self.root);
        let mut undecided = None;
        for peer in self.peers.iter().filter(|peer| peer.profile != *profile) {
            let serves = peer.state.serves(profile) || self.serves_by_choice(peer, profile);
            if !serves && !is_starting(&peer.state) {
                continue;
            }
            let Some(process) = peer.process(&self.root)? else {
                continue;
            };
            if serves {
                return Ok(Service::By(Box::new(Server {
                    profile: peer.profile.clone(),
                    process: process.clone(),
                })));
            }
            undecided = Some(process.clone());
        }
        Ok(undecided.map_or(Service::None, Service::Undecided))
    }

    /// Versions that do not list what they serve: the default profile's gateway, told to by its configuration.
    fn serves_by_choice(&self, peer: &Peer, profile: &ProfileName) -> bool {
        is_unlisted_server(&peer.state, &peer.profile)
            && is_multiplexed(&self.root)
            && !is_standalone(&profile.home(&self.root))
    }
}

impl Peer {
    fn process(&self, root: &Path) -> io::Result<Option<&Process>> {
        if self.process.get().is_none() {
            let owner = owner(&self.profile.home(root))?.filter(|o| o.hold == Hold::Has);
            let process = owner.and_then(|o| o.process);
            let _ = self
                .process
                .set(process.filter(|p| p.pid == self.state.pid));
        }
        Ok(self.process.get().and_then(Option::as_ref))
    }
}

/// Look at every other gateway of the root.
pub(crate) fn service(root: &Path, profile: &ProfileName) -> io::Result<Service> {
    Servers::read(root).service(profile)
}

fn is_starting(state: &State) -> bool {
    state.gateway_state == "starting"
}

fn is_unlisted_server(state: &State, own: &ProfileName) -> bool {
    state.served_profiles.is_none() && state.is_up() && own.is_default()
}

fn may_serve_others(state: &State, own: &ProfileName) -> bool {
    let mut served = state.served_profiles.iter().flatten();
    let serves = served.any(|name| !name.eq_ignore_ascii_case(own.as_str()));
    serves || is_starting(state) || is_unlisted_server(state, own)
}

/// Whether a profile is kept from being served: `hermes -p NAME gateway stop` of 0.21.5 and later leaves this mark.
pub(crate) fn is_parked(home: &Path) -> bool {
    home.join("gateway.parked").exists()
}

/// The profiles beside its own that the gateway of this home says it serves.
pub(crate) fn served_beside(home: &Path) -> Vec<ProfileName> {
    let own = ProfileName::from_home(home).map(|(name, root)| name.for_hermes(root));
    let state = State::read(home).filter(State::is_up);
    let named = state.and_then(|state| state.served_profiles);
    let named = named.iter().flatten().filter_map(|name| name.parse().ok());
    named.filter(|name| own.as_ref() != Some(name)).collect()
}

/// What the end of a unit means for the profiles that its gateway served beside its own.
pub(crate) fn unserved(unit: &str, beside: &[ProfileName]) -> Option<String> {
    let names: Vec<String> = beside.iter().map(|name| format!("`{name}`")).collect();
    let names = names.join(", ");
    (!beside.is_empty()).then(|| format!("nobody serves {names} any more, as `{unit}` did"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whom_a_gateway_serves_beside_its_own_profile() {
        let root = tempfile::tempdir().expect("a directory");
        let says = |state: &str| {
            let text = format!(
                r#"{{"pid": 1, "gateway_state": "{state}", "served_profiles": ["default", "coder", "../x"]}}"#
            );
            std::fs::write(root.path().join("gateway_state.json"), text).expect("written");
            served_beside(root.path())
        };
        assert_eq!(says("running"), ["coder".parse().expect("a name")]);
        assert_eq!(says("stopped"), []);
    }

    #[test]
    fn of_a_root_those_are_kept_that_may_serve_another_profile() {
        let root = tempfile::tempdir().expect("a directory");
        let says = |home: &str, state: &str, served: &str| {
            let home = root.path().join(home);
            std::fs::create_dir_all(&home).expect("made");
            let text = format!(r#"{{"pid": 1, "gateway_state": "{state}"{served}}}"#);
            std::fs::write(home.join("gateway_state.json"), text).expect("written");
        };
        let kept = || -> Vec<String> {
            let servers = Servers::read(root.path());
            let peers = servers.peers.iter();
            peers.map(|peer| peer.profile.to_string()).collect()
        };
        says(
            "profiles/alone",
            "running",
            r#", "served_profiles": ["alone"]"#,
        );
        says("profiles/older", "running", "");
        says("profiles/new", "starting", "");
        says(
            "profiles/ops",
            "running",
            r#", "served_profiles": ["ops", "coder"]"#,
        );
        says("", "stopped", "");
        assert_eq!(kept(), ["new", "ops"]);
        // Without a list it may serve all, if its configuration says so.
        says("", "running", "");
        assert_eq!(kept(), ["default", "new", "ops"]);
    }
}
