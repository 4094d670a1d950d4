//! Platforms that a gateway is configured for and cannot speak on, because hermes has no adapter for them: most often a
//! library is missing. The gateway goes on, for its jobs of cron, and calls itself `running`. Reads only.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::unistd::geteuid;

use crate::gateway::command_line::executable;
use crate::gateway::installation::{Installation, distribution, site_packages};
use crate::gateway::state::State;
use crate::gateway::version::{Libraries, Rules};
use crate::host::account::{Account, account_name};
use crate::host::journal::journal_of_process;
use crate::host::process::{Process, shell_quote};
use crate::host::process_text::as_account;
use crate::host::read::{self, read_small_text};
use crate::host::trust::stranger;

/// What a gateway says of each, before 0.22 in its journal alone (gateway/run.py of 0.13 to 0.22).
const SENTENCES: [&str; 2] = ["No adapter available for ", "No adapter for '"];
/// The word that 0.22 records of each (gateway/run_startup.py).
const UNAVAILABLE: &str = "adapter_unavailable";
/// How long after its start a gateway may say so. An installation of a library may take five minutes.
const START: Duration = Duration::from_secs(900);

/// What a person can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// Start it again: hermes installs what is missing, once the package index can be reached.
    TryAgain,
    /// Have an administrator run this, and start it again.
    Install(String),
    /// Have hermes' package manager install this extra, and start it again.
    Extra(String),
}

