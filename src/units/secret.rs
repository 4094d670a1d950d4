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
    let mut value: String = match directive.key.as_str() {
        "Environment" => words(&directive.value)
            .iter()
            .map(|word| match word.split_once('=') {
                Some((name, value)) if is_secret(name, value) => format!("{name}=(hidden)"),
                _ => word.clone(),
            })
            .collect::<Vec<_>>()
            .join(" "),
        _ => directive.value.clone(),
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
