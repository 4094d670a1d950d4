//! The page that `--help` prints: the commands by what they are for, on one screen.

use std::fmt::Write as _;

use clap::Command;

/// Groups of commands, in the order in which somebody meets them.
const GROUPS: [(&str, &[&str]); 4] = [
    (
        "Every day",
        &[
            "install", "status", "logs", "start", "stop", "restart", "run", "show",
        ],
    ),
    ("Gateways that run already", &["plan", "adopt", "shield"]),
    ("The host", &["doctor", "guard", "upgrade", "uninstall"]),
    ("Packages", &["render", "generate"]),
];

const EXAMPLES: &str = "\
Examples:
  hermes-install --profile default             put the profile's gateway under systemd
  hermes-install status                        what runs, and what is wrong
  hermes-install run default -- gateway setup  hermes itself: tokens, models
  hermes-install --profile coder --migrate     replace hermes' own unit
  hermes-install doctor --fix                  find what is unsafe, and mend it

Exit status: 0 done or already so; 1 refused, put back, or something differs; 2 usage or trouble.
`hermes-install COMMAND --help` has the options, `hermes-install install --help` those of install.
";

/// The command with its page.
pub(super) fn with_groups(mut command: Command) -> Command {
    command.build();
    let mut page = String::from("{about}\n\nUsage: hermes-install [COMMAND] [OPTIONS]\n");
    for (title, names) in GROUPS {
        let _ = write!(page, "\n{title}:\n");
        for name in names {
            let about = command.find_subcommand(name).and_then(Command::get_about);
            let about = about.map(ToString::to_string).unwrap_or_default();
            let _ = writeln!(page, "  {name:<10} {about}");
        }
    }
    let _ = write!(page, "\n{EXAMPLES}");
    command.help_template(page)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn every_command_that_people_type_is_in_one_group_and_every_line_fits() {
        let command = Cli::command();
        let shown = command.get_subcommands().filter(|c| !c.is_hide_set());
        let shown: BTreeSet<&str> = shown.map(Command::get_name).collect();
        let grouped: Vec<&str> = GROUPS
            .iter()
            .flat_map(|(_, names)| *names)
            .copied()
            .collect();
        assert_eq!(grouped.iter().copied().collect::<BTreeSet<_>>(), shown);
        assert_eq!(grouped.len(), shown.len(), "none is there twice");
        let page = with_groups(command).render_help().to_string();
        let long: Vec<&str> = page.lines().filter(|l| l.chars().count() > 100).collect();
        assert_eq!(long, [""; 0]);
        assert!(page.lines().count() < 50, "{page}");
    }
}
