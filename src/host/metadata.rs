//! What is at a path of a host: seen once, as long as the host is only looked at.

use std::fs::Metadata;
use std::io::{self, ErrorKind};
use std::path::Path;

use crate::host::Host;
use crate::host::memory::DEEPEST;
use crate::host::walk::LONGEST;

impl Host {
    /// What is where a path of the host leads; as long as the host is only looked at, it is looked at once.
    pub(crate) fn metadata(&self, path: &Path) -> Result<Metadata, ErrorKind> {
        self.metadata_once(path, || match self.live {
            _ if self.files.lacks(path) => Err(ErrorKind::NotFound.into()),
            Some(_) => std::fs::metadata(path),
            None if self.ends_before(path) => Err(ErrorKind::NotFound.into()),
            None => self.metadata_of_image(path),
        })
    }

    fn metadata_once(
        &self,
        path: &Path,
        see: impl FnOnce() -> io::Result<Metadata>,
    ) -> Result<Metadata, ErrorKind> {
        let see = || see().map_err(|e| e.kind());
        let memory = &self.files.memory;
        memory.once(|look| &mut look.metadata, path.as_os_str(), see)
    }

    fn metadata_of_image(&self, path: &Path) -> io::Result<Metadata> {
        if let (Some(above), Some(name)) = (path.parent(), path.file_name()) {
            let real = self.real(above).join(name);
            let found = std::fs::symlink_metadata(&real)?;
            if !found.is_symlink() {
                let inside = real.strip_prefix(&self.root).unwrap_or(&real);
                self.files.remember_real(path, inside);
                return Ok(found);
            }
        }
        std::fs::metadata(self.real(path))
    }

    /// Whether a directory on the way to a path is not there. From the top on: each is looked at once for all paths below
    /// it, and what is not there is cheaper to see by its name than by opening all that is above it.
    fn ends_before(&self, path: &Path) -> bool {
        if !self.files.is_look() || path.as_os_str().len() >= LONGEST {
            return false;
        }
        // What is there has all that is above it.
        if path
            .parent()
            .is_some_and(|above| self.files.memory.is_there(above))
        {
            return false;
        }
        let is_gap = |above: &Path| {
            let seen = self.metadata_once(above, || self.metadata_of_image(above));
            seen.err() == Some(ErrorKind::NotFound)
        };
        let mut above: Vec<&Path> = path.ancestors().skip(1).collect();
        above.reverse();
        above.into_iter().take(DEEPEST).any(is_gap)
    }
}
