//! Platforms that a gateway is configured for and has no adapter for. Most often a library is missing. The gateway goes on,
//! for its jobs of cron, and calls itself `running`. Reads only.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::unistd::geteuid;
use rustix::fs::StatVfsMountFlags;

use crate::gateway::command_line::executable;
use crate::gateway::config::Configuration;
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
    /// Have whoever builds it add this, as a sentence, and start it again.
    Build(String),
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

/// What helps against that, for the gateway of this home.
pub(crate) fn remedy(process: &Process, home: &Path, platform: &str) -> Remedy {
    let view = process.view();
    let seen = |path: &Path| match &view {
        Ok(view) => view.at(path),
        Err(_) => path.to_owned(),
    };
    let hermes = executable(&process.argv, |path| seen(path).exists());
    let version = Installation::of_process(process).and_then(|found| found.version);
    let packages = hermes
        .as_deref()
        .and_then(|hermes| site_packages(hermes, &seen));
    let may_write = |packages: &Path| {
        let meta = std::fs::metadata(seen(packages));
        meta.is_ok_and(|meta| process.credentials.may_work_in(&meta))
    };
    let built = hermes.filter(|hermes| is_sealed(hermes));
    let may_install = Configuration::read(home).may_install();
    let installs = |own: &Path, by: Libraries| {
        let beside = || by == Libraries::Root && has_installer(&seen(own));
        may_install && by != Libraries::Manager && (may_write(own) || beside())
    };
    match (packages, Rules::of(version).libraries, built) {
        (Some(own), by, _) if installs(&own, by) => Remedy::TryAgain,
        (own, _, Some(hermes)) => {
            let extra = own.map_or_else(|| platform.to_owned(), |own| extra(&seen(&own), platform));
            Remedy::Build(build(&hermes, &extra))
        }
        (None, Libraries::Manager, None) => Remedy::Extra(platform.to_owned()),
        (Some(own), _, None) => {
            // The command is for the host: what the process sees there may be its account's own (user_namespaces(7)).
            let wanted = requirements(&own, platform);
            Remedy::Install(as_owner(process.uid, &own, pip(&own, &wanted)))
        }
        (None, _, None) => Remedy::TryAgain,
    }
}

/// Whether nobody can change an installation in place: one of Nix, or on a read-only file system.
fn is_sealed(hermes: &Path) -> bool {
    let place = std::fs::canonicalize(hermes).unwrap_or_else(|_| hermes.to_owned());
    let is_read_only = || {
        rustix::fs::statvfs(&place).is_ok_and(|on| on.f_flag.contains(StatVfsMountFlags::RDONLY))
    };
    place.starts_with("/nix/store") || is_read_only()
}

/// What such an installation needs; on NixOS upstream's package takes the names of extras (nix/hermes-agent.nix).
fn build(hermes: &Path, extra: &str) -> String {
    let place = hermes.display();
    match hermes.starts_with("/nix/store") {
        true => format!(
            "`{place}` is a package of Nix; to build it with the library: \
             `hermesPackage = hermes.override {{ extraDependencyGroups = [ \"{extra}\" ]; }};`"
        ),
        false => format!(
            "`{place}` is on a read-only file system; whoever builds that adds `hermes-agent[{extra}]`"
        ),
    }
}

