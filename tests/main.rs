//! One integration binary. Every module drives the built program as its users do.
#![allow(missing_docs, clippy::unwrap_used)]

mod architecture;
mod attacks;
mod cli;
mod completions;
mod debian;
mod doctor;
mod exec;
mod golden;
mod hosts;
mod json_page;
mod offline;
mod others;
mod pages;
mod release;
mod run_as;
mod settings;
mod tenants;
mod terminal;
mod tool;
mod versions;
