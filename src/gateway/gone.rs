//! What became of a profile whose home is not there. hermes deletes and renames profiles, stops their gateways and removes
//! the units that it made; it knows nothing of hermes-install's.

use std::io::ErrorKind;
use std::path::Path;

use crate::gateway::yaml::Settings;
use crate::host::Host;
use crate::host::read::{self, read_small_text};
use crate::layout::Scope;
use crate::profile::{ProfileName, discover, root_of};

/// How a profile went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Gone {
    /// By `hermes profile delete`, which leaves a mark (`profiles/.deleted/NAME`, since 0.21).
    Deleted,
    /// By `hermes profile rename`: the profile of this name remembers (`previous_names` in its `profile.yaml`; 0.22).
    Renamed(ProfileName),
    /// Nobody says.
    Unknown,
}

/// Whether the profile of this home is gone: its root is there, and it is not.
pub(crate) fn is_gone(host: &Host, home: &Path) -> bool {
    let root = root_of(home);
    let is_missing = || matches!(host.metadata(home), Err(ErrorKind::NotFound));
    root != home && is_missing() && host.metadata(&root).is_ok_and(|meta| meta.is_dir())
}

/// Look for what hermes left of it.
pub(crate) fn gone(root: &Path, profile: &ProfileName) -> Gone {
    let mark = root.join("profiles/.deleted").join(profile.as_str());
    if mark.exists() {
        return Gone::Deleted;
    }
    let was = |peer: &ProfileName| {
        let text = read_small_text(&peer.home(root).join("profile.yaml"), read::TEXT);
        let text = text.ok().flatten().unwrap_or_default();
        Settings::parse(&text)
            .is_some_and(|s| s.list("previous_names").contains(&profile.to_string()))
    };
    let mut peers = discover(root, Path::to_owned).into_iter();
    peers.find(was).map_or(Gone::Unknown, Gone::Renamed)
}

impl Gone {
    /// The end of a sentence about this profile: what became of it, and what to type.
    pub(crate) fn way_out(&self, profile: &ProfileName, scope: Scope) -> String {
        let scope = scope.flag();
        let remove =
            format!("`hermes-install uninstall{scope} --profile {profile}` removes its unit");
        match self {
            Self::Deleted => format!("hermes deleted it; {remove}"),
            Self::Renamed(name) => format!(
                "it is called `{name}` now; {remove}, `hermes-install{scope} --profile {name}` installs that of `{name}`"
            ),
            Self::Unknown => {
                format!("create it with `hermes profile create {profile}`, or {remove}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hermes_left_of_a_profile_says_what_became_of_it() {
        let root = tempfile::tempdir().expect("a directory");
        let name = |text: &str| -> ProfileName { text.parse().expect("a name") };
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            std::fs::write(path, text).expect("written");
        };
        let of = |text: &str| gone(root.path(), &name(text));
        assert_eq!(of("coder"), Gone::Unknown);
        write(
            "profiles/writer/profile.yaml",
            "description: x\nprevious_names:\n- poet\n- coder\n",
        );
        assert_eq!(of("coder"), Gone::Renamed(name("writer")));
        assert_eq!(of("writer"), Gone::Unknown);
        write("profiles/.deleted/coder", "");
        assert_eq!(of("coder"), Gone::Deleted);

        let text = Gone::Renamed(name("writer")).way_out(&name("coder"), Scope::User);
        for part in [
            "`hermes-install uninstall --user --profile coder`",
            "`writer`",
            "`hermes-install --user --profile writer`",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
