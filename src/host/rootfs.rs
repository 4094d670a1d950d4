//! Files as they are: read by lstat, never out of the root. Reads only.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::render::tree::{Entry, Stamp};

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

/// Look at these paths under a root.
pub(crate) fn observe<'a>(
    root: &Path,
    paths: impl IntoIterator<Item = &'a String>,
) -> Result<Observed> {
    paths
        .into_iter()
        .map(|path| Ok((path.clone(), look(root, path)?)))
        .collect()
}

/// Look at one path.
pub(crate) fn look(root: &Path, path: &str) -> Result<Actual> {
    let full = resolve(root, path)?;
    let meta = match fs::symlink_metadata(&full) {
        Ok(meta) => meta,
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Actual::Missing);
        }
        Err(e) => {
            return Err(e).with_context(|| format!("`{}` cannot be examined", full.display()));
        }
    };
    let read = || format!("`{}` cannot be read", full.display());
    let kind = meta.file_type();
    let entry = if kind.is_symlink() {
        Entry::Link {
            target: fs::read_link(&full)
                .with_context(read)?
                .to_string_lossy()
                .into_owned(),
        }
    } else if kind.is_file() {
        Entry::File {
            bytes: fs::read(&full).with_context(read)?,
            mode: meta.permissions().mode() & 0o7777,
        }
    } else if kind.is_dir() {
        return Ok(Actual::Other("a directory"));
    } else {
        return Ok(Actual::Other("neither file nor link"));
    };
    Ok(Actual::Present(entry, meta.uid()))
}

/// How a file differs from what was recorded, as a sentence.
pub(crate) fn difference(root: &Path, path: &str, stamp: &Stamp) -> Option<String> {
    match look(root, path) {
        Ok(Actual::Present(entry, _)) if entry.stamp() == *stamp => None,
        Ok(Actual::Present(..)) => Some(format!("`/{path}` was edited")),
        Ok(Actual::Missing) => Some(format!("`/{path}` is gone")),
        Ok(Actual::Other(what)) => Some(format!("`/{path}` is {what}")),
        Err(e) => Some(format!("{e:#}")),
    }
}

/// Where a relative path leads when links on the way are followed as if `root` were `/`. The last part is not followed.
pub(crate) fn resolve(root: &Path, path: &str) -> Result<PathBuf> {
    let mut links = 0;
    let mut done = PathBuf::new();
    let mut todo: Vec<std::ffi::OsString> = parts(Path::new(path));
    while let Some(part) = todo.pop() {
        if part == ".." {
            done.pop();
            continue;
        }
        let here = root.join(&done).join(&part);
        let is_last = todo.is_empty();
        match fs::read_link(&here) {
            Ok(target) if !is_last => {
                links += 1;
                if links > 40 {
                    bail!(
                        "`{path}` leads through too many links under `{}`",
                        root.display()
                    );
                }
                if target.is_absolute() {
                    done = PathBuf::new();
                }
                todo.extend(parts(&target));
            }
            _ => done.push(part),
        }
    }
    Ok(root.join(done))
}

/// Where a directory really is: [`resolve`], its last part followed too.
pub(crate) fn directory(root: &Path, path: &str) -> Result<PathBuf> {
    let mut inside = resolve(root, &format!("{path}/inside"))?;
    inside.pop();
    Ok(inside)
}

/// The parts of a path, last first.
fn parts(path: &Path) -> Vec<std::ffi::OsString> {
    path.components()
        .rev()
        .filter_map(|c| match c {
            Component::Normal(part) => Some(part.to_owned()),
            Component::ParentDir => Some("..".into()),
            _ => None,
        })
        .collect()
}

/// The directories above these paths that do not exist, relative to the root.
pub(crate) fn missing_directories<'a>(
    root: &Path,
    paths: impl IntoIterator<Item = &'a String>,
) -> Result<BTreeSet<String>> {
    let mut missing = BTreeSet::new();
    for path in paths {
        for above in Path::new(path).ancestors().skip(1) {
            let Some(above) = above.to_str().filter(|a| !a.is_empty()) else {
                break;
            };
            if directory(root, above)?.is_dir() {
                break;
            }
            missing.insert(above.to_owned());
        }
    }
    Ok(missing)
}
