//! Profile names and where a profile's files live. Pure but for [`discover`].
//!
//! The rules are the gateway's own (hermes_cli/profiles.py and hermes_constants.py, 0.13.0 to 0.19.0): a launcher
//! that disagreed with it about a home would guard the wrong directory.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A Hermes profile: `default`, or a name matching `[a-z0-9][a-z0-9_-]{0,63}`.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct ProfileName(String);

/// Names that hermes itself refuses (`_RESERVED_NAMES` in hermes_cli/profiles.py).
const RESERVED: [&str; 5] = ["hermes", "test", "tmp", "root", "sudo"];

/// Where tenants live, each in the home directory of an account of its own: a directory of root's, so that one directive
/// hides all of them and none can put itself in the place of another. docs/tenants.md has the reasons.
pub(crate) const TENANTS: &str = "/var/lib/hermes-tenants";
/// The hermes root in a home directory, where hermes looks by itself.
const OWN_ROOT: &str = ".hermes";

/// Why a text is not a profile name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadProfileName {
    /// It does not match hermes' pattern.
    #[error(
        "`{0}` is not a profile name: use `default`, or lower-case letters, digits, `-` and `_`, \
         starting with a letter or digit, at most 64 of them"
    )]
    Pattern(String),
    /// It matches, but hermes keeps it for itself.
    #[error("`{0}` is a name that hermes reserves; choose another, see `hermes profile list`")]
    Reserved(String),
}

impl ProfileName {
    /// The name as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the profile that lives in the hermes root itself.
    pub(crate) fn is_default(&self) -> bool {
        self.0 == "default"
    }

    /// The home directory of this profile's account, where it is a tenant.
    pub(crate) fn tenant_home(&self) -> PathBuf {
        Path::new(TENANTS).join(&self.0)
    }

    /// The hermes root of this profile, where it is a tenant.
    pub(crate) fn tenant_root(&self) -> PathBuf {
        self.tenant_home().join(OWN_ROOT)
    }

    /// The account of this profile, where it is a tenant.
    pub(crate) fn tenant_account(&self) -> String {
        format!("hermes-{}", self.0)
    }

    /// Whether a hermes root is that of this profile as a tenant.
    pub(crate) fn is_tenant(&self, root: &Path) -> bool {
        tenant_name(root) == Some(self.as_str())
    }

    /// Whether a profile home is a tenant's.
    pub(crate) fn is_tenants(home: &Path) -> bool {
        tenant_of(home).is_some()
    }

    /// What hermes calls this profile on that root: a tenant is the default profile of its own.
    pub(crate) fn for_hermes(&self, root: &Path) -> Self {
        if self.is_tenant(root) {
            Self("default".into())
        } else {
            self.clone()
        }
    }

    /// The profile home under a hermes root.
    pub(crate) fn home(&self, root: &Path) -> PathBuf {
        if self.for_hermes(root).is_default() {
            root.to_owned()
        } else {
            root.join("profiles").join(&self.0)
        }
    }

    /// The profile that a directory is the home of, and its hermes root: NAME and ROOT of `ROOT/profiles/NAME`, a tenant and
    /// its root, else `default` and the directory itself. `None` when NAME is no profile's.
    pub(crate) fn from_home(home: &Path) -> Option<(Self, &Path)> {
        match named_home(home) {
            Some((root, name)) => Some((name.to_str()?.parse().ok()?, root)),
            None => {
                let name = tenant_of(home).unwrap_or_else(|| Self("default".into()));
                Some((name, home))
            }
        }
    }

    /// The unit that runs this profile's gateway, in either scope.
    pub(crate) fn unit(&self) -> String {
        format!("hermes-gateway@{}.service", self.0)
    }
}

