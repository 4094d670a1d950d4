//! One gateway for all profiles of a root (hermes 0.21.4 and later, by choice from 0.17 on): which one serves a profile
//! that is not its own. Reads only.
//!
//! The serving gateway's own state file is what counts: it lists the profiles, in the home of whoever was started. The
//! record of upstream's host lock ([`HOST_RECORD`]) is for all roots of an account, lists nothing while its gateway starts,
//! and lies where the account's state directory is not the gateway's; `gateway.sock` says what the state file says.

use std::path::Path;

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

/// Look at every other gateway of the root.
pub(crate) fn service(root: &Path, profile: &ProfileName) -> std::io::Result<Service> {
    let profile = &profile.for_hermes(root);
    let mut undecided = None;
    for peer in discover(root, Path::to_owned)
        .into_iter()
        .filter(|p| p != profile)
    {
        let home = peer.home(root);
        let Some(state) = State::read(&home) else {
            continue;
        };
        let serves = state.serves(profile) || serves_by_choice(&state, &peer, root, profile);
        let is_starting = state.gateway_state == "starting";
        if !serves && !is_starting {
            continue;
        }
        let Some(process) = owner(&home)?
            .filter(|o| o.hold == Hold::Has)
            .and_then(|o| o.process)
            .filter(|p| p.pid == state.pid)
        else {
            continue;
        };
        if serves {
            return Ok(Service::By(Box::new(Server {
                profile: peer,
                process,
            })));
        }
        undecided = Some(process);
    }
    Ok(undecided.map_or(Service::None, Service::Undecided))
}

/// Versions that do not list what they serve: the default profile's gateway, told to by its configuration.
fn serves_by_choice(state: &State, peer: &ProfileName, root: &Path, profile: &ProfileName) -> bool {
    state.served_profiles.is_none()
        && state.is_up()
        && peer.is_default()
        && is_multiplexed(root)
        && !is_standalone(&profile.home(root))
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
}
