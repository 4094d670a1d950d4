//! A profile that has no gateway of its own: that of the default profile is brought to serve it. It is asked in the only way
//! that every version has, by what it says of itself.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::error::refuse;
use crate::gateway::served::{Server, Service, is_parked, service};
use crate::gateway::state::State;
use crate::gateway::version::Rules;
use crate::host::Host;
use crate::host::systemctl::Systemctl;
use crate::output::Output;
use crate::preflight::Checked;
use crate::profile::ProfileName;

/// A running gateway looks for new profiles every 30 s (`profile_rescan_interval`, hermes 0.21.4 to 0.22.2).
const RESCAN: Duration = Duration::from_secs(60);

/// A profile that is to be served.
#[derive(Debug, Clone)]
pub(crate) struct Served {
    /// The profile.
    pub(crate) profile: ProfileName,
    /// The hermes root.
    pub(crate) root: PathBuf,
    /// How long a planned restart of the serving gateway may take.
    patience: Duration,
}

impl Served {
    /// What this profile needs, from its own check.
    pub(crate) fn new(host: &Host, checked: &Checked) -> Result<Self> {
        let profile = &checked.instance.profile;
        if is_parked(&host.real(&checked.home)) {
            refuse!(
                "profile `{profile}` is parked, so no gateway serves it: \
                 `hermes-install run {profile} gateway start`, then run this again"
            );
        }
        let rules = Rules::of(checked.version);
        let wait = rules.restart_wait.max(rules.job_drain);
        Ok(Self {
            profile: profile.clone(),
            root: checked.root.clone(),
            patience: Duration::from_secs(u64::from(wait)) + RESCAN,
        })
    }

    /// Who serves it now; nobody does in an image.
    pub(crate) fn server(&self, host: &Host) -> Result<Option<Server>> {
        if host.live().is_none() {
            return Ok(None);
        }
        self.live_server()
    }

    fn live_server(&self) -> Result<Option<Server>> {
        Ok(match service(&self.root, &self.profile)? {
            Service::By(server) => Some(*server),
            Service::None | Service::Undecided(_) => None,
        })
    }

    /// Wait until the gateway of the default profile says that it serves this one. `unit` runs that gateway; it is
    /// restarted as planned when it serves nobody but itself: it decides that when it starts.
    pub(crate) fn wait(&self, manager: &Systemctl, unit: &str, output: &Output) -> Result<Server> {
        let mut deadline = Instant::now() + RESCAN;
        let mut asked = None;
        let mut is_refused = false;
        loop {
            if let Some(server) = self.live_server()? {
                if asked.is_some() {
                    // systemd counts a planned restart as one that it did by itself.
                    let _ = manager.verb("reset-failed", &[unit.to_owned()]);
                }
                output.done(format!(
                    "profile `{}` is served by the gateway of `{}`, pid {}",
                    self.profile, server.profile, server.process.pid
                ));
                return Ok(server);
            }
            let state = State::read(&self.root).filter(State::is_up);
            let is_alone = state
                .as_ref()
                .is_some_and(|s| s.served_profiles.as_ref().is_none_or(Vec::is_empty));
            if is_alone && asked.is_none() {
                output.step(format!(
                    "`{unit}` serves its own profile only; restarting it after its running turns"
                ));
                manager.verb("reload", &[unit.to_owned()])?;
                asked = state.as_ref().map(|s| s.pid);
                deadline = Instant::now() + self.patience;
                // The old gateway says `running` until it has heard.
                std::thread::sleep(Duration::from_secs(2));
            }
            // The new one has decided; it looks once more whether what was in its way is gone.
            let has_reason = |s: &State| s.multiplex_standalone_reason.is_some();
            let is_new = |s: &&State| asked.is_some_and(|pid| pid != s.pid);
            if !is_refused && state.as_ref().filter(is_new).is_some_and(has_reason) {
                is_refused = true;
                deadline = Instant::now() + RESCAN;
            }
            if Instant::now() > deadline {
                let reason = state.and_then(|s| s.multiplex_standalone_reason);
                let reason = reason.map_or_else(String::new, |why| format!(": {why}"));
                bail!(
                    "`{unit}` does not serve profile `{}`{reason}; for a gateway of its own: `hermes-install --profile {} \
                     --standalone`",
                    self.profile,
                    self.profile
                );
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}
