//! A run that was cut short, by its receipt: which profiles it was about, and what completes it.

use std::collections::BTreeSet;
use std::path::Path;

use crate::deploy::cut_short::is_cut_short;
use crate::deploy::receipt::{Receipt, unit_of};
use crate::layout::{DROP_IN, Scope};
use crate::profile::ProfileName;

/// A run that ended before it was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unfinished {
    /// The profiles that it was about, as far as their own files or settings tell.
    pub(crate) profiles: BTreeSet<ProfileName>,
    /// What it was, as a sentence.
    pub(crate) what: String,
    /// What its command does with it.
    way: &'static str,
    /// The command that completes it, or takes back what it left.
    pub(crate) command: String,
}

impl Unfinished {
    /// What a receipt tells of one.
    pub(crate) fn of(receipt: &Receipt, scope: Scope) -> Option<Self> {
        if receipt.pending.is_empty() {
            return None;
        }
        let written = receipt.pending.keys().filter_map(|p| named(p));
        let profiles: BTreeSet<ProfileName> = written.chain(begun(receipt)).collect();
        let flag = scope.flag();
        let all: String = profiles.iter().map(|p| format!(" --profile {p}")).collect();
        let mut split = receipt.instances.iter().map(|i| &i.profile);
        let split = split.find(|profile| is_cut_short(receipt, profile));
        let what = match split {
            Some(profile) => format!("a split of profile `{profile}` was cut short"),
            None => "an earlier run of hermes-install was cut short".to_owned(),
        };
        let (way, command) = if let Some(profile) = split {
            ("go on with it", format!("hermes-install split {profile}"))
        } else if !all.is_empty() {
            ("complete it", format!("hermes-install{flag}{all}"))
        } else if !receipt.contents().is_empty() {
            ("complete it", format!("hermes-install upgrade{flag}"))
        } else {
            let command = format!("hermes-install uninstall{flag}");
            ("take back what it left", command)
        };
        Some(Self {
            profiles,
            what,
            way,
            command,
        })
    }

    /// It, as a sentence with the way out.
    pub(crate) fn sentence(&self) -> String {
        format!("{}; to {}: `{}`", self.what, self.way, self.command)
    }
}

/// The profiles that are not installed, and whose units have files or may have them.
pub(crate) fn begun(receipt: &Receipt) -> BTreeSet<ProfileName> {
    let written = receipt.paths().into_iter().filter_map(|p| named(p));
    // One that is as every other has no file of its own, unless it starts at boot.
    let chosen = receipt.settings.keys().cloned();
    let chosen = chosen.filter(|_| !receipt.pending.is_empty());
    let mut begun: BTreeSet<ProfileName> = written.chain(chosen).collect();
    for instance in &receipt.instances {
        begun.remove(&instance.profile);
    }
    begun
}

/// The profile that a file is about: its drop-in, or a link that starts it.
fn named(path: &str) -> Option<ProfileName> {
    let name = unit_of(path)?.strip_prefix("hermes-gateway@")?;
    let is_its = path.contains(".wants/") || Path::new(path).ends_with(DROP_IN);
    name.strip_suffix(".service")?
        .parse()
        .ok()
        .filter(|_| is_its)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::instance::Instance;
    use crate::render::tree::Entry;

    fn receipt(pending: &[&str]) -> Receipt {
        let mut receipt = Receipt::empty(0);
        let target = "/dev/null".to_owned();
        let stamp = Entry::Link { target }.stamp();
        let all = pending.iter().map(|p| ((*p).to_owned(), stamp.clone()));
        receipt.pending = all.collect();
        receipt
    }

    #[test]
    fn a_run_that_was_cut_short_is_known_by_what_it_was_about_to_write() {
        let of = |receipt: &Receipt| Unfinished::of(receipt, Scope::System);
        assert_eq!(of(&receipt(&[])), None);
        let mut receipt = receipt(&[
            "etc/systemd/system/hermes-gateway@.service",
            "etc/systemd/system/hermes-gateway@poet.service.d/50-hermes-install.conf",
            "etc/systemd/system/multi-user.target.wants/hermes-gateway@default.service",
            "etc/systemd/system/hermes-gateway@masked.service",
        ]);
        let unfinished = of(&receipt).expect("a run");
        let both = "hermes-install --profile default --profile poet";
        assert_eq!(unfinished.command, both);
        assert_eq!(begun(&receipt), unfinished.profiles);
        let poet = Instance::plain("poet".parse().expect("a name"), Scope::System);
        receipt.instances.push(poet);
        assert_eq!(of(&receipt).expect("a run").command, both);
        let begun = begun(&receipt);
        let begun: Vec<&str> = begun.iter().map(ProfileName::as_str).collect();
        assert_eq!(begun, ["default"]);
        receipt
            .pending
            .retain(|path, _| path.ends_with("@.service"));
        let command = of(&receipt).expect("a run").command;
        assert_eq!(command, "hermes-install upgrade");
        receipt.instances.clear();
        let sentence = of(&receipt).expect("a run").sentence();
        assert!(sentence.ends_with("take back what it left: `hermes-install uninstall`"));
    }
}
