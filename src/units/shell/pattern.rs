//! A pattern of `case` or `[[` in a shell's text, and whether it fits. Pure.

/// Bytes of a pattern or of a text beyond which it is not tried: that costs as much as both multiplied.
const LONGEST: usize = 1000;

/// Whether a pattern fits a text; `None` where that takes more than `*` and `?`, or too long.
pub(crate) fn fits(pattern: &str, text: &str) -> Option<bool> {
    if pattern.len().max(text.len()) > LONGEST {
        return None;
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_that_nobody_writes_is_not_tried() {
        assert_eq!(fits("a*c?", "abcd"), Some(true));
        assert_eq!(fits("a*c?", "abdd"), Some(false));
        assert_eq!(fits(&"*a".repeat(5_000), &"a".repeat(5_000)), None);
    }
}
