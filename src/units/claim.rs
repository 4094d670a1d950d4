//! What a unit does about its gateway now: it runs it, or would; and whether that is known.

use std::path::Path;

use crate::host::Host;
use crate::units::unit::Unit;

/// The command that sees what an ordinary account cannot read.
pub(crate) const SEEN_BY_ROOT: &str = "sudo hermes-install status";

/// How a unit has a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Claim {
    /// `active`, `enabled`, `enabled, failed`, …: what starts it, where nothing runs, and how it is at rest.
    pub(crate) how: String,
    /// Whether it runs now.
    pub(crate) is_running: bool,
}

impl Claim {
    /// Its verb in a sentence.
    pub(crate) fn verb(is_running: bool) -> &'static str {
        match is_running {
            true => "runs",
            false => "would run",
        }
    }
}

impl Unit {
    /// A file of it that only others can read: what the rest says of its home, its account and the guard may not hold. Root
    /// reads all but what is too large for any unit.
    pub(crate) fn closed_file(&self, host: &Host) -> Option<&Path> {
        let closed = self.closed_files.first().filter(|_| host.own.uid != 0);
        closed.map(std::path::PathBuf::as_path)
    }

    /// Its claim; `None` when nothing starts it.
    pub(crate) fn claim(&self) -> Option<Claim> {
        let how = self.how()?;
        let state = self.loaded.as_ref();
        // Between two automatic restarts there is no process.
        if let Some(waiting) = state.filter(|s| s.waits_to_restart()) {
            return Some(Claim {
                how: waiting.sub_state.clone(),
                is_running: false,
            });
        }
        let at_rest = state.filter(|s| s.is_at_rest());
        let how = match at_rest {
            Some(state) if state.has_failed() => format!("{how}, failed"),
            Some(state) if state.active_state == "inactive" => format!("{how}, stopped"),
            _ => how.to_owned(),
        };
        Some(Claim {
            how,
            is_running: self.activity().is_some(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::host::Host;
    use crate::host::service_state::ServiceState;
    use crate::layout::Scope;
    use crate::units::inventory::Inventory;

    #[test]
    fn a_unit_that_has_failed_or_was_stopped_would_run_a_gateway() {
        let top = tempfile::tempdir().expect("a directory");
        let place = top.path().join("etc/systemd/system");
        let wants = place.join("multi-user.target.wants");
        fs::create_dir_all(&wants).expect("made");
        let unit = "[Service]\nExecStart=/opt/hermes gateway run\n";
        fs::write(place.join("bot.service"), unit).expect("written");
        std::os::unix::fs::symlink("../bot.service", wants.join("bot.service")).expect("linked");
        let host = Host::observer(Scope::System, Some(top.path())).expect("a host");
        let mut unit = Inventory::of_own_manager(&host).units.remove(0);
        let mut claim = |text: &str| {
            unit.loaded = ServiceState::parse_all(text).pop();
            let claim = unit.claim().expect("a claim");
            format!("({}) {}", claim.how, Claim::verb(claim.is_running))
        };
        for (state, told) in [
            ("", "(enabled) would run"),
            ("ActiveState=active\nSubState=running", "(active) runs"),
            ("ActiveState=deactivating", "(deactivating) runs"),
            (
                "ActiveState=activating\nSubState=auto-restart",
                "(auto-restart) would run",
            ),
            ("ActiveState=failed", "(enabled, failed) would run"),
            ("ActiveState=inactive", "(enabled, stopped) would run"),
            (
                "ActiveState=inactive\nAssertResult=no\nAssertTimestamp=@1",
                "(enabled, failed) would run",
            ),
        ] {
            assert_eq!(claim(state), told, "{state}");
        }
    }
}
