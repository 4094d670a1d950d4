//! What somebody meant whose command line has all its words, and one of them in a place of another command's. Pure.

use clap::Parser as _;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::Cli;
use crate::host::process::shell_quote;
use crate::profile::ProfileName;

const NAME: &str = "hermes-install";

/// The error with what was meant, as a tip of the parser's own.
pub(crate) fn with_tip(mut error: clap::Error, meant: Option<&str>) -> clap::Error {
    if let Some(meant) = meant {
        let tip = ContextValue::StyledStrs(vec![meant.to_owned().into()]);
        let _ = error.insert(ContextKind::Suggested, tip);
    }
    error
}

/// The command line that works, as a question, where these words make one: options behind the command, and a profile as this
/// command takes it, with `--profile` or without.
pub(crate) fn meant(words: Vec<String>, error: &clap::Error) -> Option<String> {
    let command = mended(words, error)?;
    Some(format!("did you mean `{command}`?"))
}

fn mended(mut words: Vec<String>, first: &clap::Error) -> Option<String> {
    mend(&mut words, first)?;
    // One word may be out of place for each that there is.
    for _ in 0..words.len() {
        let line = || [NAME].into_iter().chain(words.iter().map(String::as_str));
        match Cli::try_parse_from(line()) {
            Ok(_) => return Some(shell_quote(&line().collect::<Vec<_>>())),
            Err(error) => mend(&mut words, &error)?,
        }
    }
    None
}

/// Put one word where it belongs; `None` where that is not what is wrong.
fn mend(words: &mut Vec<String>, error: &clap::Error) -> Option<()> {
    let named = |kind| match error.get(kind) {
        Some(ContextValue::String(word)) => Some(word.clone()),
        _ => None,
    };
    let at = |is: &dyn Fn(&str) -> bool| words.iter().position(|word| is(word));
    match error.kind() {
        ErrorKind::ArgumentConflict => {
            let command = named(ContextKind::InvalidSubcommand)?;
            let command = words.remove(at(&|word| word == command)?);
            words.insert(0, command);
        }
        ErrorKind::UnknownArgument => match &*named(ContextKind::InvalidArg)? {
            "--profile" => {
                let at = at(&|word| word.split('=').next() == Some("--profile"))?;
                match words[at].split_once('=').map(|(_, value)| value.to_owned()) {
                    Some(value) => words[at] = value,
                    None => drop(words.remove(at)),
                }
            }
            "-p" => drop(words.remove(at(&|word| word == "-p")?)),
            name => {
                name.parse::<ProfileName>().ok()?;
                words.insert(at(&|word| word == name)?, "--profile".to_owned());
            }
        },
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_in_the_wrong_place_leads_on_to_the_command_that_works() {
        for (typed, works) in [
            ("--user status", Some("status --user")),
            ("status coder", Some("status --profile coder")),
            ("show --user coder", Some("show --user --profile coder")),
            (
                "uninstall coder b -y",
                Some("uninstall --profile coder --profile b -y"),
            ),
            (
                "--system --profile coder uninstall",
                Some("uninstall --system --profile coder"),
            ),
            ("--user uninstall b", Some("uninstall --user --profile b")),
            ("--user install b", Some("install --user --profile b")),
            ("logs --profile coder -n 5", Some("logs coder -n 5")),
            ("start -p b", Some("start b")),
            ("-p coder --user why", Some("why coder --user")),
            ("why --profile=coder", Some("why coder")),
            ("--root '/x y' status", Some("status --root '/x y'")),
            // What is no profile, no command, or belongs to neither.
            ("status Coder", None),
            ("stauts", None),
            ("--user stauts", None),
            ("upgrade coder", None),
            ("upgrade --profile coder", None),
            ("status --no-such coder", None),
            ("--system status --user", None),
        ] {
            let words: Vec<String> = typed.split(' ').map(str::to_owned).collect();
            let words = match typed.contains('\'') {
                true => vec!["--root".to_owned(), "/x y".to_owned(), "status".to_owned()],
                false => words,
            };
            let line = [NAME].into_iter().chain(words.iter().map(String::as_str));
            let error = Cli::try_parse_from(line).expect_err(typed);
            let works = works.map(|works| format!("{NAME} {works}"));
            let question = works.map(|works| format!("did you mean `{works}`?"));
            let meant = meant(words, &error);
            assert_eq!(meant, question, "{typed}");
            let told = with_tip(error, meant.as_deref()).to_string();
            let tip = question.map(|question| format!("\n  tip: {question}\n"));
            assert!(tip.is_none_or(|tip| told.contains(&tip)), "{told}");
        }
    }
}
