//! The installed profiles that a command of the day is about: those that are named, all, or the only one.

use std::path::PathBuf;

use anyhow::Result;

use crate::deploy::receipt::{Receipt, read_receipt};
use crate::error::{refuse, trouble};
use crate::host::{Host, Live};
use crate::profile::ProfileName;
use crate::render::instance::Instance;

/// An installed profile.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// The profile.
    pub(super) profile: ProfileName,
    /// Its unit.
    pub(super) unit: String,
    /// Its home.
    pub(super) home: PathBuf,
    /// Seconds that its gateway may drain.
    pub(super) drain: u32,
}

impl Target {
    fn new(host: &Host, instance: &Instance) -> Self {
        let root = instance.root.clone().unwrap_or_else(|| host.default_root());
        Self {
            profile: instance.profile.clone(),
            unit: instance.profile.unit(),
            home: instance.profile.home(&root),
            drain: instance.drain_timeout.unwrap_or(instance.gateway_drain),
        }
    }
}

/// The running host; an image is refused.
pub(super) fn live<'a>(host: &'a Host, command: &str) -> Result<&'a Live> {
    match host.live() {
        Some(live) => Ok(live),
        None => refuse!(
            "nothing runs in an image";
            "`{command}` is for a host that was booted; leave out `--root`"
        ),
    }
}

/// The profiles that are meant.
pub(super) fn targets(host: &Host, named: &[ProfileName], all: bool) -> Result<Vec<Target>> {
    let receipt = read_receipt(host)?;
    chosen(host, &receipt, named, all)
}

fn chosen(host: &Host, receipt: &Receipt, named: &[ProfileName], all: bool) -> Result<Vec<Target>> {
    let scope = host.scope.name();
    let installed = &receipt.instances;
    let names: Vec<&str> = installed.iter().map(|i| i.profile.as_str()).collect();
    let is_installed = |name: &&ProfileName| installed.iter().any(|i| i.profile == **name);
    if let Some(unknown) = named.iter().find(|name| !is_installed(name)) {
        trouble!(
            "profile `{unknown}` is not installed in the {scope} scope";
            "`hermes-install --profile {unknown}` installs it";
            "`hermes-install status` shows every profile"
        );
    }
    match (named, installed.as_slice()) {
        (_, []) => trouble!(
            "nothing is installed in the {scope} scope";
            "`hermes-install --profile NAME` installs"
        ),
        ([], [_, _, ..]) if !all => trouble!(
            "which profile? {} are installed in the {scope} scope", names.join(", ");
            "name some, or use `--all`"
        ),
        _ => {}
    }
    let is_meant = |i: &&Instance| named.is_empty() || named.contains(&i.profile);
    let meant = installed.iter().filter(is_meant);
    Ok(meant.map(|instance| Target::new(host, instance)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use crate::layout::Scope;

    #[test]
    fn one_profile_needs_no_name_and_several_do() {
        let root = tempfile::tempdir().expect("a directory");
        let host = Host::observer(Scope::System, Some(root.path())).expect("an image");
        let name = |text: &str| -> ProfileName { text.parse().expect("a name") };
        let with = |names: &[&str]| {
            let mut receipt = Receipt::empty(0);
            let plain = |n: &&str| Instance::plain(name(n), Scope::System);
            receipt.instances = names.iter().map(plain).collect();
            receipt
        };
        let of = |receipt: &Receipt, named: &[&str], all| {
            let named: Vec<ProfileName> = named.iter().map(|n| name(n)).collect();
            let targets = chosen(&host, receipt, &named, all);
            targets
                .map(|all| {
                    all.iter()
                        .map(|t| t.profile.to_string())
                        .collect::<Vec<_>>()
                })
                .map_err(|e| Error::of(&e).message)
        };
        let (one, two) = (with(&["a"]), with(&["a", "b"]));
        assert_eq!(of(&one, &[], false), Ok(vec!["a".to_owned()]));
        assert_eq!(of(&two, &["b"], false), Ok(vec!["b".to_owned()]));
        assert_eq!(of(&two, &[], true).map(|all| all.len()), Ok(2));
        let which = of(&two, &[], false).expect_err("ambiguous");
        assert!(which.contains("a, b are installed"), "{which}");
        assert!(
            of(&one, &["c"], false)
                .expect_err("unknown")
                .contains("`c`")
        );
        assert!(of(&with(&[]), &[], true).is_err());
    }
}
