//! A profile's old owner on its way out: asked to stop as planned, given its drain, never killed unless that was asked
//! for. If the run fails, its units run again; a gateway that a person started cannot go back to its terminal, and is
//! described instead.
//!
//! The files of its units are taken away by the plan. A unit whose file is gone, or masked, goes on running after a
//! reload, with no restart policy (seen on systemd 252 and 257): its gateway can be asked to stop like any other, and a
//! unit that was about to restart does not. With the file back and another reload everything is as it was.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::deploy::service::{Service, stop_as_planned};
use crate::error::refuse;
use crate::gateway::command_line::shown;
use crate::gateway::owner::{Owner, owner};
use crate::gateway::stop::Force;
use crate::host::Live;
use crate::host::account::account_name;
use crate::host::cgroup::UnitRef;
use crate::host::process::{Process, shell_quote};
use crate::host::process_text::{end_command, name};
use crate::host::read::{self, read_small_text};
use crate::host::systemctl::Manager;
use crate::host::unreaped::parent_that_waits_not;
use crate::output::Output;

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct Handover {
    /// The profile home.
    pub(crate) home: PathBuf,
    /// A gateway that somebody started by hand.
    pub(crate) by_hand: Option<ByHand>,
    /// Other units that run the profile, or would.
    pub(crate) units: Vec<Old>,
    /// Seconds that the gateway may drain for.
    pub(crate) drain: u32,
    /// How far the stop may go.
    pub(crate) force: Force,
    /// The record of the gateway of this host, where the next gateway takes one that has ended for a live one while it is
    /// named there and its parent has not taken note of its end.
    pub(crate) record: Option<PathBuf>,
}

/// A gateway that runs outside every unit that could bring it back.
#[derive(Debug, Clone)]
pub(crate) struct ByHand {
    /// Its process.
    pub(crate) process: Process,
    /// What it takes to start it again, for a person: account, directory, terminal and command line.
    pub(crate) again: String,
}

/// Somebody else's unit.
#[derive(Debug, Clone)]
pub(crate) struct Old {
    /// The manager that runs it.
    pub(crate) manager: Manager,
    /// The user whose manager that is; `None` for the system's.
    pub(crate) user: Option<u32>,
    /// Its name.
    pub(crate) name: String,
    /// Whether it ran, or was about to.
    pub(crate) was_active: bool,
}

/// An owner that is gone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gone {
    /// Since when nobody has the profile.
    pub(crate) at: Instant,
    /// How long the stop took.
    pub(crate) took: Duration,
}

/// How long the parent of a gateway that has ended may take to take note of it: one that does so at all does it at once.
const REAPED: Duration = Duration::from_secs(10);

/// Whether a record names this process. One that ends in good order has taken it away.
fn is_named(record: &Path, process: &Process) -> bool {
    let text = read_small_text(record, read::JSON).ok().flatten();
    let record: Option<Value> = text.and_then(|text| serde_json::from_str(&text).ok());
    record.is_some_and(|record| record["pid"] == process.pid)
}

/// Refuse to start a gateway that would take this one, which has ended, for a live one.
fn check_reaped(ended: &Process) -> Result<()> {
    let Some(parent) = parent_that_waits_not(ended, REAPED) else {
        return Ok(());
    };
    let parent_name =
        Process::read(parent).map_or_else(|| format!("pid {parent}"), |parent| name(&parent));
    refuse!(
        "pid {} has ended, and its parent, {parent_name}, has not taken note of that (wait(2)); until it does, this version \
         of hermes takes pid {} for a live gateway and starts none beside it",
        ended.pid,
        ended.pid;
        "end that parent, with `{}` if nothing else needs it; then run this again", end_command(parent)
    )
}

impl ByHand {
    /// Read from the process while it runs.
    pub(crate) fn new(process: Process) -> Self {
        let directory = process.working_directory();
        let directory = directory.map_or_else(|_| "/".into(), |d| d.display().to_string());
        let terminal = process
            .terminal()
            .map_or_else(|| "without a terminal".into(), |t| format!("on {t}"));
        Self {
            again: format!(
                "as `{}`, {terminal}: `cd {} && {}`",
                account_name(process.uid),
                shell_quote(&[directory]),
                shown(&process.argv)
            ),
            process,
        }
    }
}

impl Old {
    fn runs(&self, unit: &UnitRef) -> bool {
        unit.name == self.name && unit.user == self.user
    }
}

