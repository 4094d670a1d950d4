//! TODO doctor.

pub mod facts;
pub mod fix;
pub mod fix_plan;
pub mod rules;
