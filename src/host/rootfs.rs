//! Files below `/` or the top of an image, reached through descriptors of directories. One component is opened after the
//! other, relative to the one before and without following it. A link is followed by hand as if the top were `/`.
//!
//! Whoever owns a directory can put another one, or a link, in its place at any moment. So from the first directory on
//! that somebody else than root and the running account can write, [`RootFs::find`] follows no link, and every further
//! directory has to belong to the same account: what is then done relative to the descriptor is done to files of that
//! account, whatever it renames meanwhile. Reading for information ([`RootFs::read`], [`RootFs::names`]) follows all
//! links, inside of the root, as the owner of a unit may well use one.
//!
//! Not cap-std: its `Dir` takes a link to an absolute path for an escape, and images are full of them; cap-std-ext's
//! `RootDir`, as in bootc, reads only. Not openat2(2), which both use: RESOLVE_IN_ROOT does not ask whose the directories
//! on the way are, below `/` everything is "in root", RESOLVE_NO_SYMLINKS does not know that /home or /var/lib may be an
//! admin's link, and containers whose seccomp filter is older than Linux 5.6 answer EPERM.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::host::directory::Directory;
use crate::host::file::{actual, has_stamp, is_circle, largest_in, owner_of_same, split};
use crate::host::memory::{Listing, Memory};
use crate::host::paths::below_root;
use crate::host::read::{Unread, is_missing};
use crate::host::walk::{LONGEST, Links, MOST_LINKS};
use crate::render::tree::{Entry, Stamp, Tree};

/// What is at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Actual {
    /// Nothing.
    Missing,
    /// A file or link, and the user ID that owns it.
    Present(Entry, u32),
    /// Something that is neither, such as a directory.
    Other(&'static str),
}

/// Relative path to what is there.
pub(crate) type Observed = BTreeMap<String, Actual>;

/// The files below one root.
#[derive(Debug, Clone)]
pub(crate) struct RootFs {
    pub(super) top: Directory,
    pub(super) memory: Memory,
    root: PathBuf,
}

impl RootFs {
    /// The files below a directory.
    pub(crate) fn new(root: &Path) -> Result<Self> {
        let top = Directory::top(root)
            .with_context(|| format!("`{}` cannot be opened", root.display()))?;
        Ok(Self {
            top,
            memory: Memory::new(),
            root: root.to_owned(),
        })
    }

    /// A directory to work in. An error of a kind that [`is_missing`] knows when there is none. From now on every look
    /// begins at the top, as what was seen may be changed.
    pub(crate) fn find(&self, path: &Path) -> io::Result<Directory> {
        self.memory.end();
        self.walk(path, Links::Trusted)
    }

