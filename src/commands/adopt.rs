//! `adopt`: install for profiles whose gateways somebody started by hand.

use anyhow::Result;

use super::prepare::Prepared;
use crate::cli::AdoptArgs;
use crate::error::refuse;
use crate::gateway::owner::owner;
use crate::host::process_text::name;
use crate::output::{self, Output};

/// Bring gateways under our units.
pub(crate) fn adopt(args: &AdoptArgs) -> Result<u8> {
    super::install::run(&args.install, true)
}

/// Ask before gateways are stopped; `false` when there is none to stop, because their units run already.
pub(super) fn confirm(ready: &Prepared, yes: bool, output: &Output) -> Result<bool> {
    let mut stops = Vec::new();
    for checked in &ready.checked {
        let profile = &checked.instance.profile;
        let handover = ready.handovers.iter().find(|h| h.home == checked.home);
        if let Some(by_hand) = handover.and_then(|h| h.by_hand.as_ref()) {
            stops.push(format!("{} of profile `{profile}`", name(&by_hand.process)));
        } else if owner(&checked.home)?.is_none() || handover.is_some() {
            refuse!(
                "no gateway that somebody started by hand runs on `{}`; `hermes-install --profile {profile}` installs its \
                 unit",
                checked.home.display()
            );
        }
    }
    if stops.is_empty() {
        output.done("the gateways run under their units already; nothing was changed");
        return Ok(false);
    }
    let what = stops.join(" and ");
    let question = format!("stop {what} as planned, and run it under systemd from now on?");
    match yes.then_some(true).or_else(|| output::ask(&question)) {
        Some(true) => Ok(true),
        Some(false) => refuse!("nothing was changed"),
        None => refuse!("this would stop {what}; say so with `--yes`"),
    }
}
