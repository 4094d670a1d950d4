//! What a unit's own programs say: a line on standard error, or in a user's manager an entry of the journal that names the
//! unit. journald asks /proc which unit a line is of, when it reads it; a launcher that refuses is gone by then, and the line
//! would be nobody's. Of a system unit the stream itself says which one it is of, of a user's it does not.

use std::fmt::Display;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use rustix::fs::fstat;

use crate::host::process::Process;
use crate::output::{self, line_text};

/// Where journald takes entries (systemd-journald.service(8)).
const SOCKET: &str = "/run/systemd/journal/socket";

/// How much an entry matters, as syslog(3) counts.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Priority {
    /// The unit's program does not do what it is there for.
    Error = 3,
    /// Something to know.
    Info = 6,
}

/// Say something: as an entry of the journal where a line would be lost, else as a line on standard error.
pub(crate) fn say(priority: Priority, text: impl Display) {
    let said = user_unit().is_some_and(|unit| {
        let invocation = std::env::var("INVOCATION_ID").unwrap_or_default();
        let entry = entry(&unit, &invocation, priority, &line_text(&text));
        send(Path::new(SOCKET), &entry).is_ok()
    });
    if !said {
        output::line(text);
    }
}

/// The unit of a user's manager that this process is of, where its standard error is the journal.
fn user_unit() -> Option<String> {
    let stream = std::env::var("JOURNAL_STREAM").ok()?;
    if !is_stream(&stream, io::stderr()) {
        return None;
    }
    let unit = Process::read(std::process::id() as i32)?.unit()?;
    unit.user.map(|_| unit.name)
}

/// Whether a descriptor is the stream that JOURNAL_STREAM names, by device and inode (systemd.exec(5)).
fn is_stream(named: &str, fd: impl AsFd) -> bool {
    fstat(fd).is_ok_and(|stat| format!("{}:{}", stat.st_dev, stat.st_ino) == named)
}

/// An entry that `journalctl --user -u UNIT` shows, in journald's own protocol. Each value is written with its length, so
/// it may have lines.
fn entry(unit: &str, invocation: &str, priority: Priority, text: &str) -> Vec<u8> {
    let priority = (priority as u8).to_string();
    let identifier = unit.strip_suffix(".service").unwrap_or(unit);
    let fields = [
        ("MESSAGE", text),
        ("PRIORITY", &priority),
        ("SYSLOG_IDENTIFIER", identifier),
        ("USER_UNIT", unit),
        ("USER_INVOCATION_ID", invocation),
    ];
    let mut entry = Vec::new();
    for (name, value) in fields.into_iter().filter(|(_, value)| !value.is_empty()) {
        entry.extend_from_slice(name.as_bytes());
        entry.push(b'\n');
        entry.extend_from_slice(&(value.len() as u64).to_le_bytes());
        entry.extend_from_slice(value.as_bytes());
        entry.push(b'\n');
    }
    entry
}

/// Hand it over whole, or not at all; a journald that does not read holds nobody up.
fn send(socket: &Path, entry: &[u8]) -> io::Result<()> {
    let from = UnixDatagram::unbound()?;
    from.set_nonblocking(true)?;
    from.send_to(entry, socket).map(drop)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs::File;
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    /// The fields of an entry, read as journald does.
    fn fields(mut entry: &[u8]) -> BTreeMap<String, String> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
        let mut fields = BTreeMap::new();
        while let Some(end) = entry.iter().position(|byte| *byte == b'\n') {
            let (name, rest) = (text(&entry[..end]), &entry[end + 1..]);
            let (length, rest) = rest.split_first_chunk().expect("a length");
            let (value, rest) = rest.split_at(u64::from_le_bytes(*length) as usize);
            entry = rest.strip_prefix(b"\n").expect("an end of the value");
            fields.insert(name, text(value));
        }
        assert_eq!(entry, b"");
        fields
    }

    #[test]
    fn an_entry_names_its_unit_and_keeps_its_lines() {
        let top = tempfile::tempdir().expect("a directory");
        let path = top.path().join("socket");
        let journald = UnixDatagram::bind(&path).expect("bound");
        let said = "no hermes\nPRIORITY=0\nUSER_UNIT=other.service";
        let entry = entry("bot@a-b.service", "f00", Priority::Error, said);
        send(&path, &entry).expect("sent");
        let mut got = [0; 1024];
        let length = journald.recv(&mut got).expect("received");
        let expected = [
            ("MESSAGE", said),
            ("PRIORITY", "3"),
            ("SYSLOG_IDENTIFIER", "bot@a-b"),
            ("USER_INVOCATION_ID", "f00"),
            ("USER_UNIT", "bot@a-b.service"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(fields(&got[..length]), BTreeMap::from(expected));
    }

    #[test]
    fn a_journald_that_does_not_read_or_is_not_there_is_an_error_at_once() {
        let top = tempfile::tempdir().expect("a directory");
        let path = top.path().join("socket");
        assert!(send(&path, b"").is_err());
        let _deaf = UnixDatagram::bind(&path).expect("bound");
        assert!((0..100_000).any(|_| send(&path, &[0; 1024]).is_err()));
    }

    #[test]
    fn a_standard_error_that_leads_elsewhere_is_not_the_journal() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let stat = file.as_file().metadata().expect("its data");
        let named = format!("{}:{}", stat.dev(), stat.ino());
        assert!(is_stream(&named, file.as_file()));
        assert!(!is_stream(&named, File::open("/").expect("a directory")));
        assert!(!is_stream("", file.as_file()));
    }
}