    /// The directory of a path to work in, and the name in it.
    pub(crate) fn find_parent<'p>(&self, path: &'p Path) -> io::Result<(Directory, &'p OsStr)> {
        let (above, name) = split(path)?;
        Ok((self.find(above)?, name))
    }

    /// Begin another look: what was seen before is forgotten.
    pub(crate) fn begin(&self) {
        self.memory.begin();
    }

    /// Whether what is seen is remembered.
    pub(crate) fn is_look(&self) -> bool {
        self.memory.is_on()
    }

    /// Look at one path.
    pub(crate) fn look(&self, path: &str) -> Result<Actual> {
        actual(self.see(Path::new(path), Links::Trusted, largest_in))
            .with_context(|| format!("`{}` cannot be examined", self.shown(path).display()))
    }

    /// Look at these paths. A file that is as it is wanted is not held a second time: a launcher is large.
    pub(crate) fn observe<'a>(
        &self,
        paths: impl IntoIterator<Item = &'a String>,
        wanted: &Tree,
    ) -> Result<Observed> {
        let look = |path: &String| {
            if let Some(entry) = wanted.get(path) {
                if let Some(uid) = self.owner_if_same(path, entry) {
                    return Ok(Actual::Present(entry.clone(), uid));
                }
            }
            self.look(path)
        };
        paths
            .into_iter()
            .map(|path| Ok((path.clone(), look(path)?)))
            .collect()
    }

    /// Who owns a file that was not read yet, if it is this very one. What keeps that from being told, a look tells.
    fn owner_if_same(&self, path: &str, entry: &Entry) -> Option<u32> {
        let Entry::File { bytes, mode } = entry else {
            return None;
        };
        let path = Path::new(path);
        if self.memory.file(path).is_some() {
            return None;
        }
        let (above, name) = split(path).ok()?;
        let (directory, _) = self.walk_seen(above, Links::Trusted).ok()?;
        owner_of_same(&directory, name, bytes, *mode).ok()?
    }

    /// How a file differs from what was recorded, as a sentence.
    pub(crate) fn difference(&self, path: &str, stamp: &Stamp) -> Option<String> {
        if self.is_as_recorded(path, stamp).unwrap_or(false) {
            return None;
        }
        match self.look(path) {
            Ok(Actual::Present(entry, _)) if entry.stamp() == *stamp => None,
            Ok(Actual::Present(..)) => Some(format!("`/{path}` was edited")),
            Ok(Actual::Missing) => Some(format!("`/{path}` is gone")),
            Ok(Actual::Other(what)) => Some(format!("`/{path}` is {what}")),
            Err(e) if is_denied(&e) && !nix::unistd::geteuid().is_root() => Some(format!(
                "`/{path}` cannot be read, so whether it is as it was written is not known; to see it: `sudo hermes-install \
                 status`"
            )),
            Err(e) => Some(format!("{e:#}")),
        }
    }

    /// Whether that is seen without holding what is there: a launcher is large, and of a link its target says all.
    fn is_as_recorded(&self, path: &str, stamp: &Stamp) -> Result<bool, Unread> {
        let path = Path::new(path);
        if self.memory.file(path).is_some() {
            return Ok(false);
        }
        let (above, name) = split(path)?;
        let (directory, _) = self.walk_seen(above, Links::Trusted)?;
        has_stamp(&directory, name, stamp)
    }

    /// The directories above these paths that do not exist, relative to the root.
    pub(crate) fn missing_directories<'a>(
        &self,
        paths: impl IntoIterator<Item = &'a String>,
    ) -> Result<BTreeSet<String>> {
        let mut missing = BTreeSet::new();
        for path in paths {
            for above in Path::new(path).ancestors().skip(1) {
                let Some(text) = above.to_str().filter(|a| !a.is_empty()) else {
                    break;
                };
                match self.walk_seen(above, Links::Trusted) {
                    Ok(_) => break,
                    Err(e) if is_missing(&e) => missing.insert(text.to_owned()),
                    Err(e) => return Err(e).with_context(|| format!("`/{text}` cannot be used")),
                };
            }
        }
        Ok(missing)
    }

    /// The names in a directory for information, all links followed; none when there is no such directory.
    pub(crate) fn names(&self, path: &Path) -> io::Result<Vec<OsString>> {
        Ok(self.listing(path)?.names.to_vec())
    }

    /// Those that may be links; the others are none.
    pub(crate) fn links(&self, path: &Path) -> io::Result<Vec<OsString>> {
        Ok(self.listing(path)?.links.to_vec())
    }

    fn listing(&self, path: &Path) -> io::Result<Listing> {
        let path = below_root(path);
        // Not remembered for each of them: most accounts have none of what they are asked for.
        if self.lacks(path) {
            return Ok(Listing::default());
        }
        let read = || {
            let (directory, _) = self.walk_seen(path, Links::All)?;
            let mut names = directory.names()?;
            names.sort_unstable();
            let links = names.iter().filter(|(_, may_be_link)| *may_be_link);
            Ok(Listing {
                links: links.map(|(name, _)| name.clone()).collect(),
                names: names.into_iter().map(|(name, _)| name).collect(),
                is_whole: !directory.is_mounted(),
            })
        };
        let listing: io::Result<Listing> =
            self.memory
                .try_once(|look| &mut look.listings, path.as_os_str(), read);
        match listing {
            Err(e) if is_missing(&e) || is_circle(&e) => Ok(Listing::default()),
            listing => listing,
        }
    }

    /// Where a link leads, for information.
    pub(crate) fn link_target(&self, path: &Path) -> Option<PathBuf> {
        let (above, name) = split(path).ok()?;
        let (directory, _) = self.walk_seen(above, Links::All).ok()?;
        directory.link_target(name).ok().map(PathBuf::from)
    }

    /// Where a path leads when all its links are followed, relative to the root's top; as far as that can be told.
    pub(crate) fn real(&self, path: &Path) -> PathBuf {
        self.memory.once(
            |look| &mut look.real,
            path.as_os_str(),
            || self.real_now(path),
        )
    }

    /// Remember where a path leads that was seen to be no link.
    pub(super) fn remember_real(&self, path: &Path, real: &Path) {
        let real = || Path::new("/").join(real);
        self.memory
            .once(|look| &mut look.real, path.as_os_str(), real);
    }

    /// Whether this look knows already that there is nothing at a path: a directory above it was listed without it.
    pub(crate) fn lacks(&self, path: &Path) -> bool {
        // To take a longer one apart costs the square of its length.
        path.as_os_str().len() < LONGEST && self.memory.lacks(below_root(path))
    }

    fn real_now(&self, path: &Path) -> PathBuf {
        let mut path = Path::new("/").join(path);
        for _ in 0..MOST_LINKS {
            let Ok((above, name)) = split(&path) else {
                break;
            };
            let Ok((directory, _)) = self.walk_seen(above, Links::All) else {
                break;
            };
            let here = directory.path().join(name);
            match directory.link_target(name) {
                Ok(target) => path = directory.path().join(target),
                Err(_) => return here,
            }
        }
        path
    }

    /// Where a path is found by name from outside of the root, for programs and for people.
    pub(crate) fn shown(&self, path: impl AsRef<Path>) -> PathBuf {
        self.root.join(below_root(path.as_ref()))
    }
}

