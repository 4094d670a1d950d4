//! Platforms that a gateway is configured for and does not speak on for want of a token. The gateway goes on. Reads only.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::path::Path;

use crate::gateway::config::Configuration;
use crate::gateway::env_file::{ENV, assignments};
use crate::gateway::platforms::without_adapter;
use crate::gateway::state::{PlatformRecord, State};
use crate::host::process::Process;
use crate::host::read::{self, read_small_text};
use crate::profile::{ProfileName, root_of};

/// Platforms that are entered with a token, and the variable that hermes takes it from (`PLATFORM_TOKEN_ENV_NAMES`,
/// gateway/config.py of 0.19.0 and 0.22.2). The others need none, or say themselves what is wrong.
const TOKENS: [(&str, &str); 6] = [
    ("discord", "DISCORD_BOT_TOKEN"),
    ("matrix", "MATRIX_ACCESS_TOKEN"),
    ("mattermost", "MATTERMOST_TOKEN"),
    ("slack", "SLACK_BOT_TOKEN"),
    ("telegram", "TELEGRAM_BOT_TOKEN"),
    ("weixin", "WEIXIN_TOKEN"),
];

/// The platform that may be entered with a password instead.
const BY_PASSWORD: &str = "matrix";
/// The most profiles whose files are read: a record is its gateway's own words.
const MOST_SERVED: usize = 64;
/// What hermes takes for no token, beside those that are shorter than four characters.
const PLACEHOLDERS: [&str; 8] = [
    "changeme",
    "your_api_key",
    "your-api-key",
    "placeholder",
    "example",
    "dummy",
    "null",
    "none",
];

/// A platform that hermes did not start for want of a usable token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tokenless {
    /// Its name.
    pub(crate) platform: &'static str,
    /// What hermes takes the token from.
    pub(crate) variable: &'static str,
}

/// The platforms that a home's configuration turns on and that its gateway, which is up, has no usable token for. Until 0.20
/// hermes tries one without a token again and again, and gives no reason (gateway/run.py 0.19.0); 0.22 passes over it, unless
/// another profile has one (`_start_prefilter_platforms`, gateway/run_startup.py 0.22.2). All turn off what has a placeholder
/// for a token (`_validate_gateway_config`), and write nothing of that.
fn without_token(process: &Process, home: &Path, state: &State) -> Vec<Tokenless> {
    if !state.is_up() {
        return Vec::new();
    }
    let config = Configuration::read(home);
    let has_vault = config.has_vault();
    let (own, others) = (OnceCell::new(), OnceCell::new());
    let is_own = |variable: &str| own.get_or_init(|| in_file(home)).contains(variable);
    let is_of_another = |variable: &str| {
        let all = others.get_or_init(|| of_others(home, state));
        all.contains(variable)
    };
    let on = TOKENS
        .into_iter()
        .filter(|(platform, _)| config.turns_on(platform));
    let silent = on.filter(|(platform, variable)| {
        let is_unset = || {
            let is_elsewhere = has_vault || config.has_token(platform);
            !is_elsewhere && !is_own(variable) && !is_in_environment(process, variable)
        };
        match told(state, platform) {
            // 0.22 writes of each that it tries.
            None if state.code_version.is_some() => !is_of_another(variable),
            None => !is_of_another(variable) && is_unset(),
            Some((name, record)) => {
                let has_no_reason = record.fails() && record.error_code.is_none();
                name == *platform && has_no_reason && *platform != BY_PASSWORD && is_unset()
            }
        }
    });
    silent
        .map(|(platform, variable)| Tokenless { platform, variable })
        .collect()
}

/// The platforms that a gateway has no adapter for, and those among the others that it has no token for.
pub(crate) fn silence(
    process: &Process,
    home: &Path,
    state: &State,
) -> (Vec<String>, Vec<Tokenless>) {
    let mute = without_adapter(process, state);
    let mut tokenless = without_token(process, home, state);
    tokenless.retain(|of| mute.iter().all(|name| name != of.platform));
    (mute, tokenless)
}

/// What a gateway wrote of a platform, for its own profile or for one that it serves, as `coder:telegram`.
fn told<'a>(state: &'a State, platform: &str) -> Option<(&'a str, &'a PlatformRecord)> {
    let is_of_it = |name: &str| name.rsplit_once(':').map_or(name, |(_, of)| of) == platform;
    let all = state.own_platforms().filter(|(name, _)| is_of_it(name));
    let all = all.map(|(name, record)| (&**name, record));
    all.max_by_key(|(name, _)| *name == platform)
}

/// Whether a gateway may have been started with a token.
fn is_in_environment(process: &Process, variable: &str) -> bool {
    let environ = process.environ();
    environ.map_or(true, |of| of.get(variable).is_some_and(is_usable))
}

