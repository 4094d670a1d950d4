//! `generate`: manual pages and completions, from the same types that parse the command line.

use anyhow::Result;

use super::{complete, manual};
use crate::cli::Generate;
use crate::error::Exit;
use crate::output;

/// Print one of them.
pub(crate) fn generate(what: &Generate) -> Result<Exit> {
    let mut out = Vec::new();
    match what {
        Generate::Man { page } => out.extend(manual::page(*page).into_bytes()),
        Generate::Completions { shell } => out.extend(complete::script(*shell)),
    }
    output::bytes(&out);
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use crate::settings::SETTINGS;

    /// What stands before the first setting is written by hand.
    #[test]
    fn the_page_of_settings_is_that_of_the_list() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/configuration.md");
        let there = std::fs::read_to_string(path).expect("the page");
        let head = there.split("\n## ").next().unwrap_or_default();
        let mut page = head.to_owned();
        for setting in SETTINGS {
            let (key, example) = (setting.key(), setting.example);
            let _ = write!(
                page,
                "\n## `{key}`\n\n{}\n\n```toml\n{key} = {example}\n```\n",
                setting.about()
            );
        }
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(path, &page).expect("written");
        } else {
            assert_eq!(there, page, "`BLESS=1 cargo test` writes the page anew");
        }
    }
}
