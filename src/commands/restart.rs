//! `restart`: gateways end after their turns and their units start the next ones; units that crash, or do not run, are
//! started at once. Nothing is ended that could not start again.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::control::{Failed, Run};
use super::target::Target;
use crate::cli::RestartArgs;
use crate::error::{Exit, failed, refuse};
use crate::gateway::owner::{Owner, owner, unexamined, version_at};
use crate::gateway::state::State;
use crate::gateway::update::{is_outdated, updater};
use crate::gateway::version::Rules;
use crate::gateway::within::{Within, within};
use crate::host::process::Process;
use crate::host::process_text::stopped;
use crate::host::service_state::ServiceState;
use crate::host::span;
use crate::preflight::again::left_as_it_is;

/// How much longer than its drain a gateway may take until systemd has started it again.
const ROOM: Duration = Duration::from_secs(120);

/// Restart gateways after their turns, and wait until they are up; start those that do not run, but where all are meant, as a
/// bot may have been stopped for good, or have moved to another host.
pub(crate) fn restart(args: &RestartArgs) -> Result<Exit> {
    let mut run = Run::new(&args.control, args.outdated, "hermes-install restart")?;
    if args.outdated {
        run.keep_outdated();
    }
    let states = run.manager.show(&run.units())?;
    let state = |target: &Target| states.iter().find(|s| s.id == target.unit);
    if args.control.all {
        run.leave_stopped(|target| {
            state(target).is_some_and(|s| s.is_at_rest() && !s.has_failed())
        });
    }
    let runs = |target: &Target| state(target).filter(|s| s.runs() && s.main_pid.is_some());
    run.keep_startable(|target| runs(target).is_some())?;
    let is_asked = |target: &&Target| {
        !args.now && runs(target).is_some_and(|state| !is_crashing(state, &target.home))
    };
    let (asked, others): (Vec<&Target>, Vec<&Target>) = run.targets.iter().partition(is_asked);
    let unit = |target: &&Target| target.unit.clone();
    run.begin("restart", &others.iter().map(unit).collect::<Vec<_>>());
    let own = own_unit();
    let mut later = Vec::new();
    for (target, before) in run.ask(&asked, |target| runs(target).cloned().unwrap_or_default())? {
        if own.as_ref() == Some(&target.unit) {
            later.push(target.unit.clone());
        } else {
            run.wait_for_next(target, &before.invocation)?;
        }
    }
    run.targets.retain(|target| !later.contains(&target.unit));
    for unit in &later {
        run.output
            .done(format!("`{unit}` restarts when this turn is over"));
    }
    run.end(|done, started| {
        done.restarted = started;
        done.later.clone_from(&later);
    })
}

/// The unit of the gateway whose tool typed this. To wait for its turns would be to wait for this command.
fn own_unit() -> Option<String> {
    match within()? {
        Within::Unit(unit) => Some(unit.name),
        Within::Gateway(_) => None,
    }
}

/// Whether a unit is between crashes, up or not: the gateway that it has now has not come up, so it has no turns to wait for.
fn is_crashing(state: &ServiceState, home: &Path) -> bool {
    let is_up = || State::read(home).is_some_and(|s| Some(s.pid) == state.main_pid && s.is_up());
    state.restarts > 0 && !is_up()
}

impl Run {
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

    /// Leave the units that somebody stopped.
    fn leave_stopped(&mut self, is_stopped: impl Fn(&Target) -> bool) {
        let targets = std::mem::take(&mut self.targets);
        let (stopped, others) = targets.into_iter().partition(is_stopped);
        self.targets = others;
        for Target { unit, profile, .. } in &stopped as &Vec<Target> {
            let scope = self.flag;
            self.output.step(format!(
                "`{unit}` is stopped, and stays so; to start it: `hermes-install start{scope} {profile}`"
            ));
        }
    }

    /// Leave the units that run and could not start again.
    fn keep_startable(&mut self, runs: impl Fn(&Target) -> bool) -> Result<()> {
        let mut why = Vec::new();
        for target in std::mem::take(&mut self.targets) {
            let mut units = self.inventory.units.iter();
            let unit = units.find(|unit| unit.name == target.unit && runs(&target));
            let ends = unit.map(|unit| left_as_it_is(&self.host, unit, &target.profile));
            match ends.transpose()?.flatten() {
                Some(ends) => why.push((target.profile, ends)),
                None => self.targets.push(target),
            }
        }
        if self.targets.is_empty() && self.failed.is_empty() && !why.is_empty() {
            let why: Vec<String> = why.into_iter().map(|(_, why)| why).collect();
            refuse!("{}", why.join("\n"));
        }
        let failed = |(profile, why)| Failed { profile, why };
        self.failed.extend(why.into_iter().map(failed));
        Ok(())
    }

    /// Ask gateways to restart after their turns; those that will, each with what it was before. One whose gateway has ended
    /// meanwhile has no turns any more, and is restarted.
    fn ask<'a>(
        &self,
        asked: &[&'a Target],
        before: impl Fn(&Target) -> ServiceState,
    ) -> Result<Vec<(&'a Target, ServiceState)>> {
        let units: Vec<String> = asked.iter().map(|target| target.unit.clone()).collect();
        let waits: Vec<_> = asked.iter().map(|t| (*t, before(t))).collect();
        if units.is_empty() {
            return Ok(waits);
        }
        self.tell("reload", &units);
        let Err(error) = self.manager.verb("reload", &units) else {
            return Ok(waits);
        };
        let now = self.manager.show(&units)?;
        let is_there = |(_, before): &(&Target, ServiceState)| {
            let now = now.iter().find(|now| now.id == before.id);
            now.is_some_and(|now| now.main_pid == before.main_pid)
        };
        let (there, ended): (Vec<_>, Vec<_>) = waits.into_iter().partition(is_there);
        let ended: Vec<String> = ended
            .into_iter()
            .map(|(target, _)| target.unit.clone())
            .collect();
        if ended.is_empty() {
            return Err(error);
        }
        self.begin("restart", &ended);
        Ok(there)
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
                let halted = process_of(&target.home).as_ref().and_then(stopped);
                let halted = halted
                    .map(|(what, go_on)| format!(": it is {what}; to let it go on: `{go_on}`"));
                let halted = halted.unwrap_or_default();
                self.output.step(format!(
                    "waiting for the turns of `{unit}` ({time}){halted}"
                ));
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        // A restart counts as automatic, and an automatic one while it is watched would be a failure.
        let _ = self
            .manager
            .verb("reset-failed", std::slice::from_ref(&target.unit));
        Ok(())
    }
}

/// Seconds that the gateway of this home lets its turns go on before a planned restart.
fn restart_wait(home: &Path) -> u32 {
    Rules::of(version_at(home)).restart_wait
}

/// The gateway that has this home.
fn process_of(home: &Path) -> Option<Process> {
    owner(home).ok().flatten()?.process
}