/// The tokens that the file of a home sets.
fn in_file(home: &Path) -> BTreeSet<&'static str> {
    let text = read_small_text(&home.join(ENV), read::TEXT).ok().flatten();
    let text = text.unwrap_or_default();
    let set = assignments(&text).filter(|(_, value)| is_usable(value));
    let known = |name: &str| TOKENS.iter().find(|(_, variable)| *variable == name);
    set.filter_map(|(name, _)| Some(known(name)?.1)).collect()
}

/// Whether hermes would try a token (`has_usable_secret`, hermes_cli/auth.py 0.13.0 to 0.22.2).
fn is_usable(value: &str) -> bool {
    let value = value.trim().to_lowercase();
    let is_example = (value.starts_with("your_") && value.ends_with("_here"))
        || value.chars().all(|c| " -_x".contains(c));
    value.len() >= 4 && !is_example && !PLACEHOLDERS.contains(&&*value)
}

/// The tokens of the other profiles that this gateway serves. Not every adapter of one records that it is connected.
fn of_others(home: &Path, state: &State) -> BTreeSet<&'static str> {
    let root = root_of(home);
    let served = state.served_profiles.iter().flatten().take(MOST_SERVED);
    let homes = served.filter_map(|name| Some(name.parse::<ProfileName>().ok()?.home(&root)));
    homes
        .filter(|other| other != home)
        .flat_map(|other| in_file(&other))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn me() -> Process {
        Process::read(std::process::id() as i32).expect("this process")
    }

    #[test]
    fn a_platform_that_is_on_and_that_the_gateway_is_silent_about_has_no_token() {
        let me = me();
        let home = tempfile::tempdir().expect("a directory");
        let config = "platforms:\n  telegram: {enabled: true}\n  slack: {enabled: false}\n  email: {enabled: true}\n";
        std::fs::write(home.path().join("config.yaml"), config).expect("written");
        let silent = |gateway_state: &str, platforms: &str| {
            let text = format!(
                r#"{{"pid": 7, "gateway_state": "{gateway_state}", "platforms": {platforms}}}"#
            );
            let state: State = serde_json::from_str(&text).expect("a record");
            let silent = without_token(&me, home.path(), &state).into_iter();
            silent.map(|found| found.variable).collect::<Vec<_>>()
        };
        assert_eq!(silent("running", "{}"), ["TELEGRAM_BOT_TOKEN"]);
        let earlier = r#"{"telegram": {"state": "connected", "writer_pid": 6}}"#;
        assert_eq!(silent("degraded", earlier), ["TELEGRAM_BOT_TOKEN"]);
        assert!(silent("starting", "{}").is_empty(), "it has time");
        for told in [
            r#"{"telegram": {"state": "connecting", "writer_pid": 7}}"#,
            r#"{"telegram": {"state": "fatal", "writer_pid": 7, "error_code": "x"}}"#,
            r#"{"coder:telegram": {"state": "connected", "writer_pid": 7}}"#,
        ] {
            assert!(silent("running", told).is_empty(), "{told}");
        }
        let retrying = r#"{"telegram": {"state": "retrying", "writer_pid": 7, "error_message": "failed to connect"}}"#;
        assert_eq!(silent("running", retrying), ["TELEGRAM_BOT_TOKEN"]);
        std::fs::write(home.path().join(ENV), "TELEGRAM_BOT_TOKEN=bad\n").expect("written");
        assert_eq!(silent("running", retrying), ["TELEGRAM_BOT_TOKEN"]);
        for (name, text) in [
            (ENV, "TELEGRAM_BOT_TOKEN=1:ab"),
            (
                Configuration::FILE,
                "platforms: {telegram: {enabled: true, token: '1:ab'}}",
            ),
            (
                Configuration::FILE,
                "telegram: {enabled: true}\nsecrets: {bitwarden: {enabled: true}}",
            ),
        ] {
            let before = std::fs::read_to_string(home.path().join(name)).unwrap_or_default();
            std::fs::write(home.path().join(name), text).expect("written");
            assert!(silent("running", retrying).is_empty(), "{name}");
            std::fs::write(home.path().join(name), before).expect("written");
        }
    }

    #[test]
    fn a_token_may_be_that_of_another_profile_that_is_served() {
        let me = me();
        let root = tempfile::tempdir().expect("a directory");
        let coder = root.path().join("profiles/coder");
        std::fs::create_dir_all(&coder).expect("made");
        std::fs::write(root.path().join("config.yaml"), "slack: {enabled: true}").expect("written");
        let text = r#"{"pid": 7, "gateway_state": "running", "served_profiles": ["default", "coder", "../x"]}"#;
        let state: State = serde_json::from_str(text).expect("a record");
        let silent = |env: &str| {
            std::fs::write(coder.join(".env"), env).expect("written");
            without_token(&me, root.path(), &state).len()
        };
        assert_eq!(silent("SLACK_BOT_TOKEN=xoxb-1\n"), 0);
        assert_eq!(silent("SLACK_BOT_TOKEN=\nSLACK_APP_TOKEN=x\n"), 1);
    }
}
