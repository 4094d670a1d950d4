//! A pattern of `case` or `[[` in a shell's text, and whether it fits. Pure.

/// Whether a pattern fits a text; `None` where that takes more than `*` and `?`.
pub(crate) fn fits(pattern: &str, text: &str) -> Option<bool> {
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
