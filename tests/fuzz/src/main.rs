//! One of the targets of `hermes_install::fuzz`, named by `FUZZ_TARGET`, under libFuzzer.

#![no_main]

use std::sync::LazyLock;

use hermes_install::fuzz::{TARGETS, Target};

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
    let named = TARGETS.iter().find(|(target, _)| *target == name);
    let names: Vec<&str> = TARGETS.iter().map(|(target, _)| *target).collect();
    named.unwrap_or_else(|| panic!("FUZZ_TARGET={name} is none of {names:?}")).1
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| TARGET(data));
