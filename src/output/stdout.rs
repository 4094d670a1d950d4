//! Standard output: whether all that was said has been written. A run goes on where it cannot be, and says so at its end.

use std::fs::File;
use std::io::{self, ErrorKind, Write as _};
use std::os::fd::AsFd as _;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// Why something could not be written, the first time.
static UNWRITTEN: OnceLock<String> = OnceLock::new();
/// Whether this program was started without a standard output.
static IS_CLOSED: AtomicBool = AtomicBool::new(false);

/// Run by the C library before `main`: Rust opens /dev/null in the place of a descriptor that is closed, and by then nobody
/// can tell that from a `>/dev/null`.
#[allow(unsafe_code)]
// SAFETY: functions of this section are called once, with arguments that this one does not take. It asks the kernel for
// the flags of a descriptor and sets a number; nothing of Rust's runtime is needed for that.
#[unsafe(link_section = ".init_array")]
#[used]
static LOOK: extern "C" fn() = {
    extern "C" fn look() {
        let flags = rustix::io::fcntl_getfd(rustix::stdio::stdout());
        IS_CLOSED.store(flags.is_err(), Ordering::Relaxed);
    }
    look
};

/// Write all of it, or remember why not. Past Rust's own standard output, which takes EBADF for success.
pub(super) fn write(bytes: &[u8]) {
    let closed = || io::Error::from(rustix::io::Errno::BADF);
    let all = || -> io::Result<()> {
        if IS_CLOSED.load(Ordering::Relaxed) {
            return Err(closed());
        }
        File::from(io::stdout().as_fd().try_clone_to_owned()?).write_all(bytes)
    };
    note(all());
}

/// Remember why something could not be written.
pub(crate) fn note(written: io::Result<()>) {
    // A closed pipe means that the reader has seen enough.
    if let Err(e) = written.map_err(|e| (e.kind() != ErrorKind::BrokenPipe).then_some(e)) {
        e.map(|e| UNWRITTEN.set(e.to_string()));
    }
}

/// Why not all was written that was said, if so.
pub(crate) fn unwritten() -> Option<&'static str> {
    UNWRITTEN.get().map(String::as_str)
}
