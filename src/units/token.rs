//! Secrets that are known by how they look, or by the name before a colon, as in a header or in JSON. Pure.

use crate::units::secret::{is_secret, may_be_secret};

/// How the keys of well-known services begin.
const BEGINNINGS: [&str; 14] = [
    "sk-",
    "sk_live_",
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "xapp-",
    "hf_",
    "nvapi-",
    "AIza",
    "gsk_",
];
/// How many characters of a key follow that at least.
const LEAST: usize = 12;
/// What a token of Telegram's has behind its colon, at least.
const LEAST_TELEGRAM: usize = 30;

const HIDDEN: &str = "(hidden)";

/// A text without the tokens in it.
pub(super) fn without_tokens(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let starts_word = !out.ends_with(is_part);
        if let Some((kept, hidden)) = token(rest).filter(|_| starts_word) {
            out.push_str(&rest[..kept]);
            out.push_str(HIDDEN);
            rest = &rest[kept + hidden..];
            continue;
        }
        out.push(c);
        rest = &rest[c.len_utf8()..];
    }
    out
}

fn is_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}

/// How many bytes stand before a token that begins here, and how many are its own.
fn token(text: &str) -> Option<(usize, usize)> {
    let word = text.find(|c| !is_part(c)).unwrap_or(text.len());
    let begins = |start: &&&str| text.starts_with(**start) && word >= start.len() + LEAST;
    if let Some(start) = BEGINNINGS.iter().find(begins) {
        return Some((start.len(), word - start.len()));
    }
    if word == 0 {
        return None;
    }
    let (name, behind) = text.split_at(word);
    let quote = behind.strip_prefix(['"', '\'']).unwrap_or(behind);
    let behind = quote.strip_prefix(':')?;
    let number = name.strip_prefix("bot").unwrap_or(name);
    let length = behind.find(|c| !is_part(c)).unwrap_or(behind.len());
    if number.chars().all(|c| c.is_ascii_digit()) && length >= LEAST_TELEGRAM {
        return Some((text.len() - behind.len(), length));
    }
    named(name, behind).map(|(before, length)| (text.len() - behind.len() + before, length))
}

/// The value behind `NAME:`, where the name is that of a secret.
fn named(name: &str, behind: &str) -> Option<(usize, usize)> {
    let value = behind.trim_start_matches([' ', '"', '\'']);
    let ends = |c: char| c.is_whitespace() || "\"',}".contains(c);
    let mut value = value;
    if name.eq_ignore_ascii_case("authorization") {
        // The scheme, such as `Bearer`, is no part of the secret.
        let scheme = |c: char| c.is_ascii_alphabetic();
        value = value.trim_start_matches(scheme).strip_prefix(' ')?;
        value = value.trim_start();
        let length = value.find(ends).unwrap_or(value.len());
        let is_hidden = value.starts_with(HIDDEN) || length == 0;
        return (!is_hidden).then_some((behind.len() - value.len(), length));
    }
    let name = name.replace('-', "_");
    if !may_be_secret(&name, value) {
        return None;
    }
    let length = value.find(ends).unwrap_or(value.len());
    let is_named = is_secret(&name, &value[..length]);
    let is_hidden = value.starts_with(HIDDEN) || value.starts_with('$');
    (is_named && !is_hidden).then_some((behind.len() - value.len(), length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_known_by_its_look_or_by_its_name() {
        let telegram = format!(
            "https://api.telegram.org/bot123456789:{}/getMe",
            "Ab-_3".repeat(7)
        );
        for (text, told) in [
            (
                "curl -H 'Authorization: Bearer abc.def' x",
                "curl -H 'Authorization: Bearer (hidden)' x",
            ),
            ("-H \"X-Api-Key: 0123456789\"", "-H \"X-Api-Key: (hidden)\""),
            (
                r#"Environment='C={"api_key": "0123456789", "port": 5}'"#,
                r#"Environment='C={"api_key": "(hidden)", "port": 5}'"#,
            ),
            (
                telegram.as_str(),
                "https://api.telegram.org/bot123456789:(hidden)/getMe",
            ),
            ("hermes sk-or-v1-0123456789abcdef", "hermes sk-(hidden)"),
            ("--api=ghp_0123456789abcdefghij x", "--api=ghp_(hidden) x"),
            (
                "task-list-is-a-long-name: yes",
                "task-list-is-a-long-name: yes",
            ),
            ("hf_home and sk-short", "hf_home and sk-short"),
            (
                "Authorization: Bearer (hidden)",
                "Authorization: Bearer (hidden)",
            ),
            (
                "SetCredential=TOKEN:(hidden)",
                "SetCredential=TOKEN:(hidden)",
            ),
            ("LoadCredential=TOKEN:/etc/x", "LoadCredential=TOKEN:/etc/x"),
            ("12:30:00 é ü", "12:30:00 é ü"),
        ] {
            assert_eq!(without_tokens(text), told);
        }
    }
}
