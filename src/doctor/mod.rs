//! What is unsafe on this host and how it is mended: facts, rules that judge them, a plan of fixes, the fixes.

pub(crate) mod facts;
pub(crate) mod fix;
pub(crate) mod fix_plan;
pub(crate) mod rules;
