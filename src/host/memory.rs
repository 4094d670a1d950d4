//! What a look remembers, so that nothing is looked at twice: a host with a thousand profiles has few directories that
//! matter, and all of its profiles ask for the same ones. A look ends with the first step to a change: what is written is
//! found anew, from the top on.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::convert::Infallible;
use std::ffi::{OsStr, OsString};
use std::fs::Metadata;
use std::hash::Hash;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use nix::errno::Errno;

use crate::host::access::Reach;
use crate::host::account::{Account, Passwd};
use crate::host::directory::Directory;

/// The way to a directory, all links followed.
#[derive(Debug, Clone)]
pub(super) struct Way {
    /// Where it ends: there, or with [`is_missing`](crate::host::read::is_missing).
    pub(super) end: Result<Directory, Errno>,
    /// Whether nobody else can turn it elsewhere.
    pub(super) is_trusted: bool,
}

/// A file or a link.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) what: What,
    /// The user ID that owns it.
    pub(super) uid: u32,
    /// Whether nobody else can turn the way there elsewhere.
    pub(super) is_trusted: bool,
}

/// What a file holds, or where a link leads.
#[derive(Debug, Clone)]
pub(super) enum What {
    /// A regular file and its permission bits.
    File { bytes: Arc<Vec<u8>>, mode: u32 },
    /// The target as it is written, and where that is below the root.
    Link { target: PathBuf, leads: PathBuf },
}

impl Seen {
    /// How many bytes it takes to remember it.
    fn length(&self) -> usize {
        match &self.what {
            What::File { bytes, .. } => bytes.len(),
            What::Link { target, leads } => target.as_os_str().len() + leads.as_os_str().len(),
        }
    }
}

/// The names in a directory, in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Listing {
    pub(super) names: Arc<[OsString]>,
    /// Those that may be links.
    pub(super) links: Arc<[OsString]>,
    /// Whether it has no other: what automounts (autofs(5)) has names that it does not list.
    pub(super) is_whole: bool,
}

/// See the module. Paths are told apart as they are written, which is cheaper than by their components.
#[derive(Debug, Default)]
pub(super) struct Look {
    ways: HashMap<OsString, Way>,
    open: usize,
    files: HashMap<OsString, Arc<Seen>>,
    bytes: usize,
    /// Where paths lead.
    pub(super) real: HashMap<OsString, PathBuf>,
    /// What is in directories.
    pub(super) listings: HashMap<OsString, Listing>,
    /// Whether a file begins as a script does.
    pub(super) scripts: HashMap<OsString, bool>,
    /// What is where a path leads, as this program finds it.
    pub(super) metadata: HashMap<OsString, Result<Metadata, ErrorKind>>,
    /// Accounts of this host by name.
    pub(super) accounts: HashMap<String, Option<Account>>,
    /// All accounts of an image, by its top.
    pub(super) passwd: HashMap<OsString, Arc<Passwd>>,
    /// Groups of the accounts of this host, by the name of the account.
    pub(super) groups: HashMap<String, Vec<u32>>,
    /// What an account can do with a path.
    pub(super) reaches: HashMap<(String, OsString), Reach>,
    /// Names of user IDs of this host.
    pub(super) names: HashMap<u32, String>,
}

/// So many directories are kept open; a process may have 1,024 files, and some paths are an account's.
pub(super) const MOST_OPEN: usize = 256;
/// A directory below more than so many is not remembered.
pub(super) const DEEPEST: usize = 16;
/// A file of more bytes is not remembered, nor more than so many bytes of all.
const LARGEST: usize = 64 << 10;
const MOST_BYTES: usize = 32 << 20;

/// The look of a host, shared by all views of it; `None` once it has ended.
#[derive(Debug, Clone)]
pub(super) struct Memory(Arc<Mutex<Option<Look>>>);