/// The platforms that this gateway has no adapter for. `state` is what it records of itself.
pub(crate) fn without_adapter(process: &Process, state: &State) -> Vec<String> {
    if state.code_version.is_some() {
        return unavailable(state);
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let start = now.unwrap_or_default().saturating_sub(process.age());
    let said = journal_of_process(
        process.pid,
        start,
        start + START,
        "No adapter (available )?for ",
    );
    let mut names: Vec<String> = said.iter().filter_map(|line| named(line)).collect();
    names.sort();
    names.dedup();
    names
}

/// Those that the record calls unavailable. The gateway's account writes it, and its words stand in commands for root.
fn unavailable(state: &State) -> Vec<String> {
    let own = state.own_platforms();
    let missing = own.filter(|(_, p)| p.error_code.as_deref() == Some(UNAVAILABLE));
    let names = missing.map(|(name, _)| name);
    names.filter(|name| is_name(name)).cloned().collect()
}

/// The platform that a line of the journal names.
fn named(line: &str) -> Option<String> {
    let rest = SENTENCES.iter().find_map(|s| Some(line.split_once(s)?.1))?;
    let name: String = rest.chars().take_while(|c| is_of_name(*c)).collect();
    is_name(&name).then_some(name)
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(is_of_name)
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}

/// What helps against that.
pub(crate) fn remedy(process: &Process, platform: &str) -> Remedy {
    let seen = |path: &Path| process.path_in_namespace(path);
    let hermes = executable(&process.argv, |path| seen(path).exists());
    let version = Installation::of_process(process).and_then(|found| found.version);
    let packages = hermes.and_then(|hermes| site_packages(&hermes, &seen));
    let may_write = |packages: &Path| {
        let meta = std::fs::metadata(seen(packages));
        meta.is_ok_and(|meta| process.credentials.may_work_in(&meta))
    };
    match (packages, Rules::of(version).libraries) {
        (None, Libraries::Manager) => Remedy::Extra(platform.to_owned()),
        (Some(own), Libraries::Never) if may_write(&own) => Remedy::TryAgain,
        (Some(own), Libraries::Never | Libraries::Manager) => {
            // The command is for the host: what the process sees there may be its account's own (user_namespaces(7)).
            let wanted = requirements(&own, platform);
            Remedy::Install(as_owner(process.uid, &own, pip(&own, &wanted)))
        }
        _ => Remedy::TryAgain,
    }
}

/// A command for an environment, as root types it: what others could have written is run as the gateway's account.
fn as_owner(uid: u32, packages: &Path, command: String) -> String {
    let python = prefix(packages).join("bin/python3");
    let is_program_roots = stranger(&python, &Account::root()).is_ok_and(|found| found.is_none());
    let is_library_roots = std::fs::metadata(packages)
        .is_ok_and(|meta| meta.uid() == 0 && meta.permissions().mode() & 0o022 == 0);
    match (is_program_roots && is_library_roots) || uid == geteuid().as_raw() {
        true => command,
        false => as_account(&account_name(uid), &command),
    }
}

/// The environment that this is the directory of packages of.
fn prefix(packages: &Path) -> &Path {
    packages.ancestors().nth(3).unwrap_or(packages)
}

/// The command that installs these into the environment that has this directory of packages.
fn pip(packages: &Path, wanted: &[String]) -> String {
    let prefix = prefix(packages);
    let program = prefix.join("bin/pip");
    let mut words = match program.exists() {
        true => vec![program.display().to_string(), "install".to_owned()],
        false => {
            let python = format!("--python={}", prefix.join("bin/python3").display());
            ["uv", "pip", "install", &python]
                .map(str::to_owned)
                .to_vec()
        }
    };
    words.extend_from_slice(wanted);
    shell_quote(&words)
}

/// What hermes requires for a platform, by the metadata of its distribution: libraries that have the platform's name in
/// theirs, else the extra of that name.
fn requirements(packages: &Path, platform: &str) -> Vec<String> {
    let extra = vec![format!("hermes-agent[{platform}]")];
    let Some((info, _)) = distribution(packages) else {
        return extra;
    };
    let metadata = read_small_text(&info.join("METADATA"), read::TEXT)
        .ok()
        .flatten();
    let mut found: Vec<String> = metadata
        .unwrap_or_default()
        .lines()
        .filter_map(|line| line.strip_prefix("Requires-Dist: ")?.split_once(';'))
        .filter(|(_, marker)| marker.contains("extra"))
        .map(|(wanted, _)| wanted.trim().to_owned())
        .filter(|wanted| {
            let name = wanted.split(|c: char| !is_of_name(c)).next();
            wanted
                .chars()
                .all(|c| is_of_name(c) || "[],=<>!~ ".contains(c))
                && name.is_some_and(|name| name.contains(platform))
        })
        .collect();
    found.sort();
    found.dedup();
    if found.is_empty() { extra } else { found }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_are_named_in_the_journal_as_each_version_words_it() {
        for (line, name) in [
            (
                "WARNING gateway.run: No adapter available for telegram",
                Some("telegram"),
            ),
            (
                "No adapter for 'irc' — is the plugin installed?",
                Some("irc"),
            ),
            (
                "No adapter could be created for any of the 1 configured platform(s).",
                None,
            ),
            ("No adapter available for \u{1b}[2J", None),
            ("No adapter available for --index-url=x", None),
        ] {
            assert_eq!(named(line).as_deref(), name, "{line}");
        }
    }

    #[test]
    fn a_platform_that_is_no_name_is_in_no_command() {
        let record = |name: &str| {
            format!("{name:?}: {{\"state\": \"fatal\", \"error_code\": {UNAVAILABLE:?}}}")
        };
        let names = [
            "telegram",
            "x; id #",
            "a] @ https://evil/x.tar.gz#]",
            "--index-url=x",
            "",
        ];
        let platforms = names.map(record).join(", ");
        let text = format!(
            "{{\"pid\": 7, \"gateway_state\": \"running\", \"platforms\": {{{platforms}}}}}"
        );
        let state: State = serde_json::from_str(&text).expect("a record");
        assert_eq!(unavailable(&state), ["telegram"]);
    }

    #[test]
    fn the_library_of_a_platform_is_the_one_that_this_hermes_wants() {
        let disk = tempfile::tempdir().expect("a directory");
        let packages = disk.path().join("lib/python3.11/site-packages");
        let info = packages.join("hermes_agent-0.15.2.dist-info");
        std::fs::create_dir_all(&info).expect("made");
        let metadata = "Name: hermes-agent\nRequires-Dist: httpx\nRequires-Dist: python-telegram-bot[webhooks]==22.6; extra == \"messaging\"\n\
                        Requires-Dist: python-telegram-bot[webhooks]==22.6; extra == \"termux\"\nRequires-Dist: slack-sdk==3; extra == \"slack\"\n";
        std::fs::write(info.join("METADATA"), metadata).expect("written");
        assert_eq!(
            requirements(&packages, "telegram"),
            ["python-telegram-bot[webhooks]==22.6"]
        );
        assert_eq!(requirements(&packages, "irc"), ["hermes-agent[irc]"]);
        let wanted = requirements(&packages, "slack");
        let top = disk.path().display();
        assert_eq!(
            pip(&packages, &wanted),
            format!("uv pip install --python={top}/bin/python3 slack-sdk==3")
        );
    }
}
