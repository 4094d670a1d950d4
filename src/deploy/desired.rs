//! The tree that a host should have: units of the host layout, or only drop-ins beside a package's; enablement and
//! masks as links; the launcher. Reads this program's own file and the host's layout, nothing else.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::deploy::receipt::Contents;
use crate::host::Host;
use crate::host::rootfs::Actual;
use crate::layout::{
    GUARD, GUARDED, Layout, PACKAGED_LAUNCHER, ROOTS_USER_UNITS, Scope, TARGET, TEMPLATE,
};
use crate::profile::ProfileName;
use crate::render::model::{Account, Model};
use crate::render::tree::{Entry, Tree};
use crate::render::{guard_places, render};

/// Everything that these contents need, with the profiles in `enabled` starting at boot. Without contents: nothing.
pub(crate) fn desired(
    host: &Host,
    systemd: u32,
    contents: &Contents,
    enabled: impl Fn(&ProfileName) -> bool,
) -> Result<Tree> {
    if contents.is_empty() {
        return Ok(Tree::new());
    }
    let instances = &contents.instances;
    let is_packaged = host.is_packaged();
    let model = Model {
        layout: Layout::Host,
        scope: host.scope,
        systemd,
        prefix: None,
        shared_units: !is_packaged && !instances.is_empty(),
        launcher: is_packaged.then(|| PACKAGED_LAUNCHER.to_owned()),
        instances: instances.clone(),
        shields: contents.shields.clone(),
        guard: !is_packaged && contents.guard == Some(true),
    };
    let needs_account = instances
        .iter()
        .any(|i| i.account == Some(Account::default()));
    let mut tree: Tree = render(&model)?
        .into_iter()
        // Accounts are declared only where some gateway uses the default one.
        .filter(|(path, _)| needs_account || !declares_account(path))
        .map(|(path, entry)| (host.relative(&path), entry))
        .collect();
    let needs_launcher = !contents.has_no_units() || contents.guard == Some(true);
    if !is_packaged && needs_launcher {
        let own =
            fs::read("/proc/self/exe").context("this program cannot read its own executable")?;
        let launcher = Entry::File {
            bytes: own.into(),
            mode: 0o755,
        };
        tree.insert(host.launcher(), launcher);
        let target = format!("/{}", host.launcher());
        tree.insert(host.command(), Entry::Link { target });
    }
    let mut masks = contents.masks.clone();
    if contents.guard == Some(false) {
        masks.extend(guards_of_others(host));
    }
    for mask in masks {
        let target = "/dev/null".to_owned();
        tree.insert(mask, Entry::Link { target });
    }
    let target = unit_file(host);
    for instance in instances.iter().filter(|i| enabled(&i.profile)) {
        for path in links(host, &instance.profile) {
            let target = target.clone();
            tree.insert(path, Entry::Link { target });
        }
    }
    Ok(tree)
}

/// Whether a file declares the default account or its root.
fn declares_account(path: &str) -> bool {
    let places = Layout::Host.places(Scope::System, None);
    [places.sysusers, places.tmpfiles].contains(&Some(path))
}

/// The drop-ins of this scope's guard that stand for those which somebody else has placed: a package, or root for users.
pub(crate) fn guards_of_others(host: &Host) -> Vec<String> {
    let others = match host.scope {
        Scope::System => vec![Layout::Deb.places(Scope::System, None).units],
        Scope::User => vec![
            ROOTS_USER_UNITS,
            Layout::Deb.places(Scope::User, None).units,
        ],
    };
    let is_there = |path: &String| matches!(host.files.look(path), Ok(Actual::Present(..)));
    let is_guarded = others.iter().any(|units| {
        let mut paths = GUARDED
            .iter()
            .map(|unit| format!("{units}/{unit}.d/{GUARD}"));
        paths.any(|path| is_there(&path))
    });
    let own = guard_places(Layout::Host, host.scope).into_iter();
    own.filter(|_| is_guarded)
        .map(|(_, path)| host.relative(&path))
        .collect()
}

/// What `systemctl enable` makes for an instance: a link in the wants of each target of `WantedBy=`.
pub(crate) fn links(host: &Host, profile: &ProfileName) -> [String; 2] {
    [host.scope.boot_target(), TARGET]
        .map(|target| format!("{}/{target}.wants/{}", host.units(), profile.unit()))
}

/// The template unit's file as the links name it.
fn unit_file(host: &Host) -> String {
    let directory = if host.is_packaged() {
        host.packaged_units().to_owned()
    } else {
        host.units()
    };
    format!("/{directory}/{TEMPLATE}")
}

/// Whether a file is a drop-in of this very unit.
pub(crate) fn is_drop_in_of(unit: &str, path: &str) -> bool {
    let directory = Path::new(path).parent().and_then(Path::file_name);
    directory.and_then(|d| d.to_str()?.strip_suffix(".d")) == Some(unit)
}
