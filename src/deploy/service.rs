//! One service brought up until its gateway is ready, and one gateway stopped as planned. What went wrong is explained
//! here, by the journal, and nowhere else.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};

use crate::deploy::interrupt;
use crate::deploy::readiness::{Started, watch};
use crate::error::refuse;
use crate::gateway::owner::{owner, unexamined, unseen};
use crate::gateway::state::State;
use crate::gateway::stop::{Force, Stopped, planned_stop};
use crate::gateway::tokenless::{Tokenless, silence};
use crate::host::process::Process;
use crate::host::process_text::{name, stop_command};
use crate::host::span;
use crate::host::systemctl::Systemctl;
use crate::output::{Output, printable};
use crate::profile::ProfileName;

/// How many journal lines explain a failed start.
const LINES: usize = 15;
/// How long journald may take to write down what a process said that has ended: milliseconds, more on a busy host.
const WORDS: Duration = Duration::from_secs(2);

/// A unit that runs the gateway of a profile home.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Service<'a> {
    /// Its manager.
    pub(crate) manager: &'a Systemctl,
    /// Its name.
    pub(crate) unit: &'a str,
    /// The profile home.
    pub(crate) home: &'a Path,
    /// Where progress is told.
    pub(crate) output: &'a Output,
}

/// A gateway that is up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ready {
    /// The unit's main process.
    pub(crate) pid: i32,
    /// When it was up.
    pub(crate) at: Instant,
}

impl Service<'_> {
    /// Start it and wait until its gateway is ready; see [`start_all`].
    pub(crate) fn start_until_ready(&self) -> Result<Ready> {
        start_all(std::slice::from_ref(self))?
            .pop()
            .unwrap_or_else(|| bail!("`{}` was not started", self.unit))
    }

    /// Wait until its gateway is ready; it was started before, and a failure before that does not count.
    pub(crate) fn wait_until_ready(&self) -> Result<Ready> {
        let _ = self.manager.verb("reset-failed", &[self.unit.to_owned()]);
        self.ready(None)
    }

    /// Wait until its gateway is ready. `refused` is what systemctl said of its start.
    fn ready(&self, refused: Option<&str>) -> Result<Ready> {
        let begin = Instant::now();
        let tick = every_ten_seconds(self.output, |time| {
            self.output.step(format!(
                "`{}`: waiting for the gateway to say that it runs ({time})",
                self.unit
            ));
        });
        match watch(self.manager, self.unit, self.home, tick)? {
            Started::Up { pid, after } => {
                self.output.done(format!(
                    "`{}` runs: pid {pid}, up after {}",
                    self.unit,
                    span::took(after)
                ));
                for silent in silent_platforms(self.home, pid) {
                    self.output.warn(format!(
                        "`{}`: {silent}; to see what helps: `hermes-install status`",
                        self.unit
                    ));
                }
                let at = begin + after;
                Ok(Ready { pid, at })
            }
            Started::Failed { why, start } => {
                let loaded = self.manager.show_one(self.unit);
                if loaded.is_ok_and(|state| state.load_state == "masked") {
                    let (unit, prefix) = (self.unit, self.manager.command_prefix());
                    bail!(
                        "`{unit}` is masked, and cannot be started; if it may run again: `{prefix} unmask {unit}`"
                    );
                }
                if let Some(refused) = refused.filter(|_| start.invocation.is_empty()) {
                    bail!("{refused}");
                }
                let lines = self.manager.last_words(self.unit, &start, LINES, WORDS);
                let journal: String = lines.iter().map(|l| format!("\n  | {l}")).collect();
                bail!("`{}` {why}; its last journal lines:{journal}", self.unit)
            }
        }
    }
}

