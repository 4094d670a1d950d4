//! Where hermes is looked for, and where it comes from when it is nowhere.

use std::path::{Path, PathBuf};

use crate::host::Host;
use crate::host::process::shell_quote;
use crate::host::process_text::as_account_piped;

/// Where a hermes executable is looked for when no setting names one, in this order: the checkout that upstream's
/// installer makes for this root or account, its link, then the places of a system-wide one. A checkout of 0.22 and
/// later has its launcher in `.hermes/bin`; one that was updated in place still has its old environment, too.
pub(crate) fn hermes_search(root: &Path, user_home: &Path) -> Vec<PathBuf> {
    let checkouts = [
        root.join("hermes-agent"),
        user_home.join(".hermes/hermes-agent"),
    ];
    let shared = PathBuf::from("/usr/local/lib/hermes-agent");
    let in_checkout =
        |dir: &PathBuf| [".hermes/bin/hermes", "venv/bin/hermes"].map(|at| dir.join(at));
    let mut places: Vec<PathBuf> = checkouts.iter().flat_map(in_checkout).collect();
    places.push(user_home.join(".local/bin/hermes"));
    places.extend(in_checkout(&shared));
    places.extend(
        [
            "/usr/local/bin/hermes",
            "/usr/bin/hermes",
            "/opt/hermes/bin/hermes",
        ]
        .map(PathBuf::from),
    );
    // Told apart as they are written, which is cheaper than by their components.
    let mut found: Vec<PathBuf> = Vec::with_capacity(places.len());
    for place in places {
        if !found.iter().any(|f| f.as_os_str() == place.as_os_str()) {
            found.push(place);
        }
    }
    found
}

/// The same for a look that asks both directories for more: they are listed, which tells of each place in them that it is
/// not there.
pub(crate) fn hermes_places(host: &Host, root: &Path, user_home: &Path) -> Vec<PathBuf> {
    for directory in [root, user_home] {
        // Where it cannot be listed, each place is looked at.
        let _ = host.files.names(directory);
    }
    hermes_search(root, user_home)
}

/// The command that installs hermes for an account and a hermes root, with upstream's installer. `account` is `None` for
/// the one who types it.
pub(crate) fn install_command(account: Option<(&str, &Path)>, root: &Path) -> String {
    let hermes_home = format!("HERMES_HOME={}", root.display());
    let shell = match account {
        None => shell_quote(&["env", &hermes_home, "bash"]),
        Some((name, home)) => {
            let home = format!("HOME={}", home.display());
            as_account_piped(name, &shell_quote(&["env", &home, &hermes_home, "bash"]))
        }
    };
    format!(
        "curl -fsSL https://hermes-agent.nousresearch.com/install.sh | {shell} -s -- --skip-setup"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_looked_at_once_and_a_launcher_before_the_environment_that_it_replaced() {
        let home = Path::new("/home/a");
        let places = hermes_search(&home.join(".hermes"), home);
        let at = |end: &str| places.iter().filter(|p| p.ends_with(end)).count();
        assert_eq!(at("home/a/.hermes/hermes-agent/.hermes/bin/hermes"), 1);
        assert_eq!(places.len(), 8);
        assert!(places[0].ends_with(".hermes/bin/hermes"));
        assert!(places[1].ends_with("venv/bin/hermes"));
    }

    #[test]
    fn hermes_is_installed_as_the_account_that_runs_it() {
        let root = Path::new("/var/lib/hermes");
        let command = install_command(Some(("hermes", root)), root);
        assert!(command.contains(
            "setsid --wait runuser -u hermes -- env HOME=/var/lib/hermes HERMES_HOME=/var/lib/hermes bash"
        ));
        assert!(
            install_command(None, Path::new("/home/a/.hermes"))
                .contains("| env HERMES_HOME=/home/a/.hermes bash")
        );
        let command = install_command(Some(("a b", root)), Path::new("/srv/x;id"));
        assert!(
            command.contains(
                "setsid --wait runuser -u 'a b' -- env HOME=/var/lib/hermes 'HERMES_HOME=/srv/x;id' bash"
            ),
            "{command}"
        );
    }
}
