//! Where rendered files go and which prefix they use. Data: no other module asks which layout it is.

use std::path::Path;

use serde::{Deserialize, Serialize};

/// The account that system-wide gateways run as unless told otherwise.
pub(crate) const ACCOUNT: &str = "hermes";
/// The hermes root of system-wide gateways unless told otherwise.
pub(crate) const SYSTEM_ROOT: &str = "/var/lib/hermes";
/// The oldest systemd that the units are made for.
pub(crate) const SYSTEMD_FLOOR: u32 = 252;
/// The file name of a per-profile drop-in.
pub(crate) const DROP_IN: &str = "50-hermes-install.conf";
/// The file name of the drop-in that shields somebody else's unit.
pub(crate) const SHIELD: &str = "50-hermes-install-shield.conf";
/// The file name of the drop-in that waits for units of hermes' own.
pub(crate) const GUARD: &str = "50-hermes-install-guard.conf";
/// The units that `hermes gateway install` makes: of the default profile, and, by their common beginning
/// (systemd.unit(5)), of the named ones and of other roots.
pub(crate) const GUARDED: [&str; 2] = ["hermes-gateway.service", "hermes-gateway-.service"];
/// Where root keeps units for the managers of all users.
pub(crate) const ROOTS_USER_UNITS: &str = "etc/systemd/user";
/// The template unit of both scopes.
pub(crate) const TEMPLATE: &str = "hermes-gateway@.service";
/// The group of all instances, in both scopes.
pub(crate) const TARGET: &str = "hermes-gateway.target";

/// Which manager runs the units.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scope {
    /// PID 1's manager.
    System,
    /// A user's own manager.
    User,
}

impl Scope {
    /// The name that systemd and messages use.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
        }
    }

    /// The flag that names it on a command line, behind a blank; the system's manager needs none.
    pub(crate) fn flag(self) -> &'static str {
        match self {
            Self::System => "",
            Self::User => " --user",
        }
    }

    /// The target whose wants an enabled instance joins, beside [`TARGET`].
    pub(crate) fn boot_target(self) -> &'static str {
        match self {
            Self::System => "multi-user.target",
            Self::User => "default.target",
        }
    }
}

/// Who places the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Layout {
    /// This program, on a host without a package of it.
    Host,
    /// The Debian package.
    Deb,
    /// The RPM package.
    Rpm,
    /// The Nix derivation; paths are relative to its output.
    Nix,
}

/// The places of one layout in one scope. Relative paths are relative to the tree's base: `/` or a package's
/// root, and the user's home directory for the host layout in user scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Places {
    /// Unit files and their drop-ins.
    pub(crate) units: &'static str,
    /// sysusers.d and tmpfiles.d, where the scope has them.
    pub(crate) sysusers: Option<&'static str>,
    /// See `sysusers`.
    pub(crate) tmpfiles: Option<&'static str>,
    /// The launcher as Exec lines name it; may start with the specifier `%h`.
    pub(crate) launcher: String,
}

/// Where the launcher sits, relative to the base, when this program installs itself.
pub(crate) fn host_launcher(scope: Scope) -> &'static str {
    match scope {
        Scope::System => "usr/local/lib/hermes-install/hermes-install",
        Scope::User => ".local/lib/hermes-install/hermes-install",
    }
}

/// The link by which people call it, relative to the base: a directory of everybody's PATH.
pub(crate) fn host_command(scope: Scope) -> &'static str {
    match scope {
        Scope::System => "usr/local/bin/hermes-install",
        Scope::User => ".local/bin/hermes-install",
    }
}

/// The launcher of a host where a package owns it.
pub(crate) const PACKAGED_LAUNCHER: &str = "/usr/bin/hermes-install";

/// The prefix that the Nix layout uses when none is given: the system profile.
pub(crate) const NIX_PREFIX: &str = "/run/current-system/sw";

impl Layout {
    /// The places of this layout. `prefix` replaces the directory that holds `bin/hermes-install` and matters to
    /// the Nix layout alone.
    pub(crate) fn places(self, scope: Scope, prefix: Option<&Path>) -> Places {
        let (units, sysusers, tmpfiles, launcher) = match (self, scope) {
            (Self::Host, Scope::System) => (
                "etc/systemd/system",
                "etc/sysusers.d/hermes-gateway.conf",
                "etc/tmpfiles.d/hermes-gateway.conf",
                format!("/{}", host_launcher(scope)),
            ),
            (Self::Host, Scope::User) => (
                ".config/systemd/user",
                "",
                "",
                format!("%h/{}", host_launcher(scope)),
            ),
            (Self::Deb | Self::Rpm, Scope::System) => (
                "usr/lib/systemd/system",
                "usr/lib/sysusers.d/hermes-gateway.conf",
                "usr/lib/tmpfiles.d/hermes-gateway.conf",
                PACKAGED_LAUNCHER.to_owned(),
            ),
            (Self::Deb | Self::Rpm, Scope::User) => {
                ("usr/lib/systemd/user", "", "", PACKAGED_LAUNCHER.to_owned())
            }
            (Self::Nix, Scope::System) => (
                "lib/systemd/system",
                "lib/sysusers.d/hermes-gateway.conf",
                "lib/tmpfiles.d/hermes-gateway.conf",
                nix_launcher(prefix),
            ),
            (Self::Nix, Scope::User) => ("lib/systemd/user", "", "", nix_launcher(prefix)),
        };
        let some = |path: &'static str| (!path.is_empty()).then_some(path);
        Places {
            units,
            sysusers: some(sysusers),
            tmpfiles: some(tmpfiles),
            launcher,
        }
    }
}

impl Layout {
    /// Whose units the guard of this layout waits for, and where: root's own waits in the managers of all users, too.
    pub(crate) fn guards(self, scope: Scope) -> Vec<(Scope, &'static str)> {
        let mut guards = vec![(scope, self.places(scope, None).units)];
        if (self, scope) == (Self::Host, Scope::System) {
            guards.push((Scope::User, ROOTS_USER_UNITS));
        }
        guards
    }
}

impl Layout {
    /// Whether a unit that leaves the profile to another gateway is at rest afterwards and not failed. A switch of NixOS
    /// starts what a takeover has ended, counts every failed unit as its own failure, and deploy tools roll back on that
    /// (exit status 4 of switch-to-configuration).
    pub(crate) fn declines_quietly(self) -> bool {
        self == Self::Nix
    }
}

fn nix_launcher(prefix: Option<&Path>) -> String {
    let prefix = prefix.unwrap_or(Path::new(NIX_PREFIX));
    prefix.join("bin/hermes-install").display().to_string()
}

/// Whether `ProtectHome=yes` hides this path (systemd.exec(5)).
pub(crate) fn hidden_by_protect_home(path: &Path) -> bool {
    ["/home", "/root", "/run/user"]
        .iter()
        .any(|top| path.starts_with(top))
}
