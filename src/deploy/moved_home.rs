//! The receipt of an account whose home directory is another one now (`usermod --home`): it came along with the files that it
//! names, and names them where they were.

use std::collections::BTreeMap;

use crate::deploy::receipt::Receipt;
use crate::layout::{Layout, Scope, host_launcher};

/// The receipt with the paths that it would have in this home directory, which is relative to the root.
pub(super) fn in_home(mut receipt: Receipt, home: &str) -> Receipt {
    let Some(old) = recorded_home(&receipt).filter(|old| old != home) else {
        return receipt;
    };
    let moved = |path: String| match path.strip_prefix(&old) {
        Some(rest) if rest.starts_with('/') => format!("{home}{rest}"),
        _ => path,
    };
    let all = |files: BTreeMap<String, _>| {
        let files = files.into_iter();
        files.map(|(path, stamp)| (moved(path), stamp)).collect()
    };
    receipt.files = all(receipt.files);
    receipt.pending = all(receipt.pending);
    receipt.directories = receipt.directories.into_iter().map(moved).collect();
    receipt.masks = receipt.masks.into_iter().map(moved).collect();
    receipt
}

/// The home directory that it was written for, by where units and launcher are in it.
fn recorded_home(receipt: &Receipt) -> Option<String> {
    let units = Layout::Host.places(Scope::User, None).units;
    let inside = [
        format!("/{units}/"),
        format!("/{}", host_launcher(Scope::User)),
    ];
    let paths = receipt.paths().into_iter();
    let mut homes = paths.filter_map(|path| {
        let at = inside.iter().find_map(|place| path.find(place))?;
        Some(path[..at].to_owned())
    });
    homes.next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::tree::Entry;

    #[test]
    fn what_was_below_the_old_home_is_below_the_new_one() {
        let stamp = || Entry::text(String::new()).stamp();
        let mut receipt = Receipt::empty(7);
        for path in [
            "home/al/.config/systemd/user/hermes-gateway@.service",
            "home/al/.local/lib/hermes-install/hermes-install",
            "home/alice/other",
        ] {
            receipt.files.insert(path.to_owned(), stamp());
        }
        receipt.directories.insert("home/al/.config".to_owned());
        assert_eq!(in_home(receipt.clone(), "home/al"), receipt);
        let moved = in_home(receipt, "srv/al");
        let files: Vec<&str> = moved.files.keys().map(String::as_str).collect();
        assert_eq!(
            files,
            [
                "home/alice/other",
                "srv/al/.config/systemd/user/hermes-gateway@.service",
                "srv/al/.local/lib/hermes-install/hermes-install",
            ]
        );
        assert!(moved.directories.contains("srv/al/.config"));
    }
}
