//! Where the words of fish(1) differ from those of sh(1): blocks end with `end`, variables are set by `set`. Pure.

use std::borrow::Cow;

use crate::units::shell::Reader;
use crate::units::shell::blocks::Open;

impl Reader {
    /// The words behind those that are none of a command's; what these open and close is known then.
    pub(super) fn after_words_of_fish<'w>(&mut self, words: &'w [String]) -> Cow<'w, [String]> {
        let nothing = Cow::Borrowed(&[][..]);
        let mut rest = words;
        while let [first, more @ ..] = rest {
            rest = match first.as_str() {
                "and" | "or" | "not" | "!" => more,
                "else" if more.first().is_some_and(|word| word == "if") => &more[1..],
                "else" => more,
                "if" | "while" | "begin" => {
                    self.open.push(Open::Other);
                    more
                }
                "end" => {
                    self.close_last(|_| true);
                    more
                }
                "switch" => {
                    self.open.push(Open::Other);
                    return nothing;
                }
                "case" => return nothing,
                "for" => {
                    self.begin_loop(more);
                    return nothing;
                }
                "function" => {
                    if let Some(name) = more.iter().find(|word| !word.starts_with('-')) {
                        self.begin_function(name);
                    }
                    let body = self.awaits_body.take();
                    self.open.push(body.map_or(Open::Other, Open::Function));
                    return nothing;
                }
                "set" => return set(more),
                _ => break,
            };
        }
        rest.into()
    }
}

/// `set -gx NAME VALUE …` as sh(1) would have it.
fn set(words: &[String]) -> Cow<'static, [String]> {
    let is_option = |word: &&String| word.starts_with('-');
    let options: String = words.iter().take_while(is_option).cloned().collect();
    let mut rest = words.iter().skip_while(is_option);
    // It erases, or asks whether there is one.
    if options.contains(['e', 'q']) && !options.contains("--export") {
        return Cow::Borrowed(&[]);
    }
    let Some(name) = rest.next() else {
        return Cow::Borrowed(&[]);
    };
    let values: Vec<&str> = rest.map(String::as_str).collect();
    vec!["export".to_owned(), format!("{name}={}", values.join(" "))].into()
}
