//! `generate`: the man page and completions, from the same types that parse the command line.

use anyhow::Result;
use clap::CommandFactory as _;

use crate::cli::{Cli, Generate, Page, Shell};
use crate::error::Exit;
use crate::output;
use crate::settings::GUARD_SETTING;
use crate::settings::SETTINGS;
use crate::settings::Setting;

/// Print one of them.
pub(crate) fn generate(what: &Generate) -> Result<Exit> {
    let mut command = Cli::command();
    let mut out = Vec::new();
    match what {
        Generate::Man { page } => match page {
            Page::Program => man(command, &mut out)?,
            Page::Settings => out.extend(settings().into_bytes()),
        },
        Generate::Completions { shell } => {
            let name = command.get_name().to_owned();
            let shell = match shell {
                Shell::Bash => clap_complete::Shell::Bash,
                Shell::Elvish => clap_complete::Shell::Elvish,
                Shell::Fish => clap_complete::Shell::Fish,
                Shell::Zsh => clap_complete::Shell::Zsh,
            };
            clap_complete::generate(shell, &mut command, name, &mut out);
        }
    }
    output::bytes(&out);
    Ok(Exit::Done)
}

/// One page for all commands: the overview, then each command's own options.
fn man(command: clap::Command, out: &mut Vec<u8>) -> Result<()> {
    let mut command = command.disable_help_subcommand(true);
    command.build();
    let page = clap_mangen::Man::new(command.clone()).manual("Hermes Install");
    page.render_title(out)?;
    page.render_name_section(out)?;
    page.render_synopsis_section(out)?;
    page.render_description_section(out)?;
    page.render_options_section(out)?;
    out.extend_from_slice(b".SH COMMANDS\n");
    commands(&command, false, out)?;
    out.extend_from_slice(b".SH \"COMMANDS OF THE UNITS\"\nOnly units call these.\n");
    commands(&command, true, out)?;
    page.render_extra_section(out)?;
    out.extend_from_slice(include_bytes!("../man.roff"));
    Ok(())
}

/// A section for each command with its options: those that people type, or the hidden ones.
fn commands(command: &clap::Command, hidden: bool, out: &mut Vec<u8>) -> Result<()> {
    let commands = command.get_subcommands();
    for sub in commands.filter(|c| c.get_name() != "help" && c.is_hide_set() == hidden) {
        let about = sub.get_about().map(ToString::to_string).unwrap_or_default();
        out.extend_from_slice(
            format!(".SS hermes\\-install {}\n{about}.\n", sub.get_name()).as_bytes(),
        );
        let page = clap_mangen::Man::new(sub.clone());
        let mut section = Vec::new();
        page.render_options_section(&mut section)?;
        let section = String::from_utf8_lossy(&section).replace(".SH OPTIONS\n", "");
        out.extend_from_slice(section.as_bytes());
    }
    Ok(())
}

/// hermes-install.toml(5): every setting as the list of them explains it.
fn settings() -> String {
    let shown = |setting: &Setting| {
        let line = format!("{} = {}", setting.key(), setting.example);
        format!(".TP\n{}\n{}\n", roff(&line), roff(&setting.about()))
    };
    let keys: String = SETTINGS.iter().map(shown).collect();
    include_str!("../settings.roff")
        .replace("@KEYS@\n", &keys)
        .replace("@HOST@\n", &shown(&GUARD_SETTING))
}

/// Text as it stands, on one line of roff.
fn roff(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) {
        format!("\\&{text}")
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::SETTINGS;

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
