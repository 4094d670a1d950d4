//! Copies of what a run changes or removes that was not its own: one dated directory for each run, which only the owner
//! of the host can read, with `before.json` for what a copy does not show.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Result;
use serde::Serialize;

use crate::deploy::writer::Writer;
use crate::host::Host;
use crate::host::paths::below_root;
use crate::host::rootfs::Actual;
use crate::render::tree::Entry;

/// The backup of one run. Nothing is written before there is something to keep.
pub(crate) struct Backup {
    above: String,
    directory: String,
    files: Vec<FileBefore>,
}

/// A file as it was.
#[derive(Debug, Serialize)]
struct FileBefore {
    path: PathBuf,
    uid: u32,
    gid: u32,
    mode: String,
}

/// `before.json`.
#[derive(Serialize)]
struct Record<'a, T> {
    files: &'a [FileBefore],
    #[serde(flatten)]
    more: &'a T,
}

impl Backup {
    /// One for a run that starts now.
    pub(crate) fn new(host: &Host) -> Result<Self> {
        let now = dated(SystemTime::now());
        let above = host.state("backup");
        let mut directory = format!("{above}/{now}");
        let mut others = 1;
        while host.files.look(&directory)? != Actual::Missing {
            others += 1;
            directory = format!("{above}/{now}-{others}");
        }
        Ok(Self {
            above,
            directory,
            files: Vec::new(),
        })
    }

    /// Where it is, relative to the root, once something was kept.
    pub(crate) fn directory(&self) -> Option<&str> {
        (!self.files.is_empty()).then_some(self.directory.as_str())
    }

    /// Where it is, or would be.
    pub(crate) fn place(&self) -> PathBuf {
        Path::new("/").join(&self.directory)
    }

    /// Keep a copy of a file, and what it was like; a link is kept as a link. Nothing where there is nothing.
    pub(crate) fn keep(&mut self, writer: &mut Writer, path: &str) -> Result<()> {
        let copy = format!("{}/{}", self.directory, printable(path));
        if let Some((entry, stat)) = writer.seen(path)? {
            writer.put_private(&copy, &entry)?;
            self.note(Path::new(path), stat.st_uid, stat.st_gid, stat.st_mode);
        }
        Ok(())
    }

    /// Record what a file is like that stays and gets another owner or mode.
    pub(crate) fn note(&mut self, path: &Path, uid: u32, gid: u32, mode: u32) {
        self.files.push(FileBefore {
            path: Path::new("/").join(path),
            uid,
            gid,
            mode: format!("{:04o}", mode & 0o7777),
        });
    }

    /// Write `before.json`, with `more` that the run knows.
    pub(crate) fn save<T: Serialize>(&self, writer: &mut Writer, more: &T) -> Result<()> {
        let files = &self.files;
        let text = serde_json::to_string_pretty(&Record { files, more })? + "\n";
        let path = format!("{}/before.json", self.directory);
        writer.put_private(&path, &Entry::text(text))?;
        // 0.1.0 made it for everybody to read.
        writer.close(&self.above)
    }
}

/// What is in the backup of a run once a person was told of the units in it.
const TOLD: &str = "told";

/// Unit files that hermes-install moved out of this scope's directory, and whose place is still empty: each with its newest
/// copy. Paths are absolute. Those that a person was told of are left out.
pub(crate) fn moved_units(host: &Host) -> Result<Vec<(PathBuf, PathBuf)>> {
    let above = Path::new("/").join(host.state("backup"));
    let units = host.units();
    let mut runs = host.files.names(&above).unwrap_or_default();
    // Their names are dates.
    runs.sort();
    let mut found = BTreeMap::new();
    for run in runs {
        let run = above.join(run);
        if is_file(host, &run.join(TOLD))? {
            continue;
        }
        let copies = run.join(&units);
        for name in host.files.names(&copies).unwrap_or_default() {
            let (copy, place) = (copies.join(&name), Path::new(&units).join(&name));
            let is_unit = name.to_str().is_some_and(|n| n.ends_with(".service"));
            let is_moved = is_unit && is_anothers(host, &copy)?;
            if is_moved && host.files.look(&place.to_string_lossy())? == Actual::Missing {
                found.insert(Path::new("/").join(place), copy);
            }
        }
    }
    Ok(found.into_iter().collect())
}

