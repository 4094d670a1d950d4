//! Two looks at the same time. Much of a look at a running host is waiting for its managers.

use std::panic::resume_unwind;
use std::thread;

/// Have one thing done by this thread, and meanwhile the other one by another.
pub(crate) fn both<A, B: Send>(
    here: impl FnOnce() -> A,
    there: impl FnOnce() -> B + Send,
) -> (A, B) {
    thread::scope(|scope| {
        let there = scope.spawn(there);
        let here = here();
        (
            here,
            there.join().unwrap_or_else(|panic| resume_unwind(panic)),
        )
    })
}
