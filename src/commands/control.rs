//! `start` and `stop`, and what `restart` shares with them: systemctl for the units of profiles, and the truth about their
//! gateways afterwards.

use anyhow::Result;

use super::target::{Target, live, targets};
use crate::cli::ControlArgs;
use crate::commands::json;
use crate::deploy::service::{Service, job, refuse_left, wait_for_all};
use crate::error::{Exit, failed};
use crate::gateway::served::{Server, served_beside, unserved};
use crate::host::Host;
use crate::host::process_text::name;
use crate::host::systemctl::Systemctl;
use crate::output::{self, Output};
use crate::profile::ProfileName;
use crate::units::inventory::Inventory;

/// The units that a command is about.
pub(super) struct Run {
    pub(super) host: Host,
    /// What its manager has.
    pub(super) inventory: Inventory,
    pub(super) manager: Systemctl,
    pub(super) targets: Vec<Target>,
    /// What could not be done, told when the rest is.
    pub(super) failed: Vec<Failed>,
    pub(super) output: Output,
    prefix: String,
    /// The flag of its scope.
    pub(super) flag: &'static str,
}

/// A profile whose gateway did not do what was asked, and why.
#[derive(Clone)]
pub(super) struct Failed {
    pub(super) profile: ProfileName,
    pub(super) why: String,
}

/// Start the units of profiles, and wait until their gateways are up.
pub(crate) fn start(args: &ControlArgs) -> Result<Exit> {
    let run = Run::new(args, false, "hermes-install start")?;
    run.begin("start", &run.units());
    run.end(|done, started| done.started = started)
}

/// Stop the units of profiles, after their gateways' turns.
pub(crate) fn stop(args: &ControlArgs) -> Result<Exit> {
    let run = Run::new(args, false, "hermes-install stop")?;
    let units = run.units();
    run.tell("stop", &units);
    let beside: Vec<Vec<ProfileName>> =
        (run.targets.iter().map(|target| served_beside(&target.home))).collect();
    run.manager.verb("stop", &units)?;
    for (target, beside) in run.targets.iter().zip(beside) {
        let unit = &target.unit;
        refuse_left(unit, &target.profile, &target.home)?;
        run.output.done(format!("`{unit}` is stopped"));
        if let Some(left) = unserved(unit, &beside) {
            run.output.step(left);
        }
    }
    if run.output.json {
        output::json(&json::Controlled {
            stopped: units,
            ..json::Controlled::default()
        });
    }
    Ok(Exit::Done)
}

impl Run {
    pub(super) fn new(args: &ControlArgs, means_all: bool, command: &str) -> Result<Self> {
        let host = Host::new(args.scope.scope(), args.scope.root.as_deref())?;
        let manager = live(&host, command)?.manager();
        let inventory = Inventory::of_own_manager(&host);
        let all = args.all || means_all;
        Ok(Self {
            manager,
            targets: targets(&host, &inventory, command, &args.profiles, all)?,
            failed: Vec::new(),
            output: args.output.printer(),
            prefix: host.manager().command_prefix(),
            flag: host.scope.flag(),
            host,
            inventory,
        })
    }

    pub(super) fn units(&self) -> Vec<String> {
        self.targets.iter().map(|t| t.unit.clone()).collect()
    }

    /// Say what is called.
    pub(super) fn tell(&self, verb: &str, units: &[String]) {
        let units = units.join(" ");
        self.output
            .command(format!("{} {verb} {units}", self.prefix));
    }

    /// Have all of these started at once. Each is waited for later, and its failure is explained then.
    pub(super) fn begin(&self, verb: &str, units: &[String]) {
        if !units.is_empty() {
            let _ = self.manager.verb("reset-failed", units);
            self.tell(verb, units);
            let _ = job(&self.manager, &self.output, verb, units);
        }
    }

    /// Wait for every gateway; all failures are told before the run ends.
    pub(super) fn end(
        &self,
        place: impl Fn(&mut json::Controlled, Vec<json::Started>),
    ) -> Result<Exit> {
        let (mut up, mut served) = (Vec::new(), Vec::new());
        let mut failed = self.failed.clone();
        let service = |target| {
            let target: &Target = target;
            Service {
                manager: &self.manager,
                unit: &target.unit,
                home: &target.home,
                output: &self.output,
            }
        };
        let services: Vec<Service> = self.targets.iter().map(service).collect();
        let waited = services.iter().zip(wait_for_all(&services, None));
        for ((service, ready), target) in waited.zip(&self.targets) {
            match ready {
                Ok(ready) => up.push(json::Started {
                    unit: service.unit.to_owned(),
                    main_pid: ready.pid,
                }),
                Err(e) => match target.server(&self.manager) {
                    Some(server) => {
                        self.tell_served(target, &server);
                        served.push(target.unit.clone());
                    }
                    None => failed.push(Failed {
                        profile: target.profile.clone(),
                        why: format!("{e:#}"),
                    }),
                },
            }
        }
        if self.output.json && (failed.is_empty() || !up.is_empty() || !served.is_empty()) {
            let mut done = json::Controlled::default();
            place(&mut done, up);
            done.served = served;
            done.failed = failed.iter().map(|f| f.why.clone()).collect();
            output::json(&done);
            return Ok(if failed.is_empty() {
                Exit::Done
            } else {
                Exit::Differs
            });
        }
        all_done(&failed)
    }

    /// Of a unit that refused to run as another gateway serves its profile: nothing is wrong.
    fn tell_served(&self, target: &Target, server: &Server) {
        let (profile, unit, scope) = (&target.profile, &target.unit, self.flag);
        self.output.done(format!(
            "profile `{profile}` is served by the gateway of `{}`, {}",
            server.profile,
            name(&server.process)
        ));
        self.output.step(format!(
            "`{unit}` is not needed for that: `hermes-install uninstall{scope} --profile {profile}`; for a gateway of its own: \
             `hermes-install{scope} --profile {profile} --standalone`"
        ));
    }
}

/// Nothing failed; or all that did, with what says more of it.
fn all_done(failed: &[Failed]) -> Result<Exit> {
    let why: Vec<&str> = failed.iter().map(|f| f.why.as_str()).collect();
    let profiles: Vec<&str> = failed.iter().map(|f| f.profile.as_str()).collect();
    if failed.is_empty() {
        return Ok(Exit::Done);
    }
    failed!(
        "{}", why.join("\n");
        "to see what to do: `hermes-install status`";
        "to see what was said: `hermes-install logs {}`", profiles.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn what_says_more_of_a_failure_is_a_command_for_its_profile() {
        let failed = |name: &str| Failed {
            profile: name.parse().expect("a name"),
            why: format!("{name} ended"),
        };
        assert_eq!(all_done(&[]).expect("nothing failed"), Exit::Done);
        let error = all_done(&[failed("a"), failed("b")]).expect_err("two failed");
        let error = Error::of(&error);
        assert_eq!(error.message, "a ended\nb ended");
        let hints = error.hints.join("\n");
        assert!(hints.contains("`hermes-install logs a b`"), "{hints}");
    }
}
