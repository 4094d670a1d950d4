//! From a model to files and running units: what is desired, the plan that leads there, the one writer, the
//! transaction around it.

mod accounts;
pub(crate) mod backup;
pub(crate) mod chosen;
mod conflict;
pub(crate) mod creation;
pub(crate) mod cut_short;
pub(crate) mod desired;
pub(crate) mod handover;
pub(crate) mod interrupt;
pub(crate) mod lock;
mod moved_home;
pub(crate) mod orphans;
pub(crate) mod pipeline;
mod place;
pub(crate) mod plan;
pub(crate) mod readiness;
pub(crate) mod receipt;
mod record;
pub(crate) mod relocation;
pub(crate) mod removal;
pub(crate) mod rights;
mod rollback;
pub(crate) mod service;
pub(crate) mod serving;
pub(crate) mod transaction;
pub(crate) mod unfinished;
pub(crate) mod writer;