/// Whether hermes has what it installs libraries with, where it cannot write its own environment: pip in there, or uv
/// (`_venv_pip_install` of tools/lazy_deps.py).
fn has_installer(packages: &Path) -> bool {
    let own = prefix(packages).join("bin");
    let path = [&own, Path::new("/usr/local/bin"), Path::new("/usr/bin")];
    packages.join("pip").is_dir() || path.iter().any(|directory| directory.join("uv").exists())
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

/// The command that installs these into the environment that has this directory of packages. Environments that uv made
/// have no pip.
fn pip(packages: &Path, wanted: &[String]) -> String {
    let place = prefix(packages);
    let quoted = |words: &[&str]| {
        let words = words.iter().map(|word| (*word).to_owned());
        let all: Vec<String> = words.chain(wanted.iter().cloned()).collect();
        shell_quote(&all)
    };
    let program = place.join("bin/pip").display().to_string();
    if Path::new(&program).exists() {
        return quoted(&[&program, "install"]);
    }
    let python = place.join("bin/python3").display().to_string();
    let own = shell_quote(&[python.as_str(), "-m", "ensurepip"]);
    let both = format!("{own} && {}", quoted(&[&python, "-m", "pip", "install"]));
    shell_quote(&["sh", "-c", &both])
}

/// What hermes requires for a platform, by the metadata of its distribution: libraries that have the platform's name in
/// theirs, else the extra of that name.
fn requirements(packages: &Path, platform: &str) -> Vec<String> {
    let mut found: Vec<String> = optional(packages, platform)
        .into_iter()
        .map(|(wanted, _)| wanted)
        .collect();
    found.sort();
    found.dedup();
    match found.is_empty() {
        true => vec![format!("hermes-agent[{platform}]")],
        false => found,
    }
}

/// The extra that brings the library of a platform: its own, or the first that has the library.
fn extra(packages: &Path, platform: &str) -> String {
    let extras = optional(packages, platform).into_iter();
    let mut names: Vec<String> = extras.map(|(_, extra)| extra).collect();
    names.sort_by_key(|name| name != platform);
    names
        .into_iter()
        .next()
        .unwrap_or_else(|| platform.to_owned())
}

/// The requirements of extras that are libraries with the platform's name in theirs, each with its extra.
fn optional(packages: &Path, platform: &str) -> Vec<(String, String)> {
    let Some((info, _)) = distribution(packages) else {
        return Vec::new();
    };
    let metadata = read_small_text(&info.join("METADATA"), read::TEXT)
        .ok()
        .flatten();
    let metadata = metadata.unwrap_or_default();
    let lines = metadata
        .lines()
        .filter_map(|line| line.strip_prefix("Requires-Dist: ")?.split_once(';'));
    let parts = lines.filter_map(|(wanted, marker)| {
        let extra = marker
            .split_once("extra == ")?
            .1
            .split(['"', '\''])
            .nth(1)?;
        is_name(extra).then(|| (wanted.trim().to_owned(), extra.to_owned()))
    });
    let is_of_platform = |wanted: &str| {
        let name = wanted.split(|c: char| !is_of_name(c)).next();
        wanted
            .chars()
            .all(|c| is_of_name(c) || "[],=<>!~ ".contains(c))
            && name.is_some_and(|name| name.contains(platform))
    };
    parts.filter(|(wanted, _)| is_of_platform(wanted)).collect()
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
    fn what_is_built_elsewhere_is_built_anew() {
        let store = Path::new("/nix/store/abc-hermes-agent-env/bin/hermes");
        assert!(is_sealed(store));
        let told = build(store, "messaging");
        assert!(
            told.contains(
                "`hermesPackage = hermes.override { extraDependencyGroups = [ \"messaging\" ]; };`"
            ),
            "{told}"
        );
        let told = build(Path::new("/usr/bin/hermes"), "telegram");
        assert!(
            told.contains("read-only") && told.contains("`hermes-agent[telegram]`"),
            "{told}"
        );

        let disk = tempfile::tempdir().expect("a directory");
        assert!(!is_sealed(&disk.path().join("bin/hermes")));
        let packages = disk.path().join("lib/python3.11/site-packages");
        std::fs::create_dir_all(&packages).expect("made");
        let is_on_host = ["/usr/local/bin/uv", "/usr/bin/uv"]
            .iter()
            .any(|uv| Path::new(uv).exists());
        assert_eq!(has_installer(&packages), is_on_host);
        std::fs::create_dir(packages.join("pip")).expect("made");
        assert!(has_installer(&packages));
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
        assert_eq!(extra(&packages, "telegram"), "messaging");
        assert_eq!(extra(&packages, "slack"), "slack");
        assert_eq!(extra(&packages, "irc"), "irc");
        let wanted = requirements(&packages, "slack");
        let top = disk.path().display();
        assert_eq!(
            pip(&packages, &wanted),
            format!(
                "sh -c '{top}/bin/python3 -m ensurepip && {top}/bin/python3 -m pip install slack-sdk==3'"
            )
        );
    }
}
