//! Files of a root read for information. What is no regular file is nothing, as for systemd; what cannot be read is
//! remembered.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::gateway::config::{ACTIVE_PROFILE, active_name};
use crate::host::read::{self, Unread};
use crate::host::rootfs::RootFs;
use crate::units::exec_line::MOST_FOR_ONE;

/// Reads files of a root for information, and remembers what it could not read: that may have said anything.
#[derive(Debug)]
pub(crate) struct Reader {
    files: RootFs,
    /// What could not be read, as sentences, and the paths of them.
    unread: RefCell<BTreeSet<String>>,
    closed: RefCell<BTreeSet<PathBuf>>,
    /// What is left to be spent, in words of command lines; `None` where nothing is counted.
    left: Cell<Option<usize>>,
}

/// Bytes that cost as much as a word.
const BYTES: usize = 64;
/// Names in a directory that cost as much as a word.
const NAMES: usize = 16;

impl Reader {
    /// One that has read nothing.
    pub(crate) fn new(files: &RootFs) -> Self {
        Self {
            files: files.clone(),
            unread: RefCell::default(),
            closed: RefCell::default(),
            left: Cell::new(None),
        }
    }

    /// One of files that are another account's to write: it reads no more of them than is worth the while.
    pub(crate) fn of_another(files: &RootFs) -> Self {
        Self {
            left: Cell::new(Some(MOST_FOR_ONE)),
            ..Self::new(files)
        }
    }

    /// Whether there is so much left to be spent; where there is not, nothing more is read, and that is remembered.
    pub(crate) fn spend(&self, words: usize) -> bool {
        let Some(left) = self.left.get() else {
            return true;
        };
        let rest = left.checked_sub(words);
        self.left.set(Some(rest.unwrap_or_default()));
        if rest.is_none() {
            let sentence =
                "not all of its units were read: there are too many, or they say too much";
            self.unread.borrow_mut().insert(sentence.to_owned());
        }
        rest.is_some()
    }

    /// As much of that as is left to be spent.
    pub(crate) fn at_most(&self, words: usize) -> usize {
        self.left.get().map_or(words, |left| left.min(words))
    }

    /// Whether it is known already that there is nothing at a path.
    pub(crate) fn lacks(&self, path: &Path) -> bool {
        self.files.lacks(path)
    }

    /// What it reads from.
    pub(super) fn files(&self) -> &RootFs {
        &self.files
    }

    /// What could not be read so far, each as a sentence.
    pub(crate) fn unread(&self) -> Vec<String> {
        self.unread.borrow().iter().cloned().collect()
    }

    /// The names in a directory.
    pub(crate) fn names(&self, directory: &Path) -> Vec<String> {
        if self.at_most(1) == 0 {
            return Vec::new();
        }
        let names = self.files.names(directory).unwrap_or_else(|e| {
            self.note(directory, &e);
            Vec::new()
        });
        self.spend(names.len() / NAMES);
        let names = names.into_iter();
        names.filter_map(|name| name.into_string().ok()).collect()
    }

    /// The text of a regular file.
    pub(crate) fn text(&self, path: &Path) -> Option<String> {
        if self.at_most(1) == 0 {
            return None;
        }
        let text = self.text_of(path)?;
        self.spend(text.len() / BYTES).then_some(text)
    }

    /// The active profile of a hermes root. Where it cannot be read, some profile of that root is meant, and no other: nothing
    /// else is unknown for that.
    pub(crate) fn active_profile(&self, root: &Path) -> Option<String> {
        if self.at_most(1) == 0 {
            return None;
        }
        let path = root.join(ACTIVE_PROFILE);
        let text = self.files.read_text(&path, read::UNIT).ok()??;
        let is_paid = self.spend(text.len() / BYTES);
        active_name(&text).filter(|_| is_paid)
    }

    fn text_of(&self, path: &Path) -> Option<String> {
        match self.files.read_text(path, read::UNIT) {
            Ok(text) => text,
            // systemd does not read it either.
            Err(Unread::NotRegular(_)) => None,
            Err(Unread::TooLarge(limit)) => {
                self.note(path, &Unread::TooLarge(limit));
                None
            }
            Err(Unread::Failed(e)) => {
                self.note(path, &e);
                None
            }
        }
    }

    /// Read a file that is likely to be asked for, while the look has its directory open.
    pub(super) fn read_ahead(&self, path: &Path) {
        if self.files.is_look() {
            let _ = self.files.read(path, read::UNIT);
        }
    }

    /// The text of a script: a file that the kernel hands to an interpreter, or one that is named like a script.
    pub(crate) fn script(&self, path: &Path) -> Option<String> {
        match self.read_script(path) {
            Ok(text) => text,
            Err(Unread::Failed(e)) => {
                self.note(path, &e);
                None
            }
            Err(_) => None,
        }
    }

    /// Whether there is a script at that path with that word in it. What cannot be read has none.
    pub(crate) fn is_script_with(&self, path: &Path, word: &str) -> bool {
        let text = self.read_script(path).ok().flatten();
        text.is_some_and(|text| text.contains(word))
    }

    fn read_script(&self, path: &Path) -> Result<Option<String>, Unread> {
        if self.at_most(1) == 0 {
            return Ok(None);
        }
        let text = self.script_of(path)?;
        Ok(text.filter(|text| self.spend(text.len() / BYTES)))
    }

    fn script_of(&self, path: &Path) -> Result<Option<String>, Unread> {
        match path.extension().and_then(OsStr::to_str) {
            Some("sh" | "bash" | "js" | "mjs" | "cjs" | "ts" | "py" | "rb" | "pl" | "php") => {
                self.files.read_text(path, read::UNIT)
            }
            _ => self.files.read_script(path, read::UNIT),
        }
    }

    fn note(&self, path: &Path, why: &dyn std::fmt::Display) {
        let sentence = format!("`{}` cannot be read: {why}", path.display());
        self.unread.borrow_mut().insert(sentence);
        self.closed.borrow_mut().insert(path.to_owned());
    }

    /// Whether a file is there and could not be read.
    pub(super) fn is_closed(&self, path: &Path) -> bool {
        self.closed.borrow().contains(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_one_account_no_more_is_read_than_it_is_worth() {
        let top = tempfile::tempdir().expect("done");
        let files = RootFs::new(top.path()).expect("done");
        let large = "x".repeat(1 << 20);
        for n in 0..100 {
            std::fs::write(top.path().join(n.to_string()), &large).expect("done");
        }
        let read = |reader: &Reader| {
            let paths = (0..100).map(|n| Path::new("/").join(n.to_string()));
            paths.filter(|path| reader.text(path).is_some()).count()
        };
        let reader = Reader::of_another(&files);
        let most = MOST_FOR_ONE * BYTES / large.len();
        assert_eq!(read(&reader), most, "of 100 MiB");
        assert_eq!(reader.unread().len(), 1, "{:?}", reader.unread());
        assert!(reader.names(Path::new("/")).is_empty() && !reader.spend(1));
        assert_eq!(reader.unread().len(), 1, "it is said once");
        let reader = Reader::new(&files);
        assert_eq!(
            (read(&reader), reader.unread().len()),
            (100, 0),
            "of root's"
        );
    }
}
