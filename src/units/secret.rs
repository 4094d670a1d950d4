//! Secrets in the text of units: which values are one, and a directive as it may be shown to people. Pure.

use crate::units::unit_file::{Directive, words};

/// Whether a variable holds a secret, by its name and the look of its value.
pub(crate) fn is_secret(name: &str, value: &str) -> bool {
    let name = name.to_uppercase();
    let words: Vec<&str> = name.split('_').collect();
    let is_named = words.iter().any(|w| {
        matches!(
            *w,
            "TOKEN" | "SECRET" | "PASSWORD" | "PASSWD" | "APIKEY" | "CREDENTIALS"
        )
    }) || words.last() == Some(&"KEY");
    // A path to a secret, or a switch, is none.
    let is_plain = value.is_empty() || value.starts_with(['/', '%']) || value.len() < 6;
    is_named && !is_plain
}

/// A directive for people: on one line, not too long, secrets left out.
pub(crate) fn shown(directive: &Directive) -> String {
    const MOST: usize = 160;
    let mut value = match is_credential(directive) {
        true => {
            let name = directive.value.split(':').next().unwrap_or_default();
            format!("{name}:(hidden)")
        }
        false => words_without_secrets(&directive.value),
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
    let names = secrets(&all);
    if names.is_empty() && !all.iter().any(|word| has_password(word)) {
        return text.to_owned();
    }
    let mut out: Vec<String> = Vec::new();
    let mut hides_next = false;
    for word in &all {
        let name = word.split_once('=').map_or(word.as_str(), |(name, _)| name);
        let is_named = names.iter().any(|n| n == name);
        out.push(match word.split_once('=') {
            _ if std::mem::take(&mut hides_next) => "(hidden)".to_owned(),
            Some((name, _)) if is_named => format!("{name}=(hidden)"),
            _ if has_password(word) => without_password(word),
            _ => word.clone(),
        });
        hides_next = is_named && !word.contains('=');
    }
    out.join(" ")
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
        let end = match before[..start].chars().next_back() {
            Some(quote @ ('"' | '\'')) => value.find([quote, '\n']),
            _ => match value.chars().next() {
                Some(quote @ ('"' | '\'')) => value[1..].find([quote, '\n']).map(|at| at + 1),
                _ => value.find(char::is_whitespace),
            },
        };
        let end = end.unwrap_or(value.len());
        out.push_str(&rest[..=at]);
        let is_hidden = is_secret(
            &before[start..],
            value[..end].trim_start_matches(['"', '\'']),
        );
        if is_hidden {
            out.extend(value.chars().next().filter(|c| matches!(c, '"' | '\'')));
            out.push_str("(hidden)");
        }
        rest = match is_hidden {
            true => &value[end..],
            false => value,
        };
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

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
        ] {
            assert_eq!(without_secrets(text), shown);
        }
        assert_eq!(without_secrets("no = sign=\n=="), "no = sign=\n==");
    }

    #[test]
    fn secrets_are_known_by_their_names() {
        assert!(is_secret("TELEGRAM_BOT_TOKEN", "123456:abcdef"));
        assert!(is_secret("OPENAI_API_KEY", "sk-123456"));
        for (name, value) in [
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
