//! Environment variables in the words of a command line, and what shells make of their values. Pure.

use std::collections::HashMap;

/// Bytes of a word beyond which variables stay as they are: they can be made of each other.
const LONGEST: usize = 64 << 10;
/// How deep defaults may stand in each other.
const DEPTH: usize = 4;

/// `NAME=VALUE`, as `env` and shells take it.
pub(crate) fn assignment(word: &str) -> Option<(&str, &str)> {
    let (name, value) = word.split_once('=')?;
    is_name(name).then_some((name, value))
}

/// Whether a variable can be called so.
pub(crate) fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !name.is_empty() && name.chars().all(plain)
}

/// `${NAME}` anywhere and `$NAME` up to the next other character; an unknown one stays as it is, unless it says what stands
/// for it (`${NAME:-OTHER}`).
pub(crate) fn variables(word: &str, value: &dyn Fn(&str) -> Option<String>) -> String {
    expand(word, value, DEPTH)
}

fn expand(word: &str, value: &dyn Fn(&str) -> Option<String>, depth: usize) -> String {
    let mut out = String::new();
    let mut rest = word;
    let closings = closings(word);
    while let Some(at) = rest.find('$').filter(|_| out.len() < LONGEST) {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        let found = match rest.strip_prefix('{') {
            Some(inside) => closings.get(&(word.len() - rest.len())).and_then(|end| {
                let end = end - (word.len() - inside.len());
                let found = in_braces(&inside[..end], value, depth)?;
                Some((found, &inside[end + 1..]))
            }),
            None => {
                let end = match rest.starts_with(|c: char| c.is_ascii_digit() || "@*#".contains(c))
                {
                    true => 1,
                    false => {
                        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
                        rest.find(|c| !plain(c)).unwrap_or(rest.len())
                    }
                };
                value(&rest[..end]).map(|found| (found, &rest[end..]))
            }
        };
        match found {
            Some((found, after)) => {
                out.push_str(&found);
                rest = after;
            }
            None => out.push('$'),
        }
    }
    out + rest
}

/// Where each brace of a text closes, by where it opens. Looked for once: a text may open braces that never close.
fn closings(text: &str) -> HashMap<usize, usize> {
    let (mut open, mut found) = (Vec::new(), HashMap::new());
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => open.push(at),
            b'}' => found.extend(open.pop().map(|begin| (begin, at))),
            _ => {}
        }
    }
    found
}

/// What stands in braces: a name, and perhaps what a shell is to do with its value (dash(1), Parameter Expansion).
fn in_braces(inside: &str, value: &dyn Fn(&str) -> Option<String>, depth: usize) -> Option<String> {
    if let Some(whole) = value(inside) {
        return Some(whole);
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let end = inside.find(|c| !plain(c)).unwrap_or(inside.len());
    let (name, operator) = inside.split_at(end);
    let known = value(name);
    let filled = known.clone().filter(|known| !known.is_empty());
    let other = |prefixes: &[&str]| {
        let mut prefixes = prefixes.iter();
        let text = prefixes.find_map(|prefix| operator.strip_prefix(prefix))?;
        (depth > 0).then(|| expand(text, value, depth - 1))
    };
    if let Some(other) = other(&[":-", ":=", "-", "="]) {
        return filled.or(Some(other));
    }
    if let Some(other) = other(&[":+", "+"]) {
        return Some(filled.map(|_| other).unwrap_or_default());
    }
    let known = known?;
    Some(match operator {
        "##*/" => known.rsplit('/').next().unwrap_or_default().to_owned(),
        "%/*" => known
            .rsplit_once('/')
            .map_or(&*known, |(above, _)| above)
            .to_owned(),
        "%/" => known.strip_suffix('/').unwrap_or(&known).to_owned(),
        ",," => known.to_lowercase(),
        "^^" => known.to_uppercase(),
        operator if operator.starts_with(['?']) || operator.starts_with(":?") => known,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::units::spent;

    #[test]
    fn braces_that_never_close_are_looked_at_once() {
        let value = |name: &str| (name == "A").then(|| "x".to_owned());
        assert_eq!(variables("${A}${B:-${A}y}${C", &value), "xxy${C");
        let begin = spent();
        for word in [
            "${".repeat(30_000),
            "${a".repeat(20_000) + &"}".repeat(20_000),
        ] {
            assert_eq!(variables(&word, &value), word);
        }
        let took = spent() - begin;
        assert!(took < Duration::from_secs(5), "{took:?}");
    }
}
