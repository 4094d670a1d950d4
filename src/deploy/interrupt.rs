//! Ctrl-C, a terminal that goes away and SIGTERM while a host is being changed: they are noted, and what was begun comes to
//! an end, good or put back. Before and after that they end the process as they always do.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use anyhow::{Result, bail};
use nix::libc::c_int;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

use crate::output::Output;

const ENDS: [Signal; 3] = [Signal::SIGINT, Signal::SIGHUP, Signal::SIGTERM];

/// Whether such a signal came.
static CAME: AtomicBool = AtomicBool::new(false);
/// Whether it may still turn the run back.
static MAY_TURN_BACK: AtomicBool = AtomicBool::new(false);
/// Whether a person was told.
static TOLD: AtomicBool = AtomicBool::new(false);

/// For as long as it lives no such signal ends the process.
pub(crate) struct Hold {
    before: Vec<(Signal, SigAction)>,
}

impl Hold {
    /// From now on. A run that may turn back asks [`check`] whether it shall.
    pub(crate) fn begin(may_turn_back: bool) -> Self {
        CAME.store(false, SeqCst);
        TOLD.store(false, SeqCst);
        MAY_TURN_BACK.store(may_turn_back, SeqCst);
        let noted = SigAction::new(
            SigHandler::Handler(note),
            SaFlags::SA_RESTART,
            SigSet::empty(),
        );
        let mut before = Vec::new();
        for signal in ENDS {
            let Some(old) = act(signal, &noted) else {
                continue;
            };
            // nohup(1) has one ignored.
            if matches!(old.handler(), SigHandler::SigIgn) {
                act(signal, &old);
            } else {
                before.push((signal, old));
            }
        }
        Self { before }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        go_through();
        for (signal, old) in &self.before {
            act(*signal, old);
        }
    }
}

/// Set what a signal does; what it did before.
#[allow(unsafe_code)]
fn act(signal: Signal, action: &SigAction) -> Option<SigAction> {
    // SAFETY: the only handler that is set here stores into an atomic.
    unsafe { sigaction(signal, action) }.ok()
}

extern "C" fn note(_: c_int) {
    CAME.store(true, SeqCst);
}

/// From here on the run goes through to its end: to put things back, or because nothing can be put back any more.
pub(super) fn go_through() {
    MAY_TURN_BACK.store(false, SeqCst);
}

/// Fail where somebody has asked this run to end and it may still turn back.
pub(super) fn check() -> Result<()> {
    if CAME.load(SeqCst) && MAY_TURN_BACK.load(SeqCst) {
        bail!("this run was interrupted");
    }
    Ok(())
}

/// Say once that a signal was heard, and why the process is still there.
pub(super) fn tell(output: &Output) {
    if CAME.load(SeqCst) && !TOLD.swap(true, SeqCst) {
        output.warn("interrupted; this ends as soon as nothing is half done");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::signal::raise;

    #[test]
    fn a_signal_turns_a_run_back_until_it_has_to_go_through() {
        // A shell has SIGINT ignored in what it runs in the background.
        let usual = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
        for signal in ENDS {
            act(signal, &usual);
            let hold = Hold::begin(true);
            check().expect("none came");
            raise(signal).expect("raised");
            assert!(check().is_err(), "{signal}");
            go_through();
            check().expect("it goes through");
            drop(hold);
            let hold = Hold::begin(true);
            raise(signal).expect("raised");
            drop(hold);
            check().expect("it is over");
        }
        let _hold = Hold::begin(false);
        raise(Signal::SIGTERM).expect("raised");
        check().expect("it does not turn back");
    }
}