/// The platforms that a gateway which is up does not speak on, each as the begin of a sentence.
fn silent_platforms(home: &Path, pid: i32) -> Vec<String> {
    let Some(state) = State::read(home).filter(|state| state.pid == pid) else {
        return Vec::new();
    };
    let process = Process::read(pid);
    let of = |process| silence(process, home, &state);
    let (mute, tokenless) = process.as_ref().map(of).unwrap_or_default();
    let is_tokenless = |name: &str| tokenless.iter().any(|of| of.platform == name);
    let failing = (state.own_platforms())
        .filter(|(name, p)| p.fails() && !is_tokenless(name) && !mute.contains(*name));
    let failing = failing.map(|(name, p)| {
        let error = p.error_message.as_deref().unwrap_or("no reason is given");
        let error = error.trim_end_matches('.');
        printable(&format!("{name} is {}: {error}", p.state))
    });
    let mute = mute
        .iter()
        .map(|name| format!("hermes could not load {name}"));
    let tokenless = tokenless.iter().map(|Tokenless { platform, variable }| {
        format!("{platform} is not connected, for want of a usable `{variable}`")
    });
    failing.chain(mute).chain(tokenless).collect()
}

/// Jobs for units, until they are done; says every ten seconds which others they wait for.
pub(crate) fn job(
    manager: &Systemctl,
    output: &Output,
    verb: &str,
    units: &[String],
) -> Result<()> {
    let begin = Instant::now();
    let mut tick = every_ten_seconds(output, |time| {
        let others = manager.awaited_by(units);
        if !others.is_empty() {
            let (units, others) = (units.join("`, `"), others.join("`, `"));
            output.step(format!("`{units}`: waits for `{others}` ({time})"));
        }
    });
    std::thread::scope(|scope| {
        let job = scope.spawn(|| manager.verb(verb, units));
        while !job.is_finished() {
            std::thread::sleep(Duration::from_millis(20));
            tick(begin.elapsed());
        }
        let done = job.join();
        done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Start services of one manager at once, restart those that run and those that wait for an automatic restart, which a start
/// would wait for, too (systemd.service(5)); wait until the gateways are ready. The answers are in the order of the services.
pub(crate) fn start_all(services: &[Service]) -> Result<Vec<Result<Ready>>> {
    let Some(Service {
        manager, output, ..
    }) = services.first()
    else {
        return Ok(Vec::new());
    };
    let names: Vec<String> = services.iter().map(|s| s.unit.to_owned()).collect();
    let states = manager.show(&names)?;
    // A unit that failed before would report its old restarts.
    let _ = manager.verb("reset-failed", &names);
    let is_started = |name: &String| states.iter().any(|s| s.id == *name && s.is_started());
    let (restart, start): (Vec<String>, Vec<String>) = names.into_iter().partition(is_started);
    let mut refused = Vec::new();
    for (verb, units) in [("restart", restart), ("start", start)] {
        if !units.is_empty() {
            output.step(format!("{verb}ing `{}`", units.join("`, `")));
            // A main process that ends at once may or may not fail the start itself (Type=exec); what it said tells more.
            refused.extend(job(manager, output, verb, &units).err());
        }
    }
    let refused = refused.first().map(|e| format!("{e:#}"));
    Ok(wait_for_all(services, refused.as_deref()))
}

/// Wait until the gateways of these are ready, all at once; the answers in their order.
pub(crate) fn wait_for_all(services: &[Service], refused: Option<&str>) -> Vec<Result<Ready>> {
    std::thread::scope(|scope| {
        let wait = |service| {
            let service: &Service = service;
            scope.spawn(move || service.ready(refused))
        };
        let waiting: Vec<_> = services.iter().map(wait).collect();
        let answer = |thread: std::thread::ScopedJoinHandle<'_, Result<Ready>>| {
            thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        waiting.into_iter().map(answer).collect()
    })
}

/// Stop a gateway as planned: it may finish its turns and jobs for `drain` seconds. Fails when it does not end.
pub(crate) fn stop_as_planned(
    process: &Process,
    home: &Path,
    drain: u32,
    force: Force,
    output: &Output,
) -> Result<()> {
    let pid = process.pid;
    output.step(format!("stopping {} as planned", name(process)));
    let tick = every_ten_seconds(output, |time| {
        output.step(format!("waiting for pid {pid} to end ({time})"));
    });
    match planned_stop(process, home, drain, force, tick) {
        Stopped::Exited => {}
        Stopped::Ended(why) => output.step(format!("ended pid {pid} by signal: {why}")),
        Stopped::Remains(why) => {
            refuse!(
                "pid {pid} was asked to stop and is still there: {why}; it may yet end by itself"
            )
        }
    }
    Ok(())
}

/// Refuse where a unit was stopped and another gateway has its profile.
pub(crate) fn refuse_left(unit: &str, profile: &ProfileName, home: &Path) -> Result<()> {
    let owner = owner(home).map_err(|e| {
        let why = unexamined(home, &e);
        anyhow!("`{unit}` is stopped, and whether another gateway runs is not known: {why}")
    })?;
    match owner.map(|owner| owner.process) {
        None => Ok(()),
        Some(Some(process)) => refuse!(
            "`{unit}` is stopped, and {} runs profile `{profile}`", name(&process);
            "to stop it: `{}`", stop_command(&process)
        ),
        Some(None) => {
            let (what, command) = unseen(home);
            refuse!(
                "`{unit}` is stopped, and {what}, and so has profile `{profile}`";
                "to find it, in containers too: `{command}`"
            )
        }
    }
}

/// From the time that has passed to a word every ten seconds, which is given that time as a person reads it; and to one as soon
/// as somebody interrupts that.
fn every_ten_seconds(output: &Output, say: impl Fn(&str)) -> impl FnMut(Duration) {
    let mut said = 0;
    move |elapsed| {
        interrupt::tell(output);
        if elapsed.as_secs() >= said + 10 {
            said = elapsed.as_secs();
            say(&span::written(said));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_told_every_ten_seconds() {
        let said = std::cell::RefCell::new(Vec::new());
        let quiet = Output {
            quiet: true,
            json: false,
        };
        let mut tick = every_ten_seconds(&quiet, |time| said.borrow_mut().push(time.to_owned()));
        for tenths in 0..355 {
            tick(Duration::from_millis(tenths * 100));
        }
        drop(tick);
        assert_eq!(said.into_inner(), ["10s", "20s", "30s"]);
    }

    #[test]
    fn a_gateway_that_runs_is_told_with_the_platforms_that_do_not_work() {
        let home = tempfile::tempdir().expect("a directory");
        let me = std::process::id() as i32;
        let text = r#"{"pid": 7, "gateway_state": "running", "platforms": {
            "slack": {"state": "connected"},
            "telegram": {"state": "fatal", "error_message": "token\u001b rejected.", "writer_pid": 7},
            "irc": {"state": "retrying", "writer_pid": 6}}}"#;
        let text = text.replace(": 7", &format!(": {me}"));
        std::fs::write(home.path().join("gateway_state.json"), text).expect("written");
        std::fs::write(home.path().join("config.yaml"), "discord: {enabled: true}")
            .expect("written");
        assert_eq!(
            silent_platforms(home.path(), me),
            [
                "telegram is fatal: token\u{fffd} rejected",
                "discord is not connected, for want of a usable `DISCORD_BOT_TOKEN`",
            ]
        );
        assert!(
            silent_platforms(home.path(), 1).is_empty(),
            "an earlier gateway's"
        );
    }

    #[test]
    fn a_lock_whose_holder_is_not_seen_is_somebody_s() {
        let home = tempfile::tempdir().expect("a directory");
        let profile: ProfileName = "coder".parse().expect("a name");
        let left = || refuse_left("hermes-gateway@coder.service", &profile, home.path());
        left().expect("nobody has it");
        let lock = std::fs::File::create(home.path().join("gateway.lock")).expect("a lock");
        let held = nix::fcntl::Flock::lock(lock, nix::fcntl::FlockArg::LockExclusiveNonblock);
        let _held = held.map_err(|(_, e)| e).expect("held");
        let why = left().expect_err("this very process, which is no gateway");
        assert!(format!("{why:#}").contains("gateway.lock"), "{why:#}");
    }
}
