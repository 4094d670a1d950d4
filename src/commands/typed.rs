//! The command line of this run, as a person would type it again with a flag more. Pure.

use std::path::Path;

use crate::cli::InstallArgs;
use crate::takeover::typed::Typed;

/// The commands that prepare an installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Install,
    Plan,
    Adopt,
    Split,
}

/// The command line that these arguments came from.
pub(super) fn typed(verb: Verb, args: &InstallArgs) -> Typed {
    Typed {
        verb: match verb {
            Verb::Install => None,
            Verb::Plan => Some("plan".to_owned()),
            Verb::Adopt => Some("adopt".to_owned()),
            Verb::Split => Some("split".to_owned()),
        },
        words: words(args),
    }
}

fn words(args: &InstallArgs) -> Vec<String> {
    let mut words = Vec::new();
    let path = |path: &Path| path.display().to_string();
    let mut value = |flag: &str, value: Option<String>| {
        words.extend(value.into_iter().flat_map(|v| [flag.to_owned(), v]));
    };
    let settings = &args.settings;
    for profile in &settings.profiles {
        value("--profile", Some(profile.to_string()));
    }
    value("--hermes", settings.hermes.as_deref().map(path));
    value("--home", settings.home.as_deref().map(path));
    value("--run-as", settings.run_as.clone());
    for file in &settings.environment_files {
        value("--environment-file", Some(path(file)));
    }
    let drain = settings.drain_timeout;
    value("--drain-timeout", drain.map(|span| span.0.to_string()));
    for setting in &args.reset {
        value("--reset", Some(setting.clone()));
    }
    value("--config", settings.config.as_deref().map(path));
    words.extend(given(&[
        ("--system", args.scope.system),
        ("--user", args.scope.user),
    ]));
    if let Some(root) = &args.scope.root {
        words.extend(["--root".to_owned(), path(root)]);
    }
    if let Some(seconds) = args.wait.wait {
        words.extend(["--wait".to_owned(), seconds.to_string()]);
    }
    words.extend(given(&[
        ("--tenant", settings.tenant),
        ("--shared", settings.shared),
        ("--create", args.create),
        ("--no-enable", args.no_enable),
        ("--no-start", args.no_start),
        ("--migrate", args.migrate),
        ("--standalone", args.standalone),
        ("--force", args.force),
        ("--yes", args.yes),
        ("--quiet", args.output.quiet),
        ("--json", args.output.json),
    ]));
    words
}

fn given(flags: &[(&str, bool)]) -> Vec<String> {
    let given = flags.iter().filter(|(_, given)| *given);
    given.map(|(flag, _)| (*flag).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::*;
    use crate::cli::Cli;

    /// Command lines that use every flag of install between them.
    const LINES: [&str; 3] = [
        "--profile a --profile b --hermes /h/hermes --home /srv/h --run-as bob --environment-file /e --drain-timeout 9 \
         --reset home --config /c --system --root /r --wait 9 --create --no-enable --no-start --migrate --standalone --force --yes --quiet --json",
        "--profile a --user --tenant",
        "--profile a --shared",
    ];

    #[test]
    fn a_command_line_comes_back_as_it_was_typed() {
        for line in LINES {
            let typed = ["hermes-install"]
                .into_iter()
                .chain(line.split_whitespace());
            let cli = Cli::try_parse_from(typed).expect("parses");
            assert_eq!(words(&cli.install).join(" "), line.replace("  ", " "));
        }
    }

    #[test]
    fn every_flag_of_install_comes_back() {
        let command = Cli::command();
        let flags = command.get_arguments().filter_map(|arg| arg.get_long());
        for flag in flags.filter(|flag| !matches!(*flag, "help" | "version")) {
            let is_tried = LINES
                .iter()
                .any(|line| line.split(' ').any(|word| word == format!("--{flag}")));
            assert!(
                is_tried,
                "--{flag} is not among the words that are typed again"
            );
        }
    }
}
