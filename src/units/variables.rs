//! Environment variables in the words of a command line.

use std::collections::BTreeMap;

/// Bytes of a word beyond which variables stay as they are: they can be made of each other.
const LONGEST: usize = 64 << 10;

/// `NAME=VALUE`, as `env` and shells take it.
pub(super) fn assignment(word: &str) -> Option<(&str, &str)> {
    let (name, value) = word.split_once('=')?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (!name.is_empty() && name.chars().all(plain)).then_some((name, value))
}

/// `${NAME}` anywhere and `$NAME` up to the next other character; an unknown one stays as it is, unless it says what stands
/// for it (`${NAME:-OTHER}`).
pub(super) fn variables(word: &str, environment: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    let mut rest = word;
    while let Some(at) = rest.find('$').filter(|_| out.len() < LONGEST) {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        let (name, after) = match rest.strip_prefix('{') {
            Some(inner) => inner.split_once('}').unwrap_or(("", rest)),
            None => {
                let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
                let end = rest.find(|c| !plain(c)).unwrap_or(rest.len());
                rest.split_at(end)
            }
        };
        let (name, other) = match name.split_once(":-") {
            Some((name, other)) => (name, Some(other)),
            None => (name, None),
        };
        let value = environment.get(name).map(String::as_str);
        match value.filter(|v| !v.is_empty() || other.is_none()).or(other) {
            Some(value) => {
                out.push_str(value);
                rest = after;
            }
            None => out.push('$'),
        }
    }
    out + rest
}
