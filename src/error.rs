//! Errors: what kind, what happened, and the ways out; and the exit statuses of every command.
//!
//! An error of anyhow without one of these in its chain is [`Kind::Trouble`].

use serde::Serialize;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Done, or already as wanted.
    Done = 0,
    /// Something differs, is wrong, or failed; what failed was put back.
    Differs = 1,
    /// Wrong usage, or trouble.
    Trouble = 2,
    /// A person has to decide: nothing was changed, or not all of it.
    Undecided = 3,
    /// `exec`: the disk of the profile is not mounted yet (EX_NOINPUT); systemd tries again.
    NotYet = 66,
    /// `exec`: somebody else has the profile (EX_UNAVAILABLE); `RestartPreventExitStatus=` lists it.
    Owned = 69,
    /// `exec`: hermes or the profile home cannot be used (EX_CONFIG); `RestartPreventExitStatus=` lists it.
    Unusable = 78,
}

/// What kind of error it is, for scripts; a word in JSON.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// A person has to decide: nothing was changed, or not all of it.
    Refused,
    /// It was begun and did not work out; what can be put back was.
    Failed,
    /// The command line is wrong.
    Usage,
    /// PID 1 is not systemd.
    NotBooted,
    /// A file, a program or systemd cannot be used.
    Trouble,
}

impl Kind {
    /// The exit status of a run that ends with such an error.
    pub(crate) fn exit(self) -> Exit {
        match self {
            Self::Refused => Exit::Undecided,
            Self::Failed => Exit::Differs,
            Self::Usage | Self::NotBooted | Self::Trouble => Exit::Trouble,
        }
    }
}

/// An error for people and scripts.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Error {
    /// What kind.
    pub(crate) kind: Kind,
    /// What happened and why: lower case, no full stop.
    pub(crate) message: String,
    /// Ways out, the best first.
    pub(crate) hints: Vec<String>,
}

impl Error {
    /// An error with its ways out.
    pub(crate) fn new(kind: Kind, message: String, hints: Vec<String>) -> Self {
        Self {
            kind,
            message,
            hints,
        }
    }

    /// Any error: its whole chain is the message, kind and hints are those of the one in it that has them.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        let own = error.downcast_ref::<Self>();
        Self {
            kind: own.map_or(Kind::Trouble, |e| e.kind),
            message: format!("{error:#}"),
            hints: own.map(|e| e.hints.clone()).unwrap_or_default(),
        }
    }
}

/// Return a refusal: the message, then hints, each a format string with its values, apart by `;`.
macro_rules! refuse {
    ($($told:tt)*) => { return Err($crate::error::failure!(Refused, $($told)*)) };
}

/// Return a failure, written as [`refuse!`] is.
macro_rules! failed {
    ($($told:tt)*) => { return Err($crate::error::failure!(Failed, $($told)*)) };
}

/// Return trouble that has a way out, written as [`refuse!`] is.
macro_rules! trouble {
    ($($told:tt)*) => { return Err($crate::error::failure!(Trouble, $($told)*)) };
}

/// An error of a kind as [`anyhow::Error`], written as [`refuse!`] is.
macro_rules! failure {
    ($kind:ident, $text:literal $(, $value:expr)* $(,)? $(; $hint:literal $(, $more:expr)* $(,)?)*) => {
        anyhow::Error::from($crate::error::Error::new(
            $crate::error::Kind::$kind,
            format!($text $(, $value)*),
            vec![$(format!($hint $(, $more)*)),*],
        ))
    };
}
pub(crate) use {failed, failure, refuse, trouble};

/// The known word that somebody may have meant by one that is unknown.
pub(crate) fn nearest<'a>(unknown: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|word| (strsim::jaro_winkler(word, unknown), word))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use anyhow::{Context as _, Result};

    use super::*;

    fn refused(name: &str) -> Result<()> {
        refuse!(
            "account `{name}` does not {}", "exist";
            "create it";
            "name another with `--run-as {}`", "USER",
        )
    }

    #[test]
    fn kind_and_hints_survive_the_context_that_is_added() {
        let error = refused("bob").context("profile `x`").expect_err("refused");
        assert_eq!(
            Error::of(&error),
            Error {
                kind: Kind::Refused,
                message: "profile `x`: account `bob` does not exist".into(),
                hints: vec![
                    "create it".into(),
                    "name another with `--run-as USER`".into()
                ],
            }
        );
        assert_eq!(Error::of(&error).kind.exit(), Exit::Undecided);
    }

    #[test]
    fn an_error_without_a_kind_is_trouble() {
        let error = Error::of(&anyhow::anyhow!("broken").context("reading"));
        assert_eq!(
            (error.kind, &*error.message),
            (Kind::Trouble, "reading: broken")
        );
        assert_eq!(error.kind.exit(), Exit::Trouble);
    }
}
