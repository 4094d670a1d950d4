//! From a model to files and running units: what is desired, the plan that leads there, the one writer, the
//! transaction around it.

pub(crate) mod chosen;
pub(crate) mod desired;
pub(crate) mod pipeline;
pub(crate) mod plan;
pub(crate) mod readiness;
pub(crate) mod receipt;
pub(crate) mod removal;
mod rollback;
pub(crate) mod service;
pub(crate) mod transaction;
pub(crate) mod writer;
