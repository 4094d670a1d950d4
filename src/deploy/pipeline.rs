//! The one way from what a host should have to a transaction: contents, desired tree, observed files, plan. install,
//! upgrade, shield and uninstall differ in contents and policy alone. Reads only.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use crate::deploy::conflict::uncovering;
use crate::deploy::cut_short::refuse_undecided;
use crate::deploy::desired::{desired, links};
use crate::deploy::plan::plan;
use crate::deploy::receipt::{Contents, Receipt};
use crate::deploy::transaction::Transaction;
use crate::host::Host;
use crate::host::manager::systemd_level;
use crate::host::rootfs::Actual;
use crate::layout::{SYSTEMD_FLOOR, Scope, TEMPLATE};
use crate::output::Output;
use crate::profile::ProfileName;
use crate::render::instance::Instance;
use crate::render::tree::Entry;

/// What a run may do with files, and with what starts at boot.
#[derive(Debug, Clone, Default)]
pub(crate) struct Policy {
    /// Replace files that were edited or written by somebody else.
    pub(crate) force: bool,
    /// Leave files that stay as they are; bringing them up to date is another run's business.
    pub(crate) keeps_files: bool,
    /// Whether it puts back what is recorded, as a split that was cut short left it.
    pub(crate) undoes_split: bool,
    /// Profiles that start at boot from now on, or not; all others stay as they are: an admin may have changed them.
    pub(crate) enable: BTreeMap<ProfileName, bool>,
}

impl Policy {
    /// Whether after this run it is known where the data of a profile are.
    fn decides(&self, profile: &ProfileName, contents: &Contents) -> bool {
        let mut stay = contents.instances.iter().filter(|i| i.profile == *profile);
        self.undoes_split || stay.all(Instance::is_tenant)
    }
}

/// The transaction that leaves a host with these contents. It starts and stops nothing yet: its caller says what.
pub(crate) fn plan_for<'a>(
    host: &'a Host,
    output: &'a Output,
    receipt: Receipt,
    contents: Contents,
    policy: &Policy,
) -> Result<Transaction<'a>> {
    refuse_undecided(&receipt, |profile| policy.decides(profile, &contents))?;
    // What only goes away needs no particular systemd.
    let level = if contents.is_empty() {
        SYSTEMD_FLOOR
    } else {
        systemd_level(host)?
    };
    let is_there = |path: &String| matches!(host.files.look(path), Ok(Actual::Present(..)));
    let is_enabled = |profile: &ProfileName| match policy.enable.get(profile) {
        Some(enable) => *enable,
        None => links(host, profile).iter().any(is_there),
    };
    let mut tree = desired(host, level, &contents, is_enabled)?;
    if policy.keeps_files {
        for (path, actual) in host.files.observe(tree.keys(), &tree)? {
            match actual {
                Actual::Present(entry, _) => tree.insert(path, entry),
                _ => tree.remove(&path),
            };
        }
    }
    // The command on PATH is a convenience: one that somebody else put there stays.
    let command = host.command();
    let known: Vec<_> = receipt.stamps(&command).collect();
    match host.files.look(&command)? {
        Actual::Present(entry, _)
            if tree.get(&command) == Some(&entry) || known.contains(&&entry.stamp()) => {}
        Actual::Missing => {}
        _ => drop(tree.remove(&command)),
    }
    let paths: BTreeSet<&String> = tree.keys().chain(receipt.paths()).collect();
    let observed = host.files.observe(paths, &tree)?;
    let owner = nix::unistd::geteuid().as_raw();
    let mut plan = plan(&tree, &receipt, &observed, owner, policy.force);
    for instance in &contents.instances {
        let profile = &instance.profile;
        let is_meant = policy.enable.contains_key(profile);
        let path = format!("{}/{}", host.units(), profile.unit());
        match host.files.look(&path)? {
            Actual::Present(entry, _) if is_meant => plan.uncover(path, entry, policy.force),
            Actual::Present(Entry::File { .. }, _) => output.warn(covered(profile, &path)),
            _ => {}
        }
        let links = links(host, profile);
        let was_enabled = links.iter().any(|l| receipt.stamps(l).next().is_some());
        if !is_meant && was_enabled && !links.iter().any(|l| tree.contains_key(l)) {
            output.warn(disabled(profile, host.scope));
        }
    }
    Ok(Transaction {
        plan,
        linger: receipt.linger && !contents.is_empty(),
        old: receipt,
        creations: Vec::new(),
        handovers: Vec::new(),
        relocations: Vec::new(),
        up: Vec::new(),
        host,
        output,
        contents,
    })
}

fn covered(profile: &ProfileName, path: &str) -> String {
    format!(
        "`/{path}` stands in for `{TEMPLATE}`: what is changed here does not reach `{}`; {}",
        profile.unit(),
        uncovering(path)
    )
}

fn disabled(profile: &ProfileName, scope: Scope) -> String {
    format!(
        "profile `{profile}` does not start at boot any more: its links are gone; to have it start again: \
         `hermes-install{} --profile {profile}`",
        scope.flag()
    )
}
