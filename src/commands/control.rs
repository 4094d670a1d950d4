//! `start`, `stop` and `restart`: systemctl for the units of profiles, and the truth about their gateways afterwards.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::target::{Target, live, targets};
use crate::cli::{ControlArgs, RestartArgs};
use crate::commands::json;
use crate::deploy::service::{Service, job, refuse_left, wait_for_all};
use crate::error::{Exit, failed};
use crate::gateway::installation::Installation;
use crate::gateway::owner::{Owner, owner, unexamined};
use crate::gateway::served::{Server, served_beside};
use crate::gateway::update::{is_outdated, updater};
use crate::gateway::version::Rules;
use crate::host::Host;
use crate::host::process::Process;
use crate::host::process_text::name;
use crate::host::span;
use crate::host::systemctl::Systemctl;
use crate::output::{self, Output};
use crate::profile::ProfileName;

/// How much longer than its drain a gateway may take until systemd has started it again.
const ROOM: Duration = Duration::from_secs(120);

/// The units that a command is about.
struct Run {
    manager: Systemctl,
    targets: Vec<Target>,
    /// What could not be done, told when the rest is.
    failed: Vec<Failed>,
    output: Output,
    prefix: String,
    /// The flag of its scope.
    flag: &'static str,
}

/// A profile whose gateway did not do what was asked, and why.
#[derive(Clone)]
struct Failed {
    profile: ProfileName,
    why: String,
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
        if !beside.is_empty() {
            let names: Vec<String> = beside.iter().map(|name| format!("`{name}`")).collect();
            let names = names.join(", ");
            run.output
                .step(format!("nobody serves {names} any more, as `{unit}` did"));
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

/// Restart gateways after their turns, and wait until they are up; start those that do not run.
pub(crate) fn restart(args: &RestartArgs) -> Result<Exit> {
    let mut run = Run::new(&args.control, args.outdated, "hermes-install restart")?;
    if args.outdated {
        run.keep_outdated();
    }
    let states = run.manager.show(&run.units())?;
    let running = |target: &&Target| {
        let mut states = states.iter();
        states.find(|s| s.id == target.unit && s.runs() && s.main_pid.is_some())
    };
    let (asked, others): (Vec<&Target>, Vec<&Target>) = run
        .targets
        .iter()
        .partition(|target| !args.now && running(target).is_some());
    let unit = |target: &&Target| target.unit.clone();
    run.begin("restart", &others.iter().map(unit).collect::<Vec<_>>());
    let units: Vec<String> = asked.iter().map(unit).collect();
    if !units.is_empty() {
        run.tell("reload", &units);
        run.manager.verb("reload", &units)?;
    }
    for target in asked {
        let before = running(&target).map(|state| state.invocation.clone());
        run.wait_for_next(target, &before.unwrap_or_default())?;
    }
    run.end(|done, started| done.restarted = started)
}

impl Run {
    fn new(args: &ControlArgs, means_all: bool, command: &str) -> Result<Self> {
        let host = Host::new(args.scope.scope(), args.scope.root.as_deref())?;
        let manager = live(&host, command)?.manager();
        Ok(Self {
            manager,
            targets: targets(&host, command, &args.profiles, args.all || means_all)?,
            failed: Vec::new(),
            output: args.output.printer(),
            prefix: host.manager().command_prefix(),
            flag: host.scope.flag(),
        })
    }

    /// Leave the units whose gateways are older than their hermes on disk. One whose hermes changes just now has time: it
    /// would start with half of the new code.
    fn keep_outdated(&mut self) {
        let mut kept = Vec::new();
        for target in std::mem::take(&mut self.targets) {
            let unit = &target.unit;
            let own = |owner: Owner| {
                let unit_of = |process: &Process| process.unit().map(|unit| unit.name);
                let process = owner.process?;
                (unit_of(&process).as_ref() == Some(unit)).then_some(process)
            };
            let why = match owner(&target.home).map(|owner| owner.and_then(own)) {
                Err(e) => {
                    let why = unexamined(&target.home, &e);
                    let why = format!("`{unit}` is left alone: {why}");
                    let profile = target.profile;
                    self.failed.push(Failed { profile, why });
                    continue;
                }
                Ok(None) if self.manager.show_one(unit).is_ok_and(|state| state.runs()) => {
                    "nothing to do, its gateway starts just now".to_owned()
                }
                Ok(None) => "nothing to do, it does not run".to_owned(),
                Ok(Some(process)) if !is_outdated(&process) => {
                    "nothing to do, its gateway is as new as its hermes".to_owned()
                }
                Ok(Some(_)) => match updater(&target.home) {
                    Some(pid) => format!("left alone while `hermes update` works (pid {pid})"),
                    None => {
                        kept.push(target);
                        continue;
                    }
                },
            };
            self.output.step(format!("`{unit}`: {why}"));
        }
        self.targets = kept;
    }

    fn units(&self) -> Vec<String> {
        self.targets.iter().map(|t| t.unit.clone()).collect()
    }

    /// Say what is called.
    fn tell(&self, verb: &str, units: &[String]) {
        let units = units.join(" ");
        self.output
            .command(format!("{} {verb} {units}", self.prefix));
    }

    /// Have all of these started at once. Each is waited for later, and its failure is explained then.
    fn begin(&self, verb: &str, units: &[String]) {
        if !units.is_empty() {
            let _ = self.manager.verb("reset-failed", units);
            self.tell(verb, units);
            let _ = job(&self.manager, &self.output, verb, units);
        }
    }

    /// Wait until a gateway that was asked to restart has ended and its unit was started again.
    fn wait_for_next(&self, target: &Target, before: &str) -> Result<()> {
        let turns = target.drain.max(restart_wait(&target.home));
        let patience = Duration::from_secs(u64::from(turns)) + ROOM;
        let begin = Instant::now();
        let mut told = 0;
        while self.manager.show_one(&target.unit)?.invocation == before {
            let seconds = begin.elapsed().as_secs();
            let time = span::written(seconds);
            if begin.elapsed() > patience {
                failed!(
                    "`{}` was asked to restart and did not within {time}", target.unit;
                    "without waiting for its turns: `hermes-install restart --now {}`", target.profile
                );
            }
            if seconds >= told + 10 {
                told = seconds;
                let unit = &target.unit;
                self.output
                    .step(format!("waiting for the turns of `{unit}` ({time})"));
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        // A restart counts as automatic, and an automatic one while it is watched would be a failure.
        let _ = self
            .manager
            .verb("reset-failed", std::slice::from_ref(&target.unit));
        Ok(())
    }

    /// Wait for every gateway; all failures are told before the run ends.
    fn end(&self, place: impl Fn(&mut json::Controlled, Vec<json::Started>)) -> Result<Exit> {
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

/// Seconds that the gateway of this home lets its turns go on before a planned restart.
fn restart_wait(home: &Path) -> u32 {
    let process = owner(home).ok().flatten().and_then(|owner| owner.process);
    let hermes = process.and_then(|process| Installation::of_process(&process));
    Rules::of(hermes.and_then(|hermes| hermes.version)).restart_wait
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
