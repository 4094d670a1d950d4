//! What is said of the messaging platforms of a gateway: its own record, and those that it could not load or did not start.

use std::path::Path;

use crate::commands::json::{Platform, Profile, State};
use crate::gateway::env_file::ENV;
use crate::gateway::platforms::{Remedy, remedy};
use crate::gateway::state::State as Record;
use crate::gateway::tokenless::Tokenless;
use crate::host::process::Process;
use crate::host::service_state::ServiceState;
use crate::output::printable;

/// The word for a platform that hermes has no adapter for.
const NO_ADAPTER: &str = "no-adapter";
/// The word for a platform that hermes did not start for want of a token.
const NO_TOKEN: &str = "no-token";

/// The platforms, without those that an earlier gateway left in the record.
pub(super) fn platforms(
    record: &Record,
    mute: &[String],
    tokenless: &[Tokenless],
) -> Vec<Platform> {
    let is_tokenless = |name: &str| tokenless.iter().any(|of| of.platform == name);
    let recorded = record
        .own_platforms()
        .filter(|(name, _)| !is_tokenless(name));
    let recorded = recorded.map(|(name, p)| Platform {
        name: printable(name),
        state: printable(&p.state),
        error: p.error_message.as_deref().map(printable),
        since: (p.retrying_since.as_deref())
            .or(p.updated_at.as_deref())
            .map(printable),
    });
    let mut all: Vec<Platform> = recorded.collect();
    let mut add = |name: &str, state: &str, error: String| {
        if all.iter().all(|platform| platform.name != name) {
            all.push(Platform {
                name: name.to_owned(),
                state: state.to_owned(),
                error: Some(error),
                since: None,
            });
        }
    };
    for name in mute {
        let error = "hermes could not load it; its library or a setting is missing";
        add(name, NO_ADAPTER, error.to_owned());
    }
    for Tokenless { platform, variable } in tokenless {
        let error = format!("`config.yaml` turns it on, and it had no usable `{variable}`");
        add(platform, NO_TOKEN, error);
    }
    all
}

/// The record of the gateway that its unit ended with, where it gave up: of which platform, and why.
pub(super) fn last_words(
    home: &Path,
    state: State,
    service: Option<&ServiceState>,
) -> Option<Record> {
    let gave_up = matches!(state, State::Failed | State::Restarting);
    let last = service.filter(|_| gave_up)?.last_pid?;
    Record::read(home).filter(|record| record.pid == last && record.has_ended())
}

/// What gives platforms their tokens; which platforms need them stands above it.
pub(super) fn give_tokens(row: &Profile, tokenless: &[Tokenless], scope: &str) -> String {
    let names: Vec<String> = tokenless
        .iter()
        .map(|tokenless| format!("`{}`", tokenless.variable))
        .collect();
    format!(
        "to connect it: set {} in `{}`, then `hermes-install restart{scope} {}`",
        names.join(" and "),
        row.home.join(ENV).display(),
        row.profile
    )
}

/// What helps against platforms without an adapter, as a sentence; `scope` is the flag that the commands need.
pub(super) fn way_out(
    row: &Profile,
    process: &Process,
    mute: &[String],
    scope: &str,
) -> Option<String> {
    let platform = mute.first()?;
    let profile = &row.profile;
    let restart = format!("hermes-install restart{scope} {profile}");
    let logs = format!("if that is not it: `hermes-install logs{scope} {profile} -n 50`");
    Some(match remedy(process, &row.home, platform) {
        Remedy::TryAgain => format!(
            "to have hermes install the library of {platform}, once the package index can be reached: `{restart}`; {logs}"
        ),
        Remedy::Install(command) => {
            format!("to install what {platform} needs: `{command}`, then `{restart}`; {logs}")
        }
        Remedy::Build(what) => {
            format!("{platform} needs a library: {what}, then `{restart}`; {logs}")
        }
        Remedy::Extra(extra) => format!(
            "to install what {platform} needs: `hermes-install run{scope} {profile} pm install --extra {extra}`, \
             then `{restart}`; {logs}"
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_that_gave_up_has_said_of_which_platform() {
        let home = tempfile::tempdir().expect("a directory");
        let text = r#"{"pid": 7, "gateway_state": "startup_failed", "platforms": {
            "telegram": {"state": "fatal", "error_message": "token rejected", "writer_pid": 7}}}"#;
        std::fs::write(home.path().join("gateway_state.json"), text).expect("written");
        let said = |state, last_pid| {
            let service = ServiceState {
                last_pid,
                ..ServiceState::default()
            };
            let record = last_words(home.path(), state, Some(&service))?;
            platforms(&record, &[], &[]).into_iter().next()?.error
        };
        assert_eq!(
            said(State::Failed, Some(7)).as_deref(),
            Some("token rejected")
        );
        assert_eq!(
            said(State::Restarting, Some(7)).as_deref(),
            Some("token rejected")
        );
        assert_eq!(
            said(State::Failed, Some(8)),
            None,
            "a launcher, or a later gateway"
        );
        assert_eq!(said(State::Stopped, Some(7)), None);
    }
}