/// Note that a person was told where the newest copies of such unit files are.
pub(crate) fn note_told(host: &Host) -> Result<()> {
    let above = host.state("backup");
    let mut writer = Writer::new(&host.files);
    for run in host.files.names(Path::new(&above)).unwrap_or_default() {
        let run = Path::new(&above).join(run);
        if host
            .files
            .names(&run.join(host.units()))
            .is_ok_and(|copies| !copies.is_empty())
        {
            writer.put_private(
                &run.join(TOLD).to_string_lossy(),
                &Entry::text(String::new()),
            )?;
        }
    }
    Ok(())
}

/// Whether it is a file, and not one of hermes-install's that somebody had edited.
fn is_anothers(host: &Host, path: &Path) -> Result<bool> {
    let seen = host.files.look(&below_root(path).to_string_lossy())?;
    let Actual::Present(Entry::File { bytes, .. }, _) = seen else {
        return Ok(false);
    };
    let text = String::from_utf8_lossy(&bytes);
    Ok(!text.lines().any(|line| {
        line.starts_with("# Shipped by hermes-install")
            || line.starts_with("# Written by hermes-install")
    }))
}

fn is_file(host: &Host, path: &Path) -> Result<bool> {
    let seen = host.files.look(&below_root(path).to_string_lossy())?;
    Ok(matches!(seen, Actual::Present(Entry::File { .. }, _)))
}

/// A time as `20261125T104500Z`: sorts as it is, and no shell or file system minds it.
pub(super) fn dated(time: SystemTime) -> String {
    let full = humantime::format_rfc3339_seconds(time).to_string();
    full.replace(['-', ':'], "")
}

/// A path whose control characters are spelled, as somebody will list the backup on a terminal.
fn printable(path: &str) -> String {
    let spelled = |c: char| {
        if c.is_control() {
            format!("\\u{:04x}", u32::from(c))
        } else {
            c.to_string()
        }
    };
    path.chars().map(spelled).collect()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::layout::Scope;

    #[test]
    fn a_time_is_a_name_that_sorts() {
        let at = |seconds| dated(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "19700101T000000Z");
        assert_eq!(at(1_709_210_096), "20240229T123456Z");
    }

    #[test]
    fn a_unit_that_a_person_was_told_of_is_told_of_once() {
        let top = tempfile::tempdir().expect("a directory");
        let host = Host::new(Scope::System, Some(top.path())).expect("an image");
        let place = |run: &str| {
            let copies = format!("{}/{run}/{}", host.state("backup"), host.units());
            top.path().join(copies)
        };
        let keep = |run: &str, unit: &str| {
            std::fs::create_dir_all(place(run)).expect("made");
            std::fs::write(place(run).join(unit), "[Service]\n").expect("written");
        };
        let moved = || -> Vec<PathBuf> {
            let moved = moved_units(&host).expect("read").into_iter();
            moved.map(|(place, _)| place).collect()
        };
        keep("20240229T123456Z", "old.service");
        assert_eq!(moved(), [Path::new("/etc/systemd/system/old.service")]);
        note_told(&host).expect("noted");
        assert_eq!(moved(), [""; 0].map(PathBuf::from));
        keep("20240301T000000Z", "new.service");
        assert_eq!(moved(), [Path::new("/etc/systemd/system/new.service")]);
    }

    #[test]
    fn a_name_cannot_write_to_a_terminal() {
        assert_eq!(
            printable("a/\u{1b}]0;x\n.conf"),
            "a/\\u001b]0;x\\u000a.conf"
        );
    }
}
