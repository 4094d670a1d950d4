//! A proxy that the shell of whoever installs knows, and the gateway does not: a unit reads no `~/.bashrc`, and the platforms
//! would not be reached.

use std::collections::BTreeSet;

use super::page::paragraph;
use crate::deploy::transaction::Outcome;
use crate::gateway::env_file::{ENV, assignments};
use crate::host::Host;
use crate::host::process::Process;
use crate::host::read;
use crate::preflight::Checked;

/// What programs read, in either case.
const NAMES: [&str; 3] = ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"];

/// What to do about it, for the first profile that was started without; empty where nothing is missing.
pub(super) fn told(host: &Host, checked: &[Checked], outcome: &Outcome) -> String {
    let own = proxies(std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()));
    if own.is_empty() {
        return String::new();
    }
    let is_without = |c: &&Checked| {
        let pid = outcome.started.get(&c.instance.profile.unit());
        let environ = pid.and_then(|pid| Process::read(*pid)?.environ().ok());
        let text = host.files.read_text(&c.home.join(ENV), read::TEXT);
        let text = text.ok().flatten().unwrap_or_default();
        let of_file = assignments(&text).map(|(name, _)| name.to_owned());
        environ.is_some_and(|environ| proxies(environ.names().chain(of_file)).is_empty())
    };
    let Some(c) = checked.iter().find(is_without) else {
        return String::new();
    };
    let (scope, profile) = (host.scope.flag(), &c.instance.profile);
    let own: Vec<String> = own.into_iter().collect();
    paragraph(&format!(
        "this shell has {}, and the gateway has no proxy; if it needs one, write it to `{}`, then \
         `hermes-install restart{scope} {profile}`",
        own.join(", "),
        c.home.join(ENV).display()
    ))
}

/// The names of proxies among these.
fn proxies(names: impl Iterator<Item = String>) -> BTreeSet<String> {
    names
        .filter(|name| NAMES.contains(&&*name.to_uppercase()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_known_in_either_case_and_nothing_else_is_one() {
        let all = [
            "https_proxy",
            "ALL_PROXY",
            "NO_PROXY",
            "HTTPS_PROXY_X",
            "PATH",
        ];
        let found = proxies(all.into_iter().map(str::to_owned));
        assert_eq!(
            found.into_iter().collect::<Vec<_>>(),
            ["ALL_PROXY", "https_proxy"]
        );
    }
}
