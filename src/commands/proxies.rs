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

/// What to do about it, for the first profile that was started without; empty where nothing is missing.
pub(super) fn told(host: &Host, checked: &[Checked], outcome: &Outcome) -> String {
    // One that is empty is switched off.
    let own = std::env::vars_os().filter(|(_, value)| !value.is_empty());
    let own = of_shell(own.filter_map(|(name, _)| name.into_string().ok()));
    if own.is_empty() {
        return String::new();
    }
    let is_without = |c: &&Checked| {
        let pid = outcome.started.get(&c.instance.profile.unit());
        let environ = pid.and_then(|pid| Process::read(*pid)?.environ().ok());
        let text = host.files.read_text(&c.home.join(ENV), read::TEXT);
        let text = text.ok().flatten().unwrap_or_default();
        let mut of_file = assignments(&text).map(|(name, _)| name);
        environ.is_some_and(|environ| {
            !environ.names().any(|name| is_proxy(&name)) && !of_file.any(is_proxy)
        })
    };
    let Some(c) = checked.iter().find(is_without) else {
        return String::new();
    };
    let (scope, profile) = (host.scope.flag(), &c.instance.profile);
    let own: Vec<String> = own.into_iter().collect();
    paragraph(&format!(
        "this shell has {}, and the gateway was given no proxy; if it needs one, write it to `{}`, then \
         `hermes-install restart{scope} {profile}`",
        own.join(", "),
        c.home.join(ENV).display()
    ))
}

/// Of these names the proxies that every program heeds, each once.
fn of_shell(names: impl Iterator<Item = String>) -> BTreeSet<String> {
    let all = ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"];
    let names = names.map(|name| name.to_uppercase());
    names.filter(|name| all.contains(&&**name)).collect()
}

/// Whether a variable names a proxy, also for one platform: `TELEGRAM_PROXY`.
fn is_proxy(name: &str) -> bool {
    let name = name.to_uppercase();
    name.ends_with("_PROXY") && name != "NO_PROXY"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_known_in_either_case_and_once() {
        let all = [
            "https_proxy",
            "HTTPS_PROXY",
            "ALL_PROXY",
            "NO_PROXY",
            "PATH",
        ];
        let found = of_shell(all.into_iter().map(str::to_owned));
        assert_eq!(
            found.into_iter().collect::<Vec<_>>(),
            ["ALL_PROXY", "HTTPS_PROXY"]
        );
        assert!(is_proxy("TELEGRAM_PROXY") && is_proxy("http_proxy") && !is_proxy("no_proxy"));
    }
}
