//! What of a profile's `.env` makes a bot the one that it is to its platform. Pure.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

/// The file that hermes reads variables from, in a profile home.
pub(crate) const ENV: &str = ".env";

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

/// The variables of that kind which a `.env` sets, as python-dotenv reads it: the last line counts, and an empty value is none.
pub(crate) fn bot_tokens(env: &str) -> BTreeMap<&'static str, TokenDigest> {
    let mut found = BTreeMap::new();
    for line in env.lines() {
        let line = line.trim_start();
        let line = line.strip_prefix("export ").unwrap_or(line);
        let Some((name, value)) = line.split_once('=') else {
            continue;
        };
        let Some(name) = NAMES.iter().find(|known| **known == name.trim()) else {
            continue;
        };
        match unquoted(value.trim()) {
            "" => found.remove(name),
            value => found.insert(*name, Sha256::digest(value).into()),
        };
    }
    found
}

/// A value without its quotes, or without the comment behind it.
fn unquoted(value: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some((inside, _)) = value
            .strip_prefix(quote)
            .and_then(|rest| rest.split_once(quote))
        {
            return inside;
        }
    }
    let end = value.find(" #").unwrap_or(value.len());
    value[..end].trim_end()
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
