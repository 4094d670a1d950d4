//! The home that a container works on which a command line runs: that of this host which it has in it. Pure.

use std::path::{Path, PathBuf};

use crate::gateway::command_line::Command;
use crate::units::exec_line::{GatewayCall, Search};
use crate::units::shell::directory::located;

/// Where the image of hermes has its root.
const IMAGE_HOME: &str = "/opt/data";

impl Search<'_> {
    /// The gateway that a container runs by the words from this place on.
    pub(super) fn call_in_container(
        &self,
        argv: &[String],
        at: usize,
        command: &Command,
    ) -> GatewayCall {
        GatewayCall {
            home: self.home_on_host(&argv[1..at], command),
            is_contained: true,
            ..self.call(command)
        }
    }

    /// The home of this host that the container has as its own. One that is not told by these words has none.
    fn home_on_host(&self, options: &[String], command: &Command) -> Option<PathBuf> {
        let mut binds: Vec<(&str, &str)> = Vec::new();
        let mut variables = Vec::new();
        for (at, word) in options.iter().enumerate() {
            let (name, value) = match word.split_once('=') {
                Some((name, value)) if name.starts_with("--") => (name, value),
                _ => (
                    word.as_str(),
                    options.get(at + 1).map_or("", String::as_str),
                ),
            };
            match name {
                "-v" | "--volume" => binds.extend(value.split_once(':')),
                "--mount" => binds.extend(mount(value)),
                "-e" | "--env" => variables.extend(value.split_once('=')),
                _ => {}
            }
        }
        // Behind the directory inside there may be options, as in `:Z`.
        let inside = |bind: &str| bind.split(':').next().unwrap_or_default().to_owned();
        let mut homes = variables.iter().filter(|(name, _)| *name == "HERMES_HOME");
        let own = match homes.next_back() {
            Some((_, home)) => (*home).to_owned(),
            None => {
                let mut all = binds.iter().map(|(_, to)| inside(to));
                all.find(|to| to == IMAGE_HOME || to.ends_with("/.hermes"))?
            }
        };
        let home = command.home(Some(Path::new(&own)), Path::new("/root"), |_| None);
        let binds = binds.iter().filter_map(|(from, to)| {
            let below = home.strip_prefix(inside(to)).ok()?.to_owned();
            Some((from, below))
        });
        let (from, below) = binds.min_by_key(|(_, below)| below.as_os_str().len())?;
        // A name without a directory is that of a volume, which is the engine's own.
        let is_path = from.starts_with(['/', '~', '.']);
        let execution = &self.execution;
        let directory = execution.directory.as_deref();
        let top = located(from, directory, &execution.user_home).filter(|_| is_path)?;
        Some(if below.as_os_str().is_empty() {
            top
        } else {
            top.join(below)
        })
    }
}

/// The two directories of `type=bind,source=…,target=…`.
fn mount(value: &str) -> Option<(&str, &str)> {
    let part = |names: &[&str]| {
        let mut parts = value.split(',').filter_map(|part| part.split_once('='));
        parts.find_map(|(name, value)| names.contains(&name).then_some(value))
    };
    Some((
        part(&["source", "src"])?,
        part(&["target", "destination", "dst"])?,
    ))
}
