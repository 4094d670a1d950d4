//! What of a profile's `.env` makes a bot the one that it is to its platform. Pure.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use crate::gateway::env_file::assignments;

/// Variables of platforms that hand each message to one client, or to all of them: hermes has one lock for each value, for the
/// gateways of one account (`acquire_scoped_lock` and `PLATFORM_TOKEN_ENV_NAMES`, 0.22.2).
const NAMES: [&str; 10] = [
    "DISCORD_BOT_TOKEN",
    "FEISHU_APP_ID",
    "LINE_CHANNEL_ACCESS_TOKEN",
    "MATRIX_ACCESS_TOKEN",
    "MATTERMOST_TOKEN",
    "SIGNAL_ACCOUNT",
    "SLACK_APP_TOKEN",
    "SLACK_BOT_TOKEN",
    "TELEGRAM_BOT_TOKEN",
    "WEIXIN_TOKEN",
];

/// The digest of a value: nothing that is kept or printed has the value itself.
pub(crate) type TokenDigest = [u8; 32];

/// The variables of that kind which a `.env` sets; an empty value is none.
pub(crate) fn bot_tokens(env: &str) -> BTreeMap<&'static str, TokenDigest> {
    let mut found = BTreeMap::new();
    for (name, value) in assignments(env) {
        let Some(name) = NAMES.iter().find(|known| **known == name) else {
            continue;
        };
        match value {
            // hermes puts another variable's value there (python-dotenv).
            value if value.is_empty() || value.contains("${") => found.remove(name),
            value => found.insert(*name, Sha256::digest(value).into()),
        };
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_the_same_however_it_is_written() {
        let plain = bot_tokens("TELEGRAM_BOT_TOKEN=1:a\n");
        assert_eq!(plain.len(), 1);
        for text in [
            "export TELEGRAM_BOT_TOKEN = '1:a' # mine\nOPENAI_API_KEY=k\n",
            "#TELEGRAM_BOT_TOKEN=2\nTELEGRAM_BOT_TOKEN=2\n  TELEGRAM_BOT_TOKEN=\"1:a\"\r\n",
            "TELEGRAM_BOT_TOKEN=1:a # mine",
        ] {
            assert_eq!(bot_tokens(text), plain, "{text}");
        }
        for text in [
            "",
            "TELEGRAM_BOT_TOKEN",
            "TELEGRAM_BOT_TOKEN=1:a\nTELEGRAM_BOT_TOKEN=\n",
        ] {
            assert!(bot_tokens(text).is_empty(), "{text}");
        }
        assert_ne!(bot_tokens("DISCORD_BOT_TOKEN=1:a"), plain);
    }
}
