//! What a process keeps in its own memory: its command line and its environment.
//!
//! Whoever reads them waits for the lock of that memory, which the process keeps while it has the page of a file fetched
//! from a file system of its own that never answers. So those of other accounts are read within a time. Reads only.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::os::fd::OwnedFd;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use nix::unistd::geteuid;
use rustix::fs::{CWD, Mode, OFlags, openat};

use crate::host::insight::look;
use crate::host::process::{Process, dir};

/// An environment is at most 6 MiB when a program is executed (execve(2)). Afterwards the process may say that any part of
/// its memory is its environment, terabytes of it (prctl(2), PR_SET_MM_MAP).
const MOST: u64 = 8 << 20;
/// For one process of another account.
const PATIENCE: Duration = Duration::from_secs(2);
/// For each further one when all of that is spent.
const LEAST: Duration = Duration::from_millis(10);

/// How the memory of processes of other accounts is read, and which of those accounts did not answer.
struct Others {
    /// Reads it; none before the first time, and after one that still waits.
    reader: Option<Reader>,
    /// Accounts that kept theirs: nothing more is read of them.
    silent: Vec<u32>,
    /// The time that is left for further ones; an account may have thousands of them (subuid(5)).
    left: Duration,
}

static OTHERS: Mutex<Others> = Mutex::new(Others {
    reader: None,
    silent: Vec::new(),
    left: Duration::from_secs(5),
});

/// A file of a directory of /proc that is read from the memory of a process of that account; whoever asks looks.
///
/// # Errors
/// [`ErrorKind::TimedOut`] when the process keeps everybody from its memory, or one of its account has done so before.
pub(super) fn read(
    directory: OwnedFd,
    name: &'static str,
    uid: u32,
    most: u64,
) -> io::Result<Vec<u8>> {
    let wanted = Wanted {
        directory,
        name,
        most,
    };
    if uid == 0 || uid == geteuid().as_raw() {
        return wanted.read();
    }
    let mut others = OTHERS.lock().unwrap_or_else(PoisonError::into_inner);
    if others.silent.contains(&uid) {
        return Err(ErrorKind::TimedOut.into());
    }
    // Without another thread it is better to wait than not to know.
    let Ok(reader) = others.reader.take().map_or_else(Reader::start, Ok) else {
        return wanted.read();
    };
    let patience = others.left.clamp(LEAST, PATIENCE);
    match reader.read(wanted, patience) {
        Some(answer) => {
            others.reader = Some(reader);
            answer
        }
        None => {
            others.silent.push(uid);
            others.left = others.left.saturating_sub(patience);
            Err(ErrorKind::TimedOut.into())
        }
    }
}

/// What is to be read.
struct Wanted {
    directory: OwnedFd,
    name: &'static str,
    most: u64,
}

impl Wanted {
    fn read(&self) -> io::Result<Vec<u8>> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = openat(&self.directory, self.name, flags, Mode::empty())?;
        let mut bytes = Vec::new();
        File::from(file).take(self.most).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// A thread that may wait in our place. One that still does ends with this program.
struct Reader {
    wanted: Sender<Wanted>,
    found: Receiver<io::Result<Vec<u8>>>,
}

impl Reader {
    fn start() -> io::Result<Self> {
        let (wanted, to_read) = channel::<Wanted>();
        let (tell, found) = channel();
        let work = move || {
            look(|| {
                to_read
                    .iter()
                    .try_for_each(|wanted| tell.send(wanted.read()))
            })
        };
        std::thread::Builder::new().spawn(work)?;
        Ok(Self { wanted, found })
    }

    /// `None` when there is no answer within this time.
    fn read(&self, wanted: Wanted, patience: Duration) -> Option<io::Result<Vec<u8>>> {
        self.wanted.send(wanted).ok()?;
        self.found.recv_timeout(patience).ok()
    }
}

impl Process {
    /// The environment it was started with. `Err` when we may not look.
    pub(crate) fn environ(&self) -> io::Result<Environ> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let bytes = look(|| {
            let directory = openat(CWD, dir(self.pid), flags, Mode::empty())?;
            read(directory, "environ", self.uid, MOST + 1)
        })?;
        match u64::try_from(bytes.len()) {
            Ok(length) if length <= MOST => Ok(Environ(bytes)),
            _ => Err(ErrorKind::FileTooLarge.into()),
        }
    }
}

/// An environment block.
pub(crate) struct Environ(Vec<u8>);

impl Environ {
    /// The value of a variable.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .split(|b| *b == 0)
            .filter_map(|entry| std::str::from_utf8(entry).ok())
            .find_map(|entry| entry.strip_prefix(name)?.strip_prefix('='))
    }

    /// The names of all variables.
    pub(crate) fn names(&self) -> impl Iterator<Item = String> + '_ {
        let entries = self.0.split(|b| *b == 0);
        entries.filter_map(|entry| {
            let (name, _) = std::str::from_utf8(entry).ok()?.split_once('=')?;
            Some(name.to_owned())
        })
    }
}

#[cfg(test)]
mod tests {
    use nix::sys::stat::Mode as Rights;
    use nix::unistd::mkfifo;

    use super::*;

    #[test]
    fn one_that_does_not_answer_is_left_alone_with_all_of_its_account() {
        let top = tempfile::tempdir().expect("a directory");
        mkfifo(&top.path().join("cmdline"), Rights::S_IRWXU).expect("made");
        std::fs::write(top.path().join("environ"), "A=1").expect("written");
        let read = |name: &'static str, uid: u32| {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let directory = openat(CWD, top.path(), flags, Mode::empty()).expect("opened");
            read(directory, name, uid, 2).map_err(|e| e.kind())
        };
        let own = geteuid().as_raw();
        let [her, other] = [own + 4242, own + 4243];
        assert_eq!(read("environ", her), Ok(b"A=".to_vec()));
        // Opening a pipe waits for a writer.
        assert_eq!(read("cmdline", her), Err(ErrorKind::TimedOut));
        assert_eq!(read("environ", her), Err(ErrorKind::TimedOut));
        assert_eq!(read("environ", other), Ok(b"A=".to_vec()));
        assert_eq!(read("environ", own), Ok(b"A=".to_vec()));
    }
}
