//! Secrets in the text of units: which values are one, and a directive as it may be shown to people. Pure.

use std::collections::BTreeSet;

use crate::units::token::without_tokens;
use crate::units::unit_file::{Directive, words};

/// Whether a variable holds a secret, by its name and the look of its value.
pub(crate) fn is_secret(name: &str, value: &str) -> bool {
    let is_plural = name.ends_with(['S', 's']);
    // A number of tokens is none.
    let is_number = is_plural && value.chars().all(|c| c.is_ascii_digit());
    value.len() >= 6 && !is_number && may_be_secret(name, value)
}

/// The same of a value that has this beginning. Where it ends is looked for afterwards only: each look goes through the rest of
/// a text, and others write texts without an end.
pub(super) fn may_be_secret(name: &str, value: &str) -> bool {
    // A path to a secret, or a switch, is none.
    !value.is_empty() && !value.starts_with(['/', '%']) && is_called_secret(name)
}

fn is_called_secret(name: &str) -> bool {
    let name = name.to_uppercase();
    let mut words = name
        .split('_')
        .map(|word| word.strip_suffix('S').unwrap_or(word));
    let last = words.clone().next_back();
    words.any(|w| {
        matches!(
            w,
            "TOKEN" | "SECRET" | "PASSWORD" | "PASSWD" | "PASSPHRASE" | "APIKEY" | "CREDENTIAL"
        )
    }) || last == Some("KEY")
}

/// A directive for people: on one line, not too long, secrets left out.
pub(crate) fn shown(directive: &Directive) -> String {
    const MOST: usize = 160;
    let mut value = if is_credential(directive) {
        let name = directive.value.split(':').next().unwrap_or_default();
        format!("{name}:(hidden)")
    } else {
        words_without_secrets(&directive.value)
    };
    value = value
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    if value.chars().count() > MOST {
        value = value.chars().take(MOST).chain(['…']).collect();
    }
    format!("{}={value}", directive.key)
}

/// Whether a directive holds a credential in its own text.
pub(crate) fn is_credential(directive: &Directive) -> bool {
    directive.key == "SetCredential"
}

/// The names of the secrets among these words: `NAME=VALUE`, or an option and the word behind it.
pub(crate) fn secrets(words: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, value),
            None => (word.as_str(), words.get(at + 1).map_or("", String::as_str)),
        };
        let is_option = name.starts_with("--");
        let plain = name.trim_start_matches('-').replace('-', "_");
        if (is_option || word.contains('=')) && is_secret(&plain, value) {
            found.push(name.to_owned());
        }
    }
    found
}

/// A text with the values of its secrets left out, and the passwords of its URLs; as it is when it has none.
pub(crate) fn words_without_secrets(text: &str) -> String {
    let all = words(text);
    let names: BTreeSet<String> = secrets(&all).into_iter().collect();
    if names.is_empty() && !all.iter().any(|word| has_password(word)) {
        return without_secrets(text);
    }
    let mut out: Vec<String> = Vec::new();
    let mut hides_next = false;
    for word in &all {
        let name = word.split_once('=').map_or(word.as_str(), |(name, _)| name);
        let is_named = names.contains(name);
        out.push(match word.split_once('=') {
            _ if std::mem::take(&mut hides_next) => "(hidden)".to_owned(),
            Some((name, _)) if is_named => format!("{name}=(hidden)"),
            _ if has_password(word) => without_password(word),
            _ => word.clone(),
        });
        hides_next = is_named && !word.contains('=');
    }
    without_secrets(&out.join(" "))
}

/// Where the password of a URL stands: `scheme://user:PASSWORD@host`.
fn password(word: &str) -> Option<(usize, usize)> {
    let begin = word.find("://")? + 3;
    let end = begin + word[begin..].split('/').next()?.rfind('@')?;
    let colon = begin + word[begin..end].find(':')?;
    (colon + 1 < end).then_some((colon + 1, end))
}

/// Whether a word holds a URL with a password.
pub(crate) fn has_password(word: &str) -> bool {
    password(word).is_some()
}

fn without_password(word: &str) -> String {
    password(word).map_or_else(
        || word.to_owned(),
        |(begin, end)| format!("{}(hidden){}", &word[..begin], &word[end..]),
    )
}

/// A unit's text for people: what is assigned to a variable that holds a secret is left out, on any line, as a drop-in
/// or an edit may put it anywhere.
pub(crate) fn without_secrets(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('=') {
        let (before, value) = (&rest[..at], &rest[at + 1..]);
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let start = before.trim_end_matches(is_name).len();
        let name = &before[start..];
        out.push_str(&rest[..=at]);
        if !may_be_secret(name, value.trim_start_matches(['"', '\''])) {
            rest = value;
            continue;
        }
        let end = match before[..start].chars().next_back() {
            Some(quote @ ('"' | '\'')) => value.find([quote, '\n']),
            _ => match value.chars().next() {
                Some(quote @ ('"' | '\'')) => value[1..].find([quote, '\n']).map(|at| at + 1),
                _ => value.find(char::is_whitespace),
            },
        };
        let end = end.unwrap_or(value.len());
        let is_hidden = is_secret(name, value[..end].trim_start_matches(['"', '\'']));
        if is_hidden {
            out.extend(value.chars().next().filter(|c| matches!(c, '"' | '\'')));
            out.push_str("(hidden)");
        }
        rest = if is_hidden { &value[end..] } else { value };
    }
    without_tokens(&without_options(&without_passwords(&(out + rest))))
}

