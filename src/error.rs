//! Errors: what a person must decide, apart from what went wrong.

/// A refusal: nothing was changed, and a person has to decide. Exit status 1.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Refused(pub(crate) String);

macro_rules! refuse {
    ($($arg:tt)*) => { return Err($crate::error::Refused(format!($($arg)*)).into()) };
}
pub(crate) use refuse;
