//! Braces in the words of a shell's text: `{a,b}` and `{1..3}`. Pure.

/// How many words one stands for at most; people have fewer profiles.
const MOST: usize = 100;
/// How many braces of a word are read; what is behind them stays as it is written.
const BRACES: usize = 8;

/// The words that a shell makes of one with braces; `None` of any other.
pub(crate) fn in_braces(word: &str) -> Option<Vec<String>> {
    expanded(word, BRACES)
}

fn expanded(word: &str, braces: usize) -> Option<Vec<String>> {
    let left = braces.checked_sub(1)?;
    let (before, rest) = word.split_once('{')?;
    let (inside, after) = rest.split_once('}')?;
    let parts: Vec<String> = match inside.split_once("..") {
        Some((first, last)) => {
            let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
            let numbers = (first..=last).take(MOST);
            numbers.map(|number| number.to_string()).collect()
        }
        None if inside.contains(',') => inside.split(',').map(str::to_owned).collect(),
        None => return None,
    };
    let afters = expanded(after, left).unwrap_or_else(|| vec![after.to_owned()]);
    let words = parts.iter().flat_map(|part| {
        let all = afters.iter();
        all.map(move |after| format!("{before}{part}{after}"))
    });
    Some(words.take(MOST).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_stand_for_words() {
        let words = |word| in_braces(word).map(|words| words.join(" "));
        assert_eq!(words("a{b,c}d").as_deref(), Some("abd acd"));
        assert_eq!(words("{1..3}{x,y}").as_deref(), Some("1x 1y 2x 2y 3x 3y"));
        assert_eq!(words("a{b}"), None);
        assert_eq!(words("a"), None);
    }

    #[test]
    fn braces_without_end_end() {
        let word = "{a,b}".repeat(100_000);
        let words = in_braces(&word).expect("they stand for words");
        assert!(words.len() <= MOST);
    }
}
