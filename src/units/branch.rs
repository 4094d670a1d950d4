//! A branch of a `case` in a shell's text, and whether it can be taken.

/// A branch of `case`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Branch {
    /// Which `case` of the text it is of, by its number.
    pub(super) case: usize,
    /// The word that is compared.
    pub(crate) subject: String,
    /// The patterns of the branches before this one.
    pub(super) earlier: Vec<String>,
    /// Its own patterns.
    pub(super) patterns: Vec<String>,
}

impl Branch {
    /// Whether the shell can come here when the word is that text. One with a `$` is not known.
    pub(crate) fn can_be_taken(&self, subject: &str) -> bool {
        let any = |patterns: &[String], unknown| {
            let mut all = patterns.iter();
            all.any(|pattern| matches(pattern, subject).unwrap_or(unknown))
        };
        subject.contains('$') || (any(&self.patterns, true) && !any(&self.earlier, false))
    }
}

/// Whether a pattern of `case` fits a text; `None` where that takes more than `*` and `?`.
pub(super) fn matches(pattern: &str, text: &str) -> Option<bool> {
    if pattern.contains(['[', '$', '\\']) {
        return None;
    }
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    // The places of the pattern that the text read so far can lead to.
    let after_stars = |mut at: usize, places: &mut [bool]| {
        places[at] = true;
        while pattern.get(at) == Some(&'*') {
            at += 1;
            places[at] = true;
        }
    };
    let mut places = vec![false; pattern.len() + 1];
    after_stars(0, &mut places);
    for c in text {
        let mut next = vec![false; pattern.len() + 1];
        for at in (0..pattern.len()).filter(|at| places[*at]) {
            match pattern[at] {
                '*' => after_stars(at, &mut next),
                '?' => after_stars(at + 1, &mut next),
                own if own == c => after_stars(at + 1, &mut next),
                _ => {}
            }
        }
        places = next;
    }
    Some(places[pattern.len()])
}
