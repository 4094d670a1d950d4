//! `[ A = B ]` in a shell's text, and whether it holds.

use crate::units::shell::pattern::fits;

/// A comparison of two words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Test {
    pub(super) subject: String,
    pub(super) other: String,
    /// Whether it holds when they are equal.
    pub(super) is_equal: bool,
    /// Whether the other word is a pattern, as in `[[`.
    pub(super) is_pattern: bool,
}

impl Test {
    /// What the words of a command compare. Of a variable nothing is said about being set: any file that is read could do that.
    pub(super) fn of(words: &[String]) -> Option<Self> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (inside, is_pattern) = match &words[..] {
            ["[", inside @ .., "]"] | ["test", inside @ ..] => (inside, false),
            ["[[", inside @ .., "]]"] => (inside, true),
            _ => return None,
        };
        let (subject, operator, other) = match inside {
            [operator @ ("-z" | "-n"), subject] if is_parameter(subject) => (subject, operator, ""),
            [subject, operator @ ("=" | "==" | "!="), other] => (subject, operator, *other),
            _ => return None,
        };
        Some(Self {
            subject: (*subject).to_owned(),
            other: other.to_owned(),
            is_equal: matches!(*operator, "=" | "==" | "-z"),
            is_pattern,
        })
    }

    /// Whether it holds, where the words are known when these variables are put in.
    pub(crate) fn holds(&self, expand: impl Fn(&str) -> String) -> Option<bool> {
        let (subject, other) = (expand(&self.subject), expand(&self.other));
        if subject.contains('$') || other.contains('$') {
            return None;
        }
        let is_same = if self.is_pattern {
            fits(&other, &subject)?
        } else {
            subject == other
        };
        Some(is_same == self.is_equal)
    }
}

/// `$1`, `${1}` or `${1:-WORD}`.
fn is_parameter(word: &str) -> bool {
    let name = word.strip_prefix('$').unwrap_or_default();
    let name = name.strip_prefix('{').unwrap_or(name);
    name.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_are_known_are_compared() {
        let expand = |word: &str| word.replace("${1}", "start").replace("${2}", "");
        for (words, expected) in [
            ("[ ${1} = start ]", Some(Some(true))),
            ("[ ${1} != start ]", Some(Some(false))),
            ("test x${1} = xstop", Some(Some(false))),
            ("[[ ${1} == st* ]]", Some(Some(true))),
            ("[ ${1} = st* ]", Some(Some(false))),
            ("[[ ${1} == [a-z]* ]]", Some(None)),
            ("[ ${X} = start ]", Some(None)),
            ("[ -n ${1} ]", Some(Some(true))),
            ("[ -z ${X} ]", None),
            ("[ -f /etc/x ]", None),
            ("[ ${1} = start -o ${1} = stop ]", None),
            ("grep -q x", None),
        ] {
            let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
            assert_eq!(
                Test::of(&words).map(|t| t.holds(expand)),
                expected,
                "{words:?}"
            );
        }
    }
}
