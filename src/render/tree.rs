//! Rendered files as a value: relative path to bytes and mode, or to a link's target. Pure.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Read};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// One thing in a tree.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A regular file.
    File {
        /// Its contents; a launcher's are large, and wanted in several places.
        bytes: Arc<Vec<u8>>,
        /// Its permission bits.
        mode: u32,
    },
    /// A symbolic link.
    Link {
        /// What it points at, as written in the link.
        target: String,
    },
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File { bytes, mode } => write!(f, "file {mode:o}, {} bytes", bytes.len()),
            Self::Link { target } => write!(f, "link to {target}"),
        }
    }
}

impl Entry {
    /// A file that everybody may read.
    pub(crate) fn text(text: String) -> Self {
        let mut bytes = text.into_bytes();
        // A template's text comes with room for much more, and there may be a thousand.
        bytes.shrink_to_fit();
        Self::File {
            bytes: Arc::new(bytes),
            mode: 0o644,
        }
    }

    /// What a receipt keeps of it.
    pub(crate) fn stamp(&self) -> Stamp {
        match self {
            Self::File { bytes, mode } => Stamp::File {
                sha256: sha256(bytes),
                mode: *mode,
            },
            Self::Link { target } => Stamp::Link {
                link: target.clone(),
            },
        }
    }

    /// Its contents as text, where it is a text.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::File { bytes, .. } => std::str::from_utf8(bytes).ok(),
            Self::Link { .. } => None,
        }
    }
}

/// An entry's identity without its contents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, try_from = "Written")]
pub(crate) enum Stamp {
    /// A regular file.
    File {
        /// Hexadecimal SHA-256 of the contents.
        sha256: String,
        /// Permission bits.
        #[serde(with = "octal")]
        mode: u32,
    },
    /// A symbolic link.
    Link {
        /// Its target.
        link: String,
    },
}

/// A stamp as it is read: serde would keep each of an untagged enum's fields before it knows what they are.
#[derive(Deserialize)]
struct Written {
    sha256: Option<String>,
    mode: Option<Mode>,
    link: Option<String>,
}

#[derive(Deserialize)]
struct Mode(#[serde(with = "octal")] u32);

impl TryFrom<Written> for Stamp {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        match (written.link, written.sha256, written.mode) {
            (Some(link), None, None) => Ok(Self::Link { link }),
            (None, Some(sha256), Some(Mode(mode))) => Ok(Self::File { sha256, mode }),
            _ => Err("a file has `sha256` and `mode`, a link has `link`"),
        }
    }
}

/// Hexadecimal SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

/// The same of so many bytes that are still to be read; they are not held in memory.
pub(crate) fn sha256_of(from: impl Read, length: u64) -> io::Result<String> {
    const PIECE: u64 = 1 << 16;
    let piece = usize::try_from(length.min(PIECE)).unwrap_or_default();
    let mut from = BufReader::with_capacity(piece, from.take(length));
    let mut digest = Sha256::new();
    while let bytes @ [_, ..] = from.fill_buf()? {
        digest.update(bytes);
        let length = bytes.len();
        from.consume(length);
    }
    Ok(hexadecimal(&digest.finalize()))
}

fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let halves = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    halves
        .map(|half| char::from(DIGITS[usize::from(half)]))
        .collect()
}

/// Permission bits as people write them.
mod octal {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(crate) fn serialize<S: Serializer>(mode: &u32, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&format!("{mode:04o}"))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<u32, D::Error> {
        let text = String::deserialize(d)?;
        u32::from_str_radix(&text, 8).map_err(D::Error::custom)
    }
}

/// Relative path to entry, in order.
pub(crate) type Tree = BTreeMap<String, Entry>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_written_as_sha256sum_does() {
        assert_eq!(
            sha256(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn a_digest_is_the_same_whether_the_bytes_are_held_or_read_in_pieces() {
        for length in [0, 1, 1 << 16, 200_000] {
            let bytes: Vec<u8> = (0..length).map(|n: u32| n.to_le_bytes()[0]).collect();
            let read = sha256_of(&bytes[..], u64::from(length)).expect("read");
            assert_eq!(read, sha256(&bytes), "{length}");
        }
    }
}
