//! One short function per verb. Each returns its exit status.

pub(crate) mod complete;
mod confirm;
pub(crate) mod control;
pub(crate) mod doctor;
mod elsewhere;
mod findings;
pub(crate) mod generate;
mod given;
pub(crate) mod guard;
pub(crate) mod install;
pub(crate) mod json;
mod layers;
pub(crate) mod logs;
mod manual;
mod page;
pub(crate) mod plan;
mod prepare;
mod proxies;
pub(crate) mod render;
pub(crate) mod restart;
pub(crate) mod restartable;
pub(crate) mod run;
#[cfg(test)]
mod schema;
pub(crate) mod shield;
pub(crate) mod show;
pub(crate) mod split;
pub(crate) mod status;
mod survey;
mod target;
mod tenants;
mod typed;
pub(crate) mod uninstall;
pub(crate) mod unit_hooks;
pub(crate) mod upgrade;
pub(crate) mod why;
pub(crate) mod within;