/// The passwords of URLs left out, wherever they stand.
fn without_passwords(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        let ends = |c: char| c.is_whitespace() || "/\"'\\".contains(c);
        let end = after.find(ends).unwrap_or(after.len());
        let authority = &after[..end];
        let user = authority
            .rfind('@')
            .and_then(|at| authority[..at].find(':').map(|colon| (colon, at)));
        match user {
            Some((colon, at)) if colon + 1 < at => {
                out.push_str(&authority[..=colon]);
                out.push_str("(hidden)");
                out.push_str(&authority[at..]);
            }
            _ => out.push_str(authority),
        }
        rest = &after[end..];
    }
    out + rest
}

/// What follows an option that is named for a secret, and the text of `SetCredential=`, left out.
fn without_options(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let plain = line.trim_start_matches(['+', '-', ' ']);
        let credential = plain
            .strip_prefix("SetCredential=")
            .and_then(|value| value.split_once(':'));
        if let Some((name, _)) = credential {
            let start = line.len() - plain.len();
            out.push_str(&format!(
                "{}SetCredential={name}:(hidden)\n",
                &line[..start]
            ));
            continue;
        }
        let mut hides = false;
        for word in line.split_inclusive(char::is_whitespace) {
            let bare = word.trim_end();
            if std::mem::take(&mut hides) && !bare.is_empty() {
                out.push_str("(hidden)");
                out.push_str(&word[bare.len()..]);
                continue;
            }
            let name = bare.trim_start_matches(['"', '\'']).strip_prefix("--");
            hides = name.is_some_and(|name| {
                !name.contains('=') && is_secret(&name.replace('-', "_"), "any value")
            });
            out.push_str(word);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::units::spent;

    #[test]
    fn secrets_are_left_out_of_command_lines_and_urls() {
        for (text, told) in [
            (
                "/usr/bin/env A_TOKEN=123456:AB hermes",
                "/usr/bin/env A_TOKEN=(hidden) hermes",
            ),
            (
                "hermes --bot-token 123456:AB run",
                "hermes --bot-token (hidden) run",
            ),
            (
                "HTTPS_PROXY=http://bob:p%40ss@10.0.0.1:3128",
                "HTTPS_PROXY=http://bob:(hidden)@10.0.0.1:3128",
            ),
            ("hermes  gateway \"run\"", "hermes  gateway \"run\""),
        ] {
            assert_eq!(words_without_secrets(text), told, "{text}");
        }
    }

    #[test]
    fn a_long_text_takes_no_longer_than_it_is() {
        let begin = spent();
        for part in ["a=", "A_TOKEN=/", "authorization:", "a:"] {
            let text = part.repeat(10_000);
            assert_eq!(words_without_secrets(&text).len(), text.len(), "{part}");
        }
        let many: String = (0..4_000).map(|n| format!("A{n}_TOKEN=abcdefg ")).collect();
        assert!(!words_without_secrets(&many).contains("abcdefg"));
        let took = spent() - begin;
        assert!(took < Duration::from_secs(3), "{took:?}");
    }

    #[test]
    fn a_text_shows_no_secret_however_it_is_quoted() {
        for (text, shown) in [
            (
                "Environment=BOT_TOKEN=123:abcdef HOME=/x\n",
                "Environment=BOT_TOKEN=(hidden) HOME=/x\n",
            ),
            (
                "Environment=\"API_KEY=a b c d\" A=1 \\\n",
                "Environment=\"API_KEY=(hidden)\" A=1 \\\n",
            ),
            (
                " X_SECRET='q w e r t y'\nNice=5",
                " X_SECRET='(hidden)'\nNice=5",
            ),
            (
                "ExecStart=env PASSWORD=hunter22 hermes",
                "ExecStart=env PASSWORD=(hidden) hermes",
            ),
            (
                "Environment=HTTPS_PROXY=http://bob:p%%40ss@10.0.0.1:3128 A=1\n",
                "Environment=HTTPS_PROXY=http://bob:(hidden)@10.0.0.1:3128 A=1\n",
            ),
            (
                "ExecStart=hermes --bot-token 123456:AB gateway\nNice=5\n",
                "ExecStart=hermes --bot-token (hidden) gateway\nNice=5\n",
            ),
            (
                "-SetCredential=bot:123456:AB\n",
                "-SetCredential=bot:(hidden)\n",
            ),
            (
                "Environment=BOT_TOKENS=1:abcdef,2:abcdef MAX_TOKENS=100000\n",
                "Environment=BOT_TOKENS=(hidden) MAX_TOKENS=100000\n",
            ),
        ] {
            assert_eq!(without_secrets(text), shown);
        }
        assert_eq!(without_secrets("no = sign=\n=="), "no = sign=\n==");
    }

    #[test]
    fn secrets_are_known_by_their_names() {
        assert!(is_secret("TELEGRAM_BOT_TOKEN", "123456:abcdef"));
        assert!(is_secret("OPENAI_API_KEY", "sk-123456"));
        for name in ["API_KEYS", "PASSWORDS", "DB_CREDENTIALS", "GPG_PASSPHRASE"] {
            assert!(is_secret(name, "123456:abc"), "{name}");
        }
        for (name, value) in [
            ("MAX_TOKENS", "100000"),
            ("HERMES_HOME", "/srv/h"),
            ("SSH_KEY", "/home/a/.ssh/id"),
            ("TOKEN_LIMIT_SOFT", "9"),
            ("API_KEY", ""),
            ("KEYBOARD", "us-german"),
        ] {
            assert!(!is_secret(name, value), "{name}");
        }
    }
}
