//! One thing that is wrong: what was found, where, the command that a person types, and what `doctor --fix` does.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::output::visible;
use crate::units::secret::shown;
use crate::units::unit::Unit;
use crate::units::unit_file::Directive;
use crate::units::unit_id::UnitId;

/// How bad it is.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// It loses data, kills gateways or keeps one from running.
    Error,
    /// It will, one day or under other circumstances.
    Warning,
    /// It is weak, and nothing has to be done.
    Note,
}

impl Severity {
    /// As it is printed.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// One thing that is wrong.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Finding {
    /// The rule's id.
    pub(crate) rule: &'static str,
    /// How bad this one is.
    pub(crate) severity: Severity,
    /// What was found, as a sentence.
    pub(crate) what: String,
    /// The unit it is about.
    pub(crate) unit: Option<String>,
    /// The profile home it is about.
    pub(crate) home: Option<PathBuf>,
    /// The directive that causes it.
    pub(crate) place: Option<Place>,
    /// The command that a person types against it.
    pub(crate) hint: String,
    /// What `doctor --fix` does about it; `None` leaves it to a person.
    pub(crate) fix: Option<Fix>,
}

/// Where a directive stands.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Place {
    /// The file.
    pub(crate) file: PathBuf,
    /// Its line, from 1; 0 is the file as a whole.
    pub(crate) line: usize,
    /// The directive; a secret's value is left out.
    pub(crate) directive: String,
    /// Whether the file is a drop-in.
    pub(crate) drop_in: bool,
}

/// A change that `doctor --fix` can make and check.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub(crate) enum Fix {
    /// Stop units as planned and disable them, so that one owner is left.
    KeepOne {
        /// The one that stays.
        keep: UnitId,
        /// The others.
        stop: Vec<UnitId>,
    },
    /// Have a manager read its unit files again.
    Reload {
        /// A unit of that manager.
        unit: UnitId,
    },
    /// Forget a failure.
    Reset {
        /// The unit that failed.
        unit: UnitId,
    },
    /// Keep an account's manager after its sessions.
    Linger {
        /// The account.
        account: String,
    },
    /// Take permission bits away.
    Mode {
        /// The file.
        path: PathBuf,
        /// Its new mode.
        mode: u32,
    },
    /// Give files to the account that their profile home belongs to.
    Owner {
        /// The profile home.
        home: PathBuf,
        /// The files.
        paths: Vec<PathBuf>,
        /// The name of that account.
        account: String,
        /// Its number.
        uid: u32,
    },
    /// Remove files that only a live gateway has, once nobody owns the profile.
    Remove {
        /// The profile home.
        home: PathBuf,
        /// The files.
        paths: Vec<PathBuf>,
    },
}

/// Findings of one rule on their way.
pub(crate) struct Findings {
    rule: &'static str,
    severity: Severity,
    pub(crate) list: Vec<Finding>,
}

impl Findings {
    /// None yet.
    pub(crate) fn new(rule: &'static str, severity: Severity) -> Self {
        Self {
            rule,
            severity,
            list: Vec::new(),
        }
    }

    /// Add one; the rest is added to what this returns.
    pub(crate) fn add(&mut self, what: String, hint: String) -> &mut Finding {
        let at = self.list.len();
        self.list.push(Finding {
            rule: self.rule,
            severity: self.severity,
            // One line, whatever a file is called.
            what: visible(&what),
            unit: None,
            home: None,
            place: None,
            hint: visible(&hint),
            fix: None,
        });
        &mut self.list[at]
    }
}

impl Finding {
    /// It is about a unit. One that nothing starts is only noted.
    pub(crate) fn unit(&mut self, unit: &Unit) -> &mut Self {
        self.unit = Some(unit.title());
        self.home = unit.home().map(Path::to_owned);
        if unit.how().is_none() && !unit.cannot_load {
            self.severity = Severity::Note;
        }
        self
    }

    pub(crate) fn home(&mut self, home: &Path) -> &mut Self {
        self.home = Some(home.to_owned());
        self
    }

    /// A directive causes it.
    pub(crate) fn at(&mut self, unit: &Unit, directive: &Directive) -> &mut Self {
        self.place = Some(Place {
            file: directive.file.clone(),
            line: directive.line,
            directive: shown(directive),
            drop_in: unit.files.drop_ins.contains(&directive.file),
        });
        self
    }

    /// What is missing from a unit's file causes it.
    pub(crate) fn at_unit(&mut self, unit: &Unit) -> &mut Self {
        self.place = unit.files.fragment.clone().map(|file| Place {
            file,
            line: 0,
            directive: String::new(),
            drop_in: false,
        });
        self
    }

    pub(crate) fn at_most(&mut self, severity: Severity) -> &mut Self {
        self.severity = self.severity.max(severity);
        self
    }

    pub(crate) fn fix(&mut self, fix: Fix) -> &mut Self {
        self.fix = Some(fix);
        self
    }
}
