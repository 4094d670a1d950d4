//! `generate`: the man page and completions, from the same types that parse the command line.

use anyhow::Result;
use clap::CommandFactory as _;

use super::DONE;
use crate::cli::{Cli, Generate, Shell};
use crate::output;

/// Print one of them.
pub(crate) fn generate(what: &Generate) -> Result<u8> {
    let mut command = Cli::command();
    let mut out = Vec::new();
    match what {
        Generate::Man => man(command, &mut out)?,
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
    Ok(DONE)
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
    for sub in command.get_subcommands().filter(|c| c.get_name() != "help") {
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
    page.render_extra_section(out)?;
    out.extend_from_slice(include_bytes!("../man.roff"));
    Ok(())
}
