//! What `-h` and `--help` print: the commands by what they are for, on one screen.

/// What both begin with.
pub(super) const TEMPLATE: &str = "\
{about}

Usage: hermes-install [COMMAND] [OPTIONS]{after-help}";

/// What follows with `-h`.
pub(super) const SHORT: &str = "\
To begin with:
  hermes-install --profile NAME           put the profile's gateway under systemd
  hermes-install status                   what runs, and what is wrong
  hermes-install logs|restart|stop NAME   read its journal, restart it, stop it
  hermes-install plan --profile NAME      what would change
  hermes-install doctor                   what is unsafe on this host

`hermes-install --help` lists all commands, `hermes-install COMMAND --help` the options of one.
";

/// What follows with `--help`. Written out, as making it from the commands would cost every run; a test compares it with
/// them.
pub(super) const PAGE: &str = "\
Every day:
  install    Install profiles, start them and wait until they run
  status     Show every profile: what runs, since when, what is wrong
  logs       Show the journal of profiles
  why        Say how a gateway ended last, and who asked for it
  start      Start units, and wait until their gateways run
  stop       Stop units as planned: turns have as long as the drain
  restart    Restart units after their running turns
  run        Run hermes for a profile, with its account and its files
  show       Show settings, and where each comes from

Gateways that run already:
  plan       Show what install would change, and change nothing
  adopt      Take over a gateway that somebody started by hand
  shield     Make hermes' own unit, or another, safe with a drop-in

The host:
  doctor     Find what is unsafe on this host, explain it, mend it
  guard      Make the units safe that `hermes gateway install` writes
  split      Move a profile into an account of its own, with its data
  upgrade    Bring what is installed up to this version
  uninstall  Remove exactly what was installed; profiles stay

Packages:
  render     Write units to a directory or to standard output
  generate   Print manual pages or shell completions

Examples:
  hermes-install --profile default             put the profile's gateway under systemd
  hermes-install status                        what runs, and what is wrong
  hermes-install run default -- gateway setup  hermes itself: tokens, models
  hermes-install --profile coder --migrate     replace hermes' own unit
  hermes-install doctor --fix                  find what is unsafe, and mend it

Exit status: 0 done, or already so; 1 not as wanted; 2 usage or trouble; 3 a person must decide.
`hermes-install COMMAND --help` has the options, `hermes-install install --help` those of install.
";

/// The groups of commands with their headings, as the page has them.
pub(crate) fn groups() -> Vec<(&'static str, Vec<&'static str>)> {
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    let list = PAGE.lines().take_while(|line| *line != EXAMPLES);
    for line in list.filter(|line| !line.is_empty()) {
        match (line.strip_suffix(':'), groups.last_mut()) {
            (Some(heading), _) => groups.push((heading, Vec::new())),
            (None, Some((_, commands))) => commands.extend(line.split_whitespace().next()),
            (None, None) => {}
        }
    }
    groups
}

/// The heading below the commands.
const EXAMPLES: &str = "Examples:";

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use clap::CommandFactory as _;

    use crate::cli::Cli;

    #[test]
    fn every_command_that_people_type_is_on_the_page_and_every_line_fits() {
        let mut command = Cli::command();
        let page = command.render_long_help().to_string();
        let (list, _) = page.split_once("\nExamples:\n").expect("examples");
        let listed: BTreeMap<&str, &str> = list
            .lines()
            .filter_map(|line| line.strip_prefix("  ")?.split_once(' '))
            .map(|(name, about)| (name, about.trim()))
            .collect();
        let commands = command.get_subcommands();
        let commands = commands.filter(|c| !c.is_hide_set() && c.get_name() != "help");
        let about = |c: &clap::Command| c.get_about().map(ToString::to_string).unwrap_or_default();
        let commands: BTreeMap<String, String> = commands
            .map(|c| (c.get_name().to_owned(), about(c)))
            .collect();
        let listed: BTreeMap<String, String> = listed
            .into_iter()
            .map(|(name, about)| (name.to_owned(), about.to_owned()))
            .collect();
        assert_eq!(listed, commands);
        let long: Vec<&str> = page.lines().filter(|l| l.chars().count() > 100).collect();
        assert_eq!(long, [""; 0]);
        assert!(page.lines().count() <= 40, "{page}");
        let short = command.render_help().to_string();
        assert!(short.lines().count() <= 12, "{short}");
    }
}