impl Memory {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Some(Look::default()))))
    }

    /// Begin another look.
    pub(super) fn begin(&self) {
        self.with(|look| *look = Some(Look::default()));
    }

    /// Remember nothing any more.
    pub(super) fn end(&self) {
        self.with(|look| *look = None);
    }

    /// Whether something is remembered.
    pub(super) fn is_on(&self) -> bool {
        self.with(|look| look.is_some())
    }

    fn with<T>(&self, act: impl FnOnce(&mut Option<Look>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What one part of the look knows, or else what is seen now.
    pub(super) fn once<K, V, Q>(
        &self,
        part: impl Fn(&mut Look) -> &mut HashMap<K, V>,
        key: &Q,
        see: impl FnOnce() -> V,
    ) -> V
    where
        K: Borrow<Q> + Eq + Hash,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
        V: Clone,
    {
        let Ok(seen) = self.try_once(part, key, || Ok::<V, Infallible>(see()));
        seen
    }

    /// The same where an error is not remembered.
    pub(super) fn try_once<K, V, Q, E>(
        &self,
        part: impl Fn(&mut Look) -> &mut HashMap<K, V>,
        key: &Q,
        see: impl FnOnce() -> Result<V, E>,
    ) -> Result<V, E>
    where
        K: Borrow<Q> + Eq + Hash,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
        V: Clone,
    {
        if let Some(known) = self.with(|look| part(look.as_mut()?).get(key).cloned()) {
            return Ok(known);
        }
        let seen = see()?;
        self.with(|look| {
            let look = look.as_mut();
            look.map(|look| part(look).insert(key.to_owned(), seen.clone()))
        });
        Ok(seen)
    }

    /// Whether something was seen at a path.
    pub(super) fn is_there(&self, path: &Path) -> bool {
        let seen = |look: &Look| Some(look.metadata.get(path.as_os_str())?.is_ok());
        self.with(|look| seen(look.as_ref()?)) == Some(true)
    }

    pub(super) fn way(&self, path: &Path) -> Option<Way> {
        self.with(|look| look.as_ref()?.ways.get(path.as_os_str()).cloned())
    }

    /// Remember a way for which so many directories were opened.
    pub(super) fn remember_way(&self, path: &Path, way: &Way, opened: usize) {
        let depth =
            |directory: &Directory| std::iter::successors(directory.above(), |d| d.above()).count();
        let depth = way.end.as_ref().map_or(0, depth);
        self.with(|look| {
            let Some(look) = look.as_mut().filter(|_| depth <= DEEPEST) else {
                return;
            };
            if look.open + opened > MOST_OPEN {
                // What is not there holds nothing open.
                look.ways.retain(|_, way| way.end.is_err());
                // Those above it.
                look.open = depth;
            }
            look.open += opened;
            look.ways.insert(path.into(), way.clone());
        });
    }

    /// Whether the way to a path is known to end before it: a directory above it is not there, or was listed without the
    /// name that leads on.
    pub(super) fn lacks(&self, path: &Path) -> bool {
        // `None` where that is not known; a directory that was listed is there, and so are all above it.
        let is_gap = |look: &Look, above: &OsStr, name: &OsStr| {
            if let Some(listing) = look.listings.get(above).filter(|l| l.is_whole) {
                let find = |known: &OsString| known.as_os_str().cmp(name);
                return Some(listing.names.binary_search_by(find).is_err());
            }
            look.ways.get(above)?.end.is_err().then_some(true)
        };
        self.with(|look| {
            let look = look.as_ref()?;
            splits(path).find_map(|(above, name)| is_gap(look, above, name))
        })
        .unwrap_or(false)
    }

    pub(super) fn file(&self, path: &Path) -> Option<Arc<Seen>> {
        self.with(|look| look.as_ref()?.files.get(path.as_os_str()).cloned())
    }

    pub(super) fn remember_file(&self, path: &Path, seen: &Arc<Seen>) {
        let length = seen.length();
        self.with(|look| {
            let look = look
                .as_mut()
                .filter(|look| length <= LARGEST && look.bytes + length <= MOST_BYTES);
            if let Some(look) = look {
                look.bytes += length;
                look.files.insert(path.into(), Arc::clone(seen));
            }
        });
    }
}

/// The names in a path, each with what is written before it, the last first. What is none, as in `a//b` and `a/..`, is left out.
fn splits(path: &Path) -> impl Iterator<Item = (&OsStr, &OsStr)> {
    let mut rest = Some(path.as_os_str().as_bytes());
    let splits = std::iter::from_fn(move || {
        let whole = rest?;
        let slash = whole.iter().rposition(|byte| *byte == b'/');
        let (above, name) =
            slash.map_or((&whole[..0], whole), |at| (&whole[..at], &whole[at + 1..]));
        rest = Some(above).filter(|above| !above.is_empty());
        Some((OsStr::from_bytes(above), OsStr::from_bytes(name)))
    });
    splits.filter(|(_, name)| !matches!(name.as_bytes(), b"" | b"." | b".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_taken_apart_at_each_of_its_names() {
        let of =
            |path: &'static str| -> Vec<(&OsStr, &OsStr)> { splits(Path::new(path)).collect() };
        let split = |above: &'static str, name: &'static str| (OsStr::new(above), OsStr::new(name));
        let two = [split("etc/d", "file"), split("etc", "d"), split("", "etc")];
        assert_eq!(of("etc/d/file"), two);
        assert_eq!(of("etc//d/../."), [split("etc/", "d"), split("", "etc")]);
        assert_eq!(of(""), []);
    }
}
