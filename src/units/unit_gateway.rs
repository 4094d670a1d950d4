//! The gateway that a unit runs now, by its process, which counts more than what the unit's files say.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::gateway::command_line::Home;
use crate::gateway::running::GATEWAY_LOCK;
use crate::host::Host;
use crate::profile::ProfileName;
use crate::units::exec_line::GatewayCall;
use crate::units::inventory::Gateway;
use crate::units::origin::Origin;
use crate::units::unit::Unit;

impl Unit {
    /// Take over what its gateway says.
    pub(super) fn follow_gateway<'a>(
        &mut self,
        host: &Host,
        gateways: impl Iterator<Item = &'a Gateway>,
    ) {
        if let Some(gateway) = self.gateway(gateways) {
            self.follow(host, gateway);
        }
    }

    /// A manager, a login or a script may have given it the home that it works on. Where the unit's files name another
    /// themselves, that is for its next start, and both count.
    fn follow(&mut self, host: &Host, gateway: &Gateway) {
        let ([call], Some(home)) = (self.calls.as_slice(), own_home(host, gateway)) else {
            return;
        };
        let is_it = |told: &Path| {
            let lock = host.metadata(&told.join(GATEWAY_LOCK));
            let is_held =
                lock.is_ok_and(|meta| matches!(gateway.process.holds_flock(&meta), Ok(true)));
            is_held || host.directory(told) == host.directory(&home)
        };
        let is_right = call.home.as_deref().is_some_and(is_it);
        if is_right || call.is_contained || self.origin == Origin::Ours {
            return;
        }
        let now = GatewayCall {
            home: Some(home),
            ..call.clone()
        };
        // Whether a gateway follows the active profile is a matter of its version, and it knows that.
        let root =
            |call: &GatewayCall| Some(ProfileName::from_home(call.home.as_deref()?)?.1.to_owned());
        let is_said = call.is_told && !(call.follows_active && root(call) == root(&now));
        if !is_said {
            self.calls.clear();
        }
        self.calls.insert(0, now);
    }

    /// The gateway that it runs now: its main process, else the only one that it has. A tool of a gateway may have started
    /// others. Only one of its own account counts, in no container.
    pub(crate) fn gateway<'a>(
        &self,
        gateways: impl Iterator<Item = &'a Gateway>,
    ) -> Option<&'a Gateway> {
        let account = self.account.as_ref()?;
        let main = self.loaded.as_ref()?.main_pid;
        let is_its = |gateway: &&Gateway| {
            let process = &gateway.process;
            process.uid == account.uid
                && process.container().is_none()
                && process.unit().is_some_and(|unit| self.is_that(&unit))
        };
        let its: Vec<&Gateway> = gateways.filter(is_its).collect();
        let is_main = |gateway: &&&Gateway| Some(gateway.process.pid) == main;
        match its.as_slice() {
            [only] => Some(only),
            several => several.iter().find(is_main).copied(),
        }
    }
}

/// The home that a gateway names: a directory that it sees as this host has it. Only the owner of a home, and root, can
/// tell which account it is for.
fn own_home(host: &Host, gateway: &Gateway) -> Option<PathBuf> {
    let Home::Known(home) = &gateway.home else {
        return None;
    };
    let (process, meta) = (&gateway.process, host.metadata(home).ok()?);
    let is_seen = process.identity(home) == Some((meta.dev(), meta.ino()));
    let is_its = home.is_absolute() && [meta.uid(), 0].contains(&process.uid);
    (is_seen && is_its).then(|| home.clone())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;

    use super::*;
    use crate::host::process::started;
    use crate::layout::Scope;
    use crate::units::load_path::load_path;

    /// A unit that runs a gateway, with these lines in its file.
    fn unit(lines: &str) -> Unit {
        let top = tempfile::tempdir().expect("a directory");
        let directory = top.path().join("etc/systemd/system");
        fs::create_dir_all(&directory).expect("made");
        let text = format!("[Service]\n{lines}\nExecStart=/opt/h/bin/hermes gateway run\n");
        fs::write(directory.join("bot.service"), text).expect("written");
        let host = Host::observer(Scope::System, Some(top.path())).expect("an image");
        let load_path = load_path(&host);
        Unit::read(&host, &load_path, &load_path.list(), "bot.service", None)
    }

    #[test]
    fn the_home_of_a_gateway_that_runs_counts_more_than_a_guess() {
        let host = Host::observer(Scope::System, None).expect("this host");
        let home = tempfile::tempdir().expect("a directory");
        let mut child = Command::new("sleep").arg("60").spawn().expect("it starts");
        let gateway = |home: &Path| Gateway {
            process: started(&child),
            home: Home::Known(home.to_owned()),
        };
        let homes = |lines: &str, gateway: &Gateway| -> Vec<PathBuf> {
            let mut unit = unit(lines);
            unit.follow(&host, gateway);
            unit.calls
                .into_iter()
                .filter_map(|call| call.home)
                .collect()
        };
        let (own, files) = (home.path(), Path::new("/root/.hermes"));
        assert_eq!(homes("", &gateway(own)), [own]);
        let told = "Environment=HERMES_HOME=/srv/new";
        assert_eq!(homes(told, &gateway(own)), [own, Path::new("/srv/new")]);
        // Another profile of the same root: that which is active, by a guess.
        let active = own.join("profiles/coder");
        fs::create_dir_all(&active).expect("made");
        let told = format!("Environment=HERMES_HOME={}", own.display());
        assert_eq!(homes(&told, &gateway(&active)), [active]);
        // No directory, or nobody's whose process this is.
        assert_eq!(homes("", &gateway(&own.join("none"))), [files]);
        let mut of_another = gateway(own);
        of_another.process.uid = 4_000_000;
        assert_eq!(homes("", &of_another), [files]);
        child.kill().expect("ended");
        child.wait().expect("waited for");
    }

    #[test]
    fn a_unit_has_the_variables_of_its_manager_below_its_own() {
        let home = |lines: &str| {
            let unit = unit(lines);
            let given = [("HERMES_HOME", "/srv/given"), ("HOME", "/root")];
            let given = given.map(|(name, value)| (name.to_owned(), value.to_owned()));
            let own = unit.directives.environment(str::to_owned).into_iter();
            let own = own.map(|(name, (value, _))| (name, value)).collect();
            let mut all = unit.environment(&given.into(), Path::new("/root"), &own);
            all.remove("HERMES_HOME")
        };
        assert_eq!(home("").as_deref(), Some("/srv/given"));
        let own = "Environment=HERMES_HOME=/srv/own";
        assert_eq!(home(own).as_deref(), Some("/srv/own"));
        assert_eq!(home("UnsetEnvironment=HERMES_HOME"), None);
    }
}
