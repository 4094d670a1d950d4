//! What the gateway of a home is, by what it says of itself. Reads only.

use std::path::Path;

use super::roots::Roots;
use crate::gateway::command_line::executable;
use crate::gateway::env_file::ENV;
use crate::gateway::platforms::{Remedy, remedy};
use crate::gateway::served::{Servers, Service};
use crate::gateway::state::State;
use crate::gateway::tokenless::{Tokenless, silence};
use crate::gateway::update::is_outdated;
use crate::host::account::account_name;
use crate::host::process::{Process, shell_quote};
use crate::host::process_text::{as_account, name, restart_command};
use crate::profile::root_of;

/// A gateway that cannot speak on some of its platforms.
#[derive(Debug, Clone)]
pub(crate) struct Mute {
    /// The process, for people.
    pub(crate) who: String,
    /// The platforms.
    pub(crate) platforms: Vec<String>,
    /// Why it cannot.
    pub(crate) why: String,
    /// What helps, and the command that has hermes try again.
    pub(crate) way_out: String,
}

/// A gateway that runs older code than what lies on disk.
#[derive(Debug, Clone)]
pub(crate) struct Outdated {
    /// The process, for people.
    pub(crate) who: String,
    /// The command that restarts it as planned.
    pub(crate) restart: String,
}

/// Another gateway than this one that serves the profile of this home.
pub(super) fn other_server(roots: &mut Roots, home: &Path, own: &Process) -> Option<String> {
    let root = root_of(home);
    let servers = roots.of(home).servers.get_or_init(|| Servers::read(&root));
    let profile = if home == root {
        "default".parse()
    } else {
        home.file_name()?.to_str()?.parse()
    };
    match servers.service(&profile.ok()?) {
        Ok(Service::By(server)) if server.process.pid != own.pid => Some(name(&server.process)),
        _ => None,
    }
}

/// The platforms that the gateway of this home has no adapter for; else those that it has no token for.
pub(super) fn mute(home: &Path, process: &Process) -> Option<Mute> {
    let state = State::read(home).filter(|state| state.pid == process.pid && state.is_up())?;
    let (platforms, tokenless) = silence(process, home, &state);
    let restart = restart_command(process);
    let Some(first) = platforms.first() else {
        return without_token(home, process, &tokenless);
    };
    let way_out = match remedy(process, home, first) {
        Remedy::TryAgain => format!(
            "to have hermes install its library, once the package index can be reached: `{restart}`"
        ),
        Remedy::Install(command) => format!("`{command}`, then `{restart}`"),
        Remedy::Build(what) => format!("{what}, then `{restart}`"),
        Remedy::Extra(extra) => {
            let hermes = executable(&process.argv, |path| path.exists())?;
            let (hermes, account) = (hermes.display().to_string(), account_name(process.uid));
            let home = format!("HERMES_HOME={}", home.display());
            let run = ["env", &home, &hermes, "pm", "install", "--extra", &extra];
            let install = as_account(&account, &shell_quote(&run));
            format!("`{install}`, then `{restart}`")
        }
    };
    Some(Mute {
        who: name(process),
        platforms,
        why: "hermes has no adapter for it".to_owned(),
        way_out,
    })
}

fn without_token(home: &Path, process: &Process, found: &[Tokenless]) -> Option<Mute> {
    let variables: Vec<String> = found
        .iter()
        .map(|Tokenless { variable, .. }| format!("`{variable}`"))
        .collect();
    let variables = variables.join(" and ");
    found.first()?;
    Some(Mute {
        who: name(process),
        platforms: found.iter().map(|of| of.platform.to_owned()).collect(),
        why: format!("`config.yaml` turns it on, and it had no usable {variables}"),
        way_out: format!(
            "set {variables} in `{}`, then `{}`",
            home.join(ENV).display(),
            restart_command(process)
        ),
    })
}

/// Whether the code of this gateway changed on disk after it had started.
pub(super) fn outdated(process: &Process) -> Option<Outdated> {
    is_outdated(process).then(|| Outdated {
        who: name(process),
        restart: restart_command(process),
    })
}