impl FromStr for ProfileName {
    type Err = BadProfileName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let ok = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let mut chars = text.chars();
        let valid = text.len() <= 64
            && chars.next().is_some_and(ok)
            && chars.all(|c| ok(c) || c == '_' || c == '-');
        if !valid {
            return Err(BadProfileName::Pattern(text.to_owned()));
        }
        if RESERVED.contains(&text) {
            return Err(BadProfileName::Reserved(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for ProfileName {
    type Error = BadProfileName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ProfileName> for String {
    fn from(name: ProfileName) -> Self {
        name.0
    }
}

impl fmt::Display for ProfileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The profile whose root as a tenant this is.
fn tenant_of(root: &Path) -> Option<ProfileName> {
    tenant_name(root)?.parse().ok()
}

/// Its name, if it is one.
fn tenant_name(root: &Path) -> Option<&str> {
    let home = root.parent().filter(|_| root.ends_with(OWN_ROOT))?;
    let is_tenant = home.parent() == Some(Path::new(TENANTS));
    home.file_name().filter(|_| is_tenant)?.to_str()
}

/// Root and name of a directory `ROOT/profiles/NAME`, whatever the name is.
fn named_home(home: &Path) -> Option<(&Path, &OsStr)> {
    let profiles = home
        .parent()
        .filter(|parent| parent.ends_with("profiles"))?;
    Some((profiles.parent()?, home.file_name()?))
}

/// Whether a directory is where hermes keeps a profile other than `default`, by its place alone.
pub(crate) fn is_named_home(home: &Path) -> bool {
    named_home(home).is_some()
}

/// The hermes root of a profile home: of the profile `default` that home itself.
pub(crate) fn root_of(home: &Path) -> PathBuf {
    root_for(Some(home), Path::new("/nonexistent"))
}

/// The hermes root that a process with this HERMES_HOME and home directory uses.
///
/// `~/.hermes` when HERMES_HOME is unset or inside it; `<x>` for `<x>/profiles/<name>`; else HERMES_HOME itself
/// (`get_default_hermes_root`, hermes_constants.py of 0.19.0; the same since 0.13.0).
pub(crate) fn root_for(hermes_home: Option<&Path>, user_home: &Path) -> PathBuf {
    let native = user_home.join(".hermes");
    match hermes_home {
        None => native,
        Some(home) if home.as_os_str().is_empty() || home.starts_with(&native) => native,
        Some(home) => named_home(home).map_or(home, |(root, _)| root).to_owned(),
    }
}

/// The tenants that have a root below [`TENANTS`], in order; but those that the caller knows already. `real` is where the
/// caller finds a path, as in an image.
pub(crate) fn discover_tenants(
    real: impl Fn(&Path) -> PathBuf,
    is_known: impl Fn(&ProfileName) -> bool,
) -> Vec<ProfileName> {
    let tenants = Path::new(TENANTS);
    let entries = std::fs::read_dir(real(tenants))
        .into_iter()
        .flatten()
        .flatten();
    let mut found: Vec<ProfileName> = entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|profile: &ProfileName| {
            !is_known(profile) && real(&tenants.join(&profile.0).join(OWN_ROOT)).is_dir()
        })
        .collect();
    found.sort();
    found
}

/// The profiles that exist under a hermes root: `default` when the root is there, then the named ones in order. `real` is
/// as for [`discover_tenants`].
pub(crate) fn discover(root: &Path, real: impl Fn(&Path) -> PathBuf) -> Vec<ProfileName> {
    let mut found = Vec::new();
    let profiles = root.join("profiles");
    // Of most the listing says already that they are directories.
    let is_directory = |entry: &std::fs::DirEntry| {
        let is_behind_link = || real(&profiles.join(entry.file_name())).is_dir();
        let kind = entry.file_type();
        kind.is_ok_and(|kind| kind.is_dir() || (kind.is_symlink() && is_behind_link()))
    };
    if real(root).is_dir() {
        found.push(ProfileName("default".into()));
    }
    let mut named: Vec<ProfileName> = std::fs::read_dir(real(&profiles))
        .into_iter()
        .flatten()
        .flatten()
        .filter(is_directory)
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    named.sort();
    found.extend(named);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_or_a_link_to_one_is_a_profile() {
        let root = tempfile::tempdir().expect("a directory");
        let at = |name: &str| root.path().join("profiles").join(name);
        std::fs::create_dir_all(at("coder")).expect("made");
        std::fs::write(at("file"), "").expect("written");
        for (name, target) in [("poet", "coder"), ("to-file", "file"), ("to-none", "none")] {
            std::os::unix::fs::symlink(target, at(name)).expect("made");
        }
        let names: Vec<String> = discover(root.path(), Path::to_owned)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(names, ["default", "coder", "poet"]);
    }

    #[test]
    fn a_tenant_has_a_root_and_is_not_looked_at_where_it_is_known() {
        let tenants = tempfile::tempdir().expect("a directory");
        for name in ["coder/.hermes", "poet/.hermes", "empty"] {
            std::fs::create_dir_all(tenants.path().join(name)).expect("made");
        }
        let real = |path: &Path| {
            tenants
                .path()
                .join(path.strip_prefix(TENANTS).expect("below"))
        };
        let others = |known: &str| -> Vec<String> {
            let found = discover_tenants(real, |profile| profile.as_str() == known);
            found.iter().map(ToString::to_string).collect()
        };
        assert_eq!(others("none"), ["coder", "poet"]);
        assert_eq!(others("coder"), ["poet"]);
    }

    #[test]
    fn names_follow_the_pattern_of_hermes() {
        for good in ["default", "coder", "a", "0-x_y", &"a".repeat(64)] {
            assert!(good.parse::<ProfileName>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "Coder",
            "-x",
            "_x",
            "a b",
            "a/b",
            "../x",
            "é",
            "a\n",
            &"a".repeat(65),
        ] {
            assert!(
                matches!(bad.parse::<ProfileName>(), Err(BadProfileName::Pattern(_))),
                "{bad}"
            );
        }
        assert!(matches!(
            "test".parse::<ProfileName>(),
            Err(BadProfileName::Reserved(_))
        ));
    }

    #[test]
    fn a_home_tells_its_profile_and_root() {
        let of = |home| ProfileName::from_home(Path::new(home)).map(|(p, root)| (p.0, root));
        let root = Path::new("/srv/h");
        assert_eq!(of("/srv/h"), Some(("default".to_owned(), root)));
        assert_eq!(of("/srv/h/profiles/x"), Some(("x".to_owned(), root)));
        assert_eq!(of("/srv/h/profiles/No Name"), None);
        assert!(is_named_home(Path::new("/srv/h/profiles/No Name")));
        assert!(!is_named_home(Path::new("/srv/my-profiles/x")));
        assert_eq!(of("/"), Some(("default".to_owned(), Path::new("/"))));
    }

    #[test]
    fn a_tenant_is_the_default_profile_of_its_own_root() {
        let name = |text: &str| -> ProfileName { text.parse().expect("a name") };
        let coder = name("coder");
        let root = Path::new("/var/lib/hermes-tenants/coder/.hermes");
        assert_eq!(coder.tenant_root(), root);
        assert_eq!(coder.home(root), root);
        assert_eq!(coder.for_hermes(root), name("default"));
        assert_eq!(ProfileName::from_home(root), Some((coder.clone(), root)));
        // Whoever else is below that root, or has the name on another, is who they were.
        assert_eq!(name("poet").home(root), root.join("profiles/poet"));
        assert_eq!(name("poet").for_hermes(root), name("poet"));
        for other in [
            "/var/lib/hermes-tenants/coder",
            "/var/lib/hermes",
            "/srv/coder/.hermes",
        ] {
            assert!(!coder.is_tenant(Path::new(other)), "{other}");
            assert_eq!(
                coder.home(Path::new(other)),
                Path::new(other).join("profiles/coder")
            );
        }
    }

    #[test]
    fn the_root_is_found_as_hermes_finds_it() {
        let root = |env: Option<&str>| root_for(env.map(Path::new), Path::new("/home/a"));
        assert_eq!(root(None), Path::new("/home/a/.hermes"));
        assert_eq!(root(Some("")), Path::new("/home/a/.hermes"));
        assert_eq!(
            root(Some("/home/a/.hermes/profiles/x")),
            Path::new("/home/a/.hermes")
        );
        assert_eq!(root(Some("/srv/h/profiles/x")), Path::new("/srv/h"));
        assert_eq!(root(Some("/srv/h")), Path::new("/srv/h"));
    }
}
