//! Files of a root read for information. What is no regular file is nothing, as for systemd; what cannot be read is
//! remembered.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::Path;

use crate::host::read::{self, Unread};
use crate::host::rootfs::RootFs;

/// Reads files of a root for information, and remembers what it could not read: that may have said anything.
#[derive(Debug)]
pub(crate) struct Reader {
    files: RootFs,
    unread: RefCell<BTreeSet<String>>,
}

impl Reader {
    /// One that has read nothing.
    pub(crate) fn new(files: &RootFs) -> Self {
        Self {
            files: files.clone(),
            unread: RefCell::default(),
        }
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
        let names = self.files.names(directory).unwrap_or_else(|e| {
            self.note(directory, &e);
            Vec::new()
        });
        let names = names.into_iter();
        names.filter_map(|name| name.into_string().ok()).collect()
    }

    /// The text of a regular file.
    pub(crate) fn text(&self, path: &Path) -> Option<String> {
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
    }
}
