//! What is unsafe on this host and how it is fixed: facts, rules that judge them, a plan of fixes, the fixes.

pub(crate) mod facts;
pub(crate) mod finding;
pub(crate) mod fix;
pub(crate) mod fix_plan;
mod keep_one;
pub(crate) mod rules;