impl Handover {
    /// Have the old owner leave, once its units' files are gone.
    pub(crate) fn go(&self, live: &Live, output: &Output) -> Result<Gone> {
        self.reload(live)?;
        let begin = Instant::now();
        let mut at = begin;
        // Two units that take the profile from each other are one after the other.
        for _ in 0..=self.units.len() {
            let proven = self.owner()?.filter(|o| o.is_proven);
            let process = proven.and_then(|o| o.process);
            let Some(process) = process.filter(|p| self.knows(p)) else {
                break;
            };
            stop_as_planned(&process, &self.home, self.drain, self.force, output)
                .map_err(|e| e.context("the old gateway has not ended; `--force` kills it"))?;
            at = Instant::now();
            if self
                .record
                .as_deref()
                .is_some_and(|r| is_named(r, &process))
            {
                check_reaped(&process)?;
            }
        }
        for unit in &self.units {
            // One that is not loaded any more is as good as stopped.
            let names = [unit.name.clone()];
            let manager = live.systemctl(&unit.manager);
            let stopped = manager.verb("stop", &names);
            let state = manager.show_one(&unit.name)?;
            if !state.is_at_rest() {
                stopped?;
                bail!(
                    "`{}` is still {} after its stop",
                    unit.name,
                    state.active_state
                );
            }
            let _ = manager.verb("reset-failed", &names);
        }
        if let Some(owner) = self.owner()? {
            let who = owner
                .process
                .map_or_else(|| "another process".into(), |p| name(&p));
            bail!(
                "{who} {} by now: something that is neither the old gateway nor its unit starts it, such as a loop in a \
                 script or a container; stop that first",
                owner.how
            );
        }
        Ok(Gone {
            at,
            took: at - begin,
        })
    }

    fn owner(&self) -> Result<Option<Owner>> {
        owner(&self.home).with_context(|| format!("`{}` cannot be examined", self.home.display()))
    }

    /// Whether it is the gateway that was shown before, or runs in one of the units.
    fn knows(&self, process: &Process) -> bool {
        let by_hand = self.by_hand.as_ref().map(|known| &known.process);
        let unit = process.unit();
        by_hand.is_some_and(|known| known.pid == process.pid && known.start == process.start)
            || unit.is_some_and(|unit| self.units.iter().any(|old| old.runs(&unit)))
    }

    /// Bring back what can be, once the files are back; what went wrong, and what a person has to know.
    pub(crate) fn back(&self, live: &Live, output: &Output) -> (Vec<anyhow::Error>, Vec<String>) {
        let mut errors: Vec<anyhow::Error> = self.reload(live).err().into_iter().collect();
        for unit in self.units.iter().filter(|u| u.was_active) {
            let manager = live.systemctl(&unit.manager);
            let service = Service {
                manager: &manager,
                unit: &unit.name,
                home: &self.home,
                output,
            };
            // One that was asked to stop and did not is left alone.
            let ready = match manager.show_one(&unit.name) {
                Ok(state) if state.runs() => service.wait_until_ready(),
                _ => service.start_until_ready(),
            };
            errors.extend(ready.err());
        }
        let is_gone = |known: &&ByHand| {
            Process::read(known.process.pid).is_none_or(|p| p.start != known.process.start)
        };
        let note = self.by_hand.as_ref().filter(is_gone).map(|known| {
            format!(
                "nobody runs `{}` now: its gateway was started by hand and has ended; it ran {}",
                self.home.display(),
                known.again
            )
        });
        (errors, note.into_iter().collect())
    }

    fn reload(&self, live: &Live) -> Result<()> {
        let mut done: Vec<&Manager> = Vec::new();
        for unit in &self.units {
            if !done.contains(&&unit.manager) {
                live.systemctl(&unit.manager).daemon_reload()?;
                done.push(&unit.manager);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::process::started;

    #[test]
    fn the_directory_of_a_process_is_one_word_of_the_command_that_brings_it_back() {
        let top = tempfile::tempdir().expect("a directory");
        let directory = top.path().join("a b; touch x\n\u{1b}]0;title\u{7}");
        std::fs::create_dir(&directory).expect("made");
        let mut command = std::process::Command::new("cat");
        command.stdin(std::process::Stdio::piped());
        let mut child = command.current_dir(&directory).spawn().expect("started");
        let process = started(&child);
        let again = ByHand::new(process).again;
        child.kill().expect("ended");
        child.wait().expect("gone");
        let quoted = shell_quote(&[directory.display().to_string()]);
        assert!(again.contains(&format!("cd {quoted} && cat")), "{again}");
        assert!(!again.chars().any(crate::output::is_hidden), "{again}");
    }
}
