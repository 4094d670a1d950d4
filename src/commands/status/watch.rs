//! `--watch`: the same answer again and again at the top of the screen, until it is interrupted.

use std::io::IsTerminal as _;
use std::time::Duration;

use anyhow::Result;

use super::since::Clock;
use super::{look, page};
use crate::cli::StatusArgs;
use crate::commands::page::height;
use crate::error::{Exit, trouble};
use crate::host::Host;
use crate::host::span;
use crate::output;

/// Look every so many seconds. Comes back only with an error.
pub(super) fn watch(host: &Host, args: &StatusArgs, seconds: u64) -> Result<Exit> {
    if !std::io::stdout().is_terminal() {
        trouble!(
            "`--watch` draws on a terminal, and standard output is none";
            "leave it out to look once; scripts read `hermes-install status --json`"
        );
    }
    loop {
        let status = look(host, args)?;
        let time = Clock::of_host().time();
        let head = format!("{time}, every {}, ^C ends it\n\n", span::written(seconds));
        output::screen(&fitting(&(head + &page(host, args, &status)), height()));
        std::thread::sleep(Duration::from_secs(seconds));
    }
}

/// As much of a text as a screen of so many lines shows, its last line left free.
fn fitting(text: &str, lines: Option<usize>) -> String {
    let most = lines.map_or(usize::MAX, |lines| lines.saturating_sub(1).max(1));
    let all = text.lines().count();
    if all <= most {
        return text.to_owned();
    }
    let shown = text.lines().take(most - 1);
    let mut out: String = shown.map(|line| format!("{line}\n")).collect();
    out += &format!("… {} more lines\n", all + 1 - most);
    out
}

#[cfg(test)]
mod tests {
    use super::fitting;

    #[test]
    fn a_screen_that_is_too_small_says_how_much_it_does_not_show() {
        let text = "a\nb\nc\nd\n";
        assert_eq!(fitting(text, Some(5)), text);
        assert_eq!(fitting(text, Some(4)), "a\nb\n… 2 more lines\n");
        assert_eq!(fitting(text, Some(1)), "… 4 more lines\n");
        assert_eq!(fitting(text, None), text);
    }
}
