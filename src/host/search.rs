//! Where hermes is looked for.

use std::path::{Path, PathBuf};

/// Where a hermes executable is looked for when no setting names one, in this order: the checkout that upstream's
/// installer makes, its link, then the usual places of a system-wide one.
pub(crate) fn hermes_search(root: &Path, user_home: &Path) -> Vec<PathBuf> {
    let mut places = vec![
        root.join("hermes-agent/venv/bin/hermes"),
        user_home.join(".local/bin/hermes"),
        PathBuf::from("/usr/local/bin/hermes"),
        PathBuf::from("/usr/bin/hermes"),
        PathBuf::from("/opt/hermes/bin/hermes"),
    ];
    places.dedup();
    places
}
