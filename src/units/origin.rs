//! Who wrote a unit.

use std::path::Path;

use crate::layout::SHIELD;
use crate::units::unit::Unit;
use serde::Serialize;

/// Who wrote a unit, by its name and what it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Origin {
    /// An instance of hermes-install's template.
    Ours,
    /// hermes itself: `hermes gateway install`.
    Upstream,
    /// Somebody.
    Other,
}

impl Unit {
    /// Whether its own file starts the launcher, whatever its drop-ins add.
    fn starts_launcher(&self) -> bool {
        let all = self.directives.iter().filter(|d| d.key == "ExecStart");
        let mut own = all.filter(|d| Some(&d.file) == self.files.fragment.as_ref());
        own.any(|d| {
            let program = d.command().first();
            program.is_some_and(|w| w.ends_with("/hermes-install"))
        })
    }

    /// Whether a drop-in of hermes-install's has the launcher start it, so that it is safe: the guard's, or a shield.
    pub(crate) fn is_kept_safe(&self) -> bool {
        let line = self.directives.last("Service", "ExecStart");
        self.is_guarded || line.is_some_and(|line| line.file.ends_with(SHIELD))
    }

    /// Whether it is a file of its own where an instance of the shipped template is looked for, as `systemctl edit --full`
    /// makes: then the template, and whatever is done to it, does not count.
    pub(crate) fn is_copy(&self) -> bool {
        let file = self.files.fragment.as_deref().and_then(Path::file_name);
        self.name.starts_with("hermes-gateway@")
            && !self.is_masked
            && file.is_some_and(|name| name == &*self.name)
    }

    pub(super) fn find_origin(&self) -> Origin {
        if self.name.starts_with("hermes-gateway@") {
            // People have templates of this name; what goes through the launcher is an instance of the shipped one.
            let is_unknown = self.files.fragment.is_none() || self.is_masked;
            let is_ours = is_unknown || self.starts_launcher();
            return if is_ours { Origin::Ours } else { Origin::Other };
        }
        let stem = self.name.trim_end_matches(".service");
        let is_named = stem == "hermes-gateway" || stem.starts_with("hermes-gateway-");
        let description = self
            .directives
            .value("Unit", "Description")
            .unwrap_or_default();
        if is_named || description.starts_with("Hermes Agent Gateway") {
            Origin::Upstream
        } else {
            Origin::Other
        }
    }
}
