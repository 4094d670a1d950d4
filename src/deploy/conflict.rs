//! Why a file that is there is in the way of what is wanted, and what its owner can do. Pure.

use crate::deploy::receipt::Receipt;
use crate::host::process::shell_quote;
use crate::layout::{ROOTS_USER_UNITS, TEMPLATE};
use crate::render::tree::Entry;

/// Why, and the way out; `path` is relative to the root.
pub(super) fn conflict(path: &str, entry: &Entry, receipt: &Receipt) -> (String, String) {
    match entry {
        Entry::Link { target } if target == "/dev/null" => (
            "it is masked".to_owned(),
            format!("`{}` if it may run again", unmask_command(path)),
        ),
        Entry::Link { target } => (
            format!("it is a link to `{target}`"),
            "remove it, or give `--force` to replace it and keep a backup".to_owned(),
        ),
        Entry::File { .. } if receipt.stamps(path).next().is_some() => (
            "it was edited after it was installed".to_owned(),
            format!(
                "move the edit into `{}`, or give `--force` to replace the file and keep a backup",
                drop_in_beside(path)
            ),
        ),
        Entry::File { .. } => (
            "it was not written by hermes-install".to_owned(),
            "move it away, or give `--force` to replace it and keep a backup".to_owned(),
        ),
    }
}

/// The same of a file at the place of an instance, which systemd prefers to the template (systemd.unit(5)).
pub(super) fn cover(path: &str, entry: &Entry) -> (String, String) {
    match entry {
        Entry::Link { target } if target == "/dev/null" => (
            "the unit is masked, and cannot be started".to_owned(),
            format!("`{}` if it may run again", unmask_command(path)),
        ),
        _ => (
            format!("it stands in for `{TEMPLATE}`, and nothing that is installed would count"),
            format!(
                "{}; or give `--force`, which keeps a backup of it",
                uncovering(path)
            ),
        ),
    }
}

/// What its owner does to have the template count again, and keep what was changed.
pub(super) fn uncovering(path: &str) -> String {
    format!(
        "move what it changes into `{}`, and the file away",
        drop_in_beside(path)
    )
}

/// The command that takes a mask away. systemctl(1) has one for units, and none for drop-ins.
fn unmask_command(path: &str) -> String {
    let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
    let name = shell_quote(&[name]);
    match directory {
        of_unit if of_unit.ends_with(".d") => shell_quote(&["rm", &format!("/{path}")]),
        ROOTS_USER_UNITS => format!("systemctl --global unmask {name}"),
        own if own.ends_with("/systemd/user") => format!("systemctl --user unmask {name}"),
        _ => format!("systemctl unmask {name}"),
    }
}

/// The drop-in that would carry an edit of this file.
fn drop_in_beside(path: &str) -> String {
    match path.rsplit_once('/') {
        Some((directory, name)) if name.ends_with(".conf") => format!("/{directory}/60-local.conf"),
        _ => format!("/{path}.d/60-local.conf"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_is_taken_away_where_it_is() {
        for (path, command) in [
            (
                "etc/systemd/system/hermes-gateway@.service",
                "systemctl unmask hermes-gateway@.service",
            ),
            (
                "home/bob/.config/systemd/user/hermes-gateway@.service",
                "systemctl --user unmask hermes-gateway@.service",
            ),
            (
                "etc/systemd/user/hermes-gateway.target",
                "systemctl --global unmask hermes-gateway.target",
            ),
            (
                "etc/systemd/system/hermes-gateway.service.d/50-hermes-install-guard.conf",
                "rm /etc/systemd/system/hermes-gateway.service.d/50-hermes-install-guard.conf",
            ),
        ] {
            let target = "/dev/null".to_owned();
            let (_, way_out) = conflict(path, &Entry::Link { target }, &Receipt::empty(0));
            assert!(way_out.starts_with(&format!("`{command}`")), "{way_out}");
        }
    }
}
