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

#[cfg(test)]
mod tests {
    use super::*;

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
