//! `logs`: the journal of profiles, from the launcher's first sentence to the last line. It becomes journalctl.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::target::{Target, live, looked_at};
use crate::cli::LogsArgs;
use crate::error::Exit;
use crate::host::Host;
use crate::host::process::shell_quote;
use crate::host::systemctl::Manager;

/// Become journalctl.
pub(crate) fn logs(args: &LogsArgs) -> Result<Exit> {
    let host = Host::observer(args.scope.scope(), args.scope.root.as_deref())?;
    live(&host, "hermes-install logs")?;
    let targets = looked_at(&host, "hermes-install logs", &args.profiles, args.all)?;
    let words = words(&host.manager(), &targets, args);
    args.output.printer().step(shell_quote(&words));
    let error = Command::new(&words[0]).args(&words[1..]).exec();
    Err(error).with_context(|| format!("`{}` could not be run", words[0]))
}

fn words(manager: &Manager, targets: &[Target], args: &LogsArgs) -> Vec<String> {
    let mut words = vec!["journalctl".to_owned()];
    for target in targets {
        words.extend(manager.journal_arguments(&target.unit));
    }
    if args.output.json {
        words.push("--output=json".to_owned());
    }
    if args.follow {
        words.push("--follow".to_owned());
    }
    if let Some(lines) = args.lines {
        words.push(format!("--lines={lines}"));
    }
    words
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command as Verb};

    #[test]
    fn the_journal_of_two_profiles_is_one_call() {
        let target = |name: &str| Target {
            profile: name.parse().expect("a name"),
            unit: format!("hermes-gateway@{name}.service"),
            home: "/h".into(),
            drain: 0,
        };
        let typed = ["hermes-install", "logs", "-f", "-n", "5", "a", "b"];
        let Some(Verb::Logs(args)) = Cli::try_parse_from(typed).expect("parses").command else {
            panic!("logs");
        };
        assert_eq!(
            words(&Manager::User, &[target("a"), target("b")], &args).join(" "),
            "journalctl --user -u hermes-gateway@a.service --user -u hermes-gateway@b.service --follow --lines=5"
        );
    }
}
