//! What a gateway was given, by a terminal or a script, and its new unit does not have. Each is a line for a person.

use std::collections::BTreeSet;
use std::path::Path;

use crate::gateway::env_file::{ENV, assignments};
use crate::gateway::libraries::TARGET;
use crate::gateway::search_path::Owner;
use crate::host::Host;
use crate::host::process::shell_quote;
use crate::host::read;
use crate::profile::ProfileName;
use crate::settings::Settings;
use crate::takeover::candidates::Candidate;
use crate::takeover::replaced::OWN;
use crate::units::unit::{Unit, find_account};

/// Variables.
pub(super) fn lost_variables(
    host: &Host,
    home: &Path,
    settings: &Settings,
    found: &[Candidate],
) -> Option<String> {
    let known = known_variables(host, home, settings);
    let given = found.iter().flat_map(|c| &c.variables).map(String::as_str);
    let lost: BTreeSet<&str> = given.filter(|name| !known.contains(*name)).collect();
    let list: Vec<&str> = lost.into_iter().collect();
    (!list.is_empty()).then(|| {
        format!(
            "the gateway was given {} in its environment, and the new unit does not have that; put it into `{}`, or give \
             `--environment-file`",
            list.join(", "),
            home.join(ENV).display()
        )
    })
}

/// Directories of programs: a shell has more on its PATH than a unit.
pub(super) fn lost_programs(
    host: &Host,
    home: &Path,
    settings: &Settings,
    found: &[Candidate],
) -> Option<String> {
    let environment = settings.environment.as_ref();
    if environment.is_some_and(|all| all.contains_key("PATH")) {
        return None;
    }
    found.iter().find_map(|c| {
        let (path, account) = (c.path.as_ref()?, find_account(host, &c.account)?);
        let owner = Owner {
            hermes: c.hermes.as_deref().unwrap_or(Path::new("hermes")),
            root: &c.root,
            home,
            user_home: Some(&account.home),
        };
        // hermes' launcher puts what is in the root there itself.
        let mut lost = owner.more(path);
        lost.retain(|entry| !Path::new(entry).starts_with(&c.root));
        (!lost.is_empty()).then(|| {
            format!(
                "the gateway looked for programs in {}, and the new unit does not; to have that, \
                 `environment = {{ PATH = {:?} }}` for the profile in config.toml",
                lost.join(", "),
                owner.value(path)
            )
        })
    })
}

/// Units that need the old one, which goes: they end with it, and do not start again.
pub(super) fn left_without(host: &Host, unit: &Unit, profile: &ProfileName) -> Vec<String> {
    let Some(live) = host.live() else {
        return Vec::new();
    };
    let prefix = unit.manager.command_prefix();
    let needing = live.systemctl(&unit.manager).needing(&unit.name);
    let told = |other: &String| {
        format!(
            "`{other}`, which needs `{}` and ends with it; to have it need `{}` instead: `{}`",
            unit.name,
            profile.unit(),
            format_args!("{prefix} edit --full {}", shell_quote(&[other.as_str()])),
        )
    };
    needing.iter().map(told).collect()
}

/// Names of the variables that the gateway reads from files.
pub(super) fn known_variables(host: &Host, home: &Path, settings: &Settings) -> BTreeSet<String> {
    let env = home.join(ENV);
    let files = settings.environment_files.iter().flatten().chain([&env]);
    let texts = files.filter_map(|file| host.files.read_text(file, read::TEXT).ok().flatten());
    let mut names = BTreeSet::new();
    for text in texts {
        names.extend(assignments(&text).map(|(name, _)| name.to_owned()));
    }
    names
}

/// What hermes sets itself for the processes that it starts, or derives from its configuration: a gateway has them that
/// `hermes gateway migrate`, a dashboard or an agent's terminal started (0.22.2: gateway/run.py, hermes_constants.py).
const OF_HERMES: [&str; 11] = [
    "HERMES_AGENT",
    "HERMES_EXEC_ASK",
    "HERMES_INTERACTIVE",
    "HERMES_QUIET",
    "HERMES_REAL_HOME",
    "HERMES_SCRATCH_DIR",
    "HERMES_SESSION_ID",
    "HERMES_SESSION_KEY",
    "HERMES_SESSION_SOURCE",
    "HERMES_SPINNER_PAUSE",
    "TERMINAL_DOCKER_SHARED_CONTAINER_KEY",
];

/// Whether a variable by this name means something to a gateway, and is neither every login's nor the installed units'.
pub(super) fn is_setting(name: &str) -> bool {
    // The launcher sets the latter where a gateway needs it, and so does `hermes-install run`.
    let is_ours = OWN.contains(&name) || name == TARGET;
    if OF_HERMES.contains(&name) {
        return false;
    }
    let is_hermes = name.starts_with("HERMES_") && !is_ours;
    let ends = [
        "_TOKEN",
        "_KEY",
        "_SECRET",
        "_PASSWORD",
        "_BASE_URL",
        "_PROXY",
        "_CA_BUNDLE",
    ];
    let names = ["TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS"];
    let upper = name.to_uppercase();
    is_hermes
        || name.starts_with("API_SERVER_")
        || names.contains(&name)
        || ends.iter().any(|end| upper.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_variables_that_a_gateway_reads_are_missed() {
        for name in [
            "TELEGRAM_BOT_TOKEN",
            "OPENAI_API_KEY",
            "HERMES_MODEL",
            "https_proxy",
            "API_SERVER_PORT",
            "TZ",
        ] {
            assert!(is_setting(name), "{name}");
        }
        let others = ["HERMES_HOME", TARGET, "PATH", "VIRTUAL_ENV", "LOGNAME"];
        for name in others.into_iter().chain(OF_HERMES) {
            assert!(!is_setting(name), "{name}");
        }
    }
}
