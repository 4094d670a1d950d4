//! From the command line of a gateway, and what it runs in, to the profile home that it means. Pure.

use std::path::Path;

use crate::gateway::command_line::{Aim, Command, SUPERVISED_VARIABLES};
use crate::profile::{ProfileName, root_for};
use crate::units::exec_line::wrappers::base;
use crate::units::exec_line::{GatewayCall, Search};

impl Search<'_> {
    /// A unit of hermes-install in any scope, or one that goes through the launcher.
    pub(super) fn launcher(&self, argv: &[String]) -> Option<GatewayCall> {
        if base(argv.first()?) != "hermes-install" || argv.get(1).is_none_or(|w| w != "exec") {
            return None;
        }
        let option = |names: [&str; 2]| {
            argv.iter().enumerate().find_map(|(at, word)| {
                let long = word
                    .strip_prefix(names[0])
                    .and_then(|w| w.strip_prefix('='));
                let is_named = names.contains(&word.as_str());
                long.or_else(|| is_named.then(|| argv.get(at + 1).map(String::as_str))?)
            })
        };
        let profile = option(["--profile", "-p"])?.to_owned();
        let told = option(["--home", "--home"]).map(Path::new);
        let execution = &self.execution;
        let told = told.or_else(|| execution.environment.get("HERMES_HOME").map(Path::new));
        let root = root_for(told, &execution.user_home);
        let home = match profile.parse::<ProfileName>() {
            Ok(name) => name.home(&root),
            Err(_) => root.join("profiles").join(&profile),
        };
        Some(GatewayCall {
            home: (!execution.is_elsewhere).then_some(home),
            profile: Some(profile),
            is_told: told.is_some(),
            replaces: false,
            follows_active: false,
            is_launcher: true,
            is_contained: false,
            account: execution.account.clone(),
        })
    }

    pub(super) fn call(&self, command: &Command) -> GatewayCall {
        let execution = &self.execution;
        let told = execution.environment.get("HERMES_HOME").map(Path::new);
        let user_home = match execution.environment.get("HOME") {
            Some(home) => Path::new(home),
            None => &execution.user_home,
        };
        let is_supervised = SUPERVISED_VARIABLES
            .iter()
            .any(|name| execution.environment.contains_key(*name));
        let active = |root: &Path| {
            if is_supervised {
                None
            } else {
                (self.context.active)(root)
            }
        };
        let home = command.home(told, user_home, active);
        // In a container or under another account only a named home could be meant, and that may be another there.
        let is_known =
            !execution.is_elsewhere && home.is_absolute() && !home.to_string_lossy().contains('$');
        GatewayCall {
            home: is_known.then_some(home),
            profile: command.profile.clone(),
            is_told: told.is_some(),
            replaces: command.aim != Aim::Run,
            follows_active: is_known && !is_supervised && command.follows_active(told),
            is_launcher: false,
            is_contained: false,
            account: execution.account.clone(),
        }
    }
}

/// The gateway that a container runs by the words from there on: an image of hermes runs what follows its name.
pub(super) fn in_container(argv: &[String], at: usize) -> Option<Command> {
    if is_image(&argv[at]) {
        Command::parse(&[&["hermes".to_owned()], &argv[at + 1..]].concat())
    } else {
        Command::parse(&argv[at..])
    }
}

/// Whether a word names an image of hermes: `REGISTRY/OWNER/hermes-agent:TAG`, or one made from it.
pub(crate) fn is_image(word: &str) -> bool {
    let name = word.rsplit('/').next().unwrap_or(word);
    let name = name.split([':', '@']).next().unwrap_or(name);
    name == "hermes-agent" || name.starts_with("hermes-agent-")
}