/// Whether the kernel does not let this account look.
fn is_denied(error: &anyhow::Error) -> bool {
    let told = error.chain().find_map(|e| e.downcast_ref::<io::Error>());
    told.is_some_and(|e| e.kind() == io::ErrorKind::PermissionDenied)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_file_as_it_is_wanted_is_held_once_and_any_other_is_seen_as_it_is() {
        let top = tempfile::tempdir().expect("a directory");
        let at = top.path().join("file");
        let path = "file".to_owned();
        let file = |bytes: &[u8], mode: u32| Entry::File {
            bytes: bytes.to_vec().into(),
            mode,
        };
        let observe = |wanted: &Entry| {
            let files = RootFs::new(top.path()).expect("opened");
            let tree = Tree::from([(path.clone(), wanted.clone())]);
            let mut seen = files.observe([&path], &tree).expect("observed");
            seen.remove(&path).expect("seen")
        };
        let mut bytes = vec![b'x'; 200_000];
        let wanted = file(&bytes, 0o644);
        assert_eq!(observe(&wanted), Actual::Missing);
        fs::write(&at, &bytes).expect("written");
        fs::set_permissions(&at, Permissions::from_mode(0o644)).expect("set");
        let (
            Actual::Present(Entry::File { bytes: seen, .. }, uid),
            Entry::File { bytes: held, .. },
        ) = (observe(&wanted), &wanted)
        else {
            panic!("it is a file");
        };
        assert!(Arc::ptr_eq(&seen, held), "no second copy");
        assert_eq!(uid, nix::unistd::geteuid().as_raw());
        let differs = |bytes: &[u8], mode: u32| {
            fs::write(&at, bytes).expect("written");
            fs::set_permissions(&at, Permissions::from_mode(mode)).expect("set");
            assert_eq!(observe(&wanted), Actual::Present(file(bytes, mode), uid));
        };
        differs(&bytes, 0o600);
        differs(&bytes[1..], 0o644);
        differs(b"", 0o644);
        bytes[199_999] = b'y';
        differs(&bytes, 0o644);
        bytes.push(b'x');
        differs(&bytes, 0o644);
        fs::remove_file(&at).expect("removed");
        symlink("other", &at).expect("made");
        let target = "other".to_owned();
        assert_eq!(
            observe(&wanted),
            Actual::Present(Entry::Link { target }, uid)
        );
    }

    #[test]
    fn what_is_recorded_differs_by_a_byte_a_mode_or_a_target() {
        let top = tempfile::tempdir().expect("a directory");
        let at = |name: &str| top.path().join(name);
        let write = |bytes: &[u8], mode: u32| {
            fs::write(at("file"), bytes).expect("written");
            fs::set_permissions(at("file"), Permissions::from_mode(mode)).expect("set");
        };
        // Read in several pieces, the last of them not whole.
        let mut bytes = vec![b'x'; 200_000];
        let stamp = Entry::File {
            bytes: bytes.clone().into(),
            mode: 0o755,
        }
        .stamp();
        let link = Stamp::Link {
            link: "/file".to_owned(),
        };
        symlink("/file", at("link")).expect("made");
        let differs = |name: &str, stamp: &Stamp| {
            let files = RootFs::new(top.path()).expect("opened");
            files.difference(name, stamp)
        };
        write(&bytes, 0o755);
        assert_eq!(differs("file", &stamp), None);
        assert_eq!(differs("link", &link), None);
        let edited = |name: &str| Some(format!("`/{name}` was edited"));
        assert_eq!(differs("link", &stamp), edited("link"));
        assert_eq!(differs("file", &link), edited("file"));
        write(&bytes, 0o700);
        assert_eq!(differs("file", &stamp), edited("file"));
        bytes.push(b'x');
        write(&bytes, 0o755);
        assert_eq!(differs("file", &stamp), edited("file"), "it is longer");
        bytes[199_999] = b'y';
        write(&bytes[..200_000], 0o755);
        assert_eq!(differs("file", &stamp), edited("file"));
        fs::remove_file(at("link")).expect("removed");
        symlink("/other", at("link")).expect("made");
        assert_eq!(differs("link", &link), edited("link"));
        fs::remove_file(at("file")).expect("removed");
        assert_eq!(differs("file", &stamp), Some("`/file` is gone".to_owned()));
        fs::create_dir(at("file")).expect("made");
        assert_eq!(
            differs("file", &stamp),
            Some("`/file` is a directory".to_owned())
        );
    }
}
