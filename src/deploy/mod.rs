//! TODO deploy.

pub mod desired;
pub mod plan;
pub mod readiness;
pub mod receipt;
pub mod removal;
pub mod transaction;
pub mod writer;
