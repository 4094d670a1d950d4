//! The right to look into processes that are not one's own (CAP_SYS_PTRACE, capabilities(7)): this program has it while it
//! looks at /proc, and else not. Root with that right follows any link to `/proc/PID/root`, and with it into a file system
//! that an account has mounted for itself and never answers from.

use std::cell::Cell;

use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};

const INSIGHT: CapabilitySet = CapabilitySet::SYS_PTRACE;

/// Give the right up, but for [`look`]. Programs that are executed have it again, threads that are started have not.
pub(crate) fn give_up() {
    // A unit may forbid a process to ask for rights, even fewer.
    let sets = capabilities(None).ok();
    if let Some(mut sets) = sets.filter(|sets| sets.effective.contains(INSIGHT)) {
        sets.effective.remove(INSIGHT);
        let _ = set_capabilities(None, sets);
    }
}

thread_local! {
    /// Whether this thread looks already.
    static LOOKS: Cell<bool> = const { Cell::new(false) };
}

/// Look with it, as far as this process may have it. No path is walked in here but those of /proc itself.
pub(crate) fn look<T>(seen: impl FnOnce() -> T) -> T {
    if LOOKS.get() {
        return seen();
    }
    let before = capabilities(None).ok().filter(is_to_be_had);
    let Some(mut sets) = before else {
        return seen();
    };
    sets.effective.insert(INSIGHT);
    let _ = set_capabilities(None, sets);
    LOOKS.set(true);
    let seen = seen();
    LOOKS.set(false);
    sets.effective.remove(INSIGHT);
    let _ = set_capabilities(None, sets);
    seen
}

fn is_to_be_had(sets: &CapabilitySets) -> bool {
    sets.permitted.contains(INSIGHT) && !sets.effective.contains(INSIGHT)
}
