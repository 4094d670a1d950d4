//! A unit whose account systemd makes anew for each start (`DynamicUser=`, systemd.exec(5)): the shipped unit needs one that
//! stays, and nobody's data change hands without a word. Reads only.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::error::refuse;
use crate::host::Host;
use crate::host::ownership::giving;
use crate::host::process::shell_quote;
use crate::profile::ProfileName;
use crate::takeover::candidates::executable_of;
use crate::units::inventory::Inventory;
use crate::units::unit::{Unit, find_account};

/// IDs that systemd gives to such accounts (`DYNAMIC_UID_MIN`, `DYNAMIC_UID_MAX`); NSS may know one while its unit runs.
const PASSING: std::ops::RangeInclusive<u32> = 61184..=65519;

/// Refuse to take a profile over from such a unit, with the commands that make its account one that stays.
pub(super) fn refuse_dynamic(
    host: &Host,
    inventory: &Inventory,
    unit: &Unit,
    profile: &ProfileName,
    root: &Path,
) -> Result<()> {
    let name = account_name(unit);
    let state = State::of(host, unit, root);
    let path = |path: &Path| path.display().to_string();
    let mut commands = vec![unit.disable_command()];
    if find_account(host, &name).is_none_or(|account| PASSING.contains(&account.uid)) {
        let make = ["useradd", "--system", "--no-create-home", "--home-dir"];
        let rest = [&*path(&state.root), "--shell", "/usr/sbin/nologin", &name];
        commands.push(shell_quote(&[&make[..], &rest].concat()));
    }
    if let Some(private) = &state.private {
        let place = path(&state.directory);
        commands.push(shell_quote(&["rm", &place]));
        commands.push(shell_quote(&["mv", &path(private), &place]));
    }
    commands.push(giving(&name, &state.directory, None));
    let (profile, root) = (profile.to_string(), path(&state.root));
    let mut install = vec!["hermes-install", "--profile", &profile];
    let hermes = executable_of(host, inventory, unit).map(|hermes| path(&hermes));
    install.extend(hermes.iter().flat_map(|hermes| ["--hermes", hermes]));
    install.extend(["--home", &root, "--run-as", &name]);
    refuse!(
        "{} has an account that systemd makes anew for each start (`DynamicUser=`), and the shipped unit needs one that stays",
        unit.title();
        "to stop it, and give its data to an account `{name}` that stays: `{}`", commands.join(" && ");
        "then: `{}`", shell_quote(&install)
    )
}

/// The name that its account has while it runs, if it is one that useradd(8) takes.
fn account_name(unit: &Unit) -> String {
    let name = unit.user();
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    let is_plain = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.len() < 32
        && name.chars().all(plain)
        && name != "root";
    if is_plain {
        name
    } else {
        "hermesbot".to_owned()
    }
}

/// Where its data are, and will be.
struct State {
    /// What changes hands: the root, or the state directory that has it.
    directory: PathBuf,
    /// Where systemd keeps that, out of everybody's reach, with a link in its place.
    private: Option<PathBuf>,
    /// The hermes root in that place.
    root: PathBuf,
}

impl State {
    fn of(host: &Host, unit: &Unit, root: &Path) -> Self {
        let top = Path::new("/var/lib");
        let lines = unit.directives.list("Service", "StateDirectory");
        let words = lines.iter().flat_map(|line| line.words());
        // `NAME:LINK` makes a link beside (systemd 251).
        let names = words.map(|word| unit.expand(word.split(':').next().unwrap_or(word)));
        let found = names.into_iter().find_map(|name| {
            let (directory, private) = (top.join(&name), top.join("private").join(&name));
            let below = root
                .strip_prefix(&directory)
                .or(root.strip_prefix(&private));
            let root = below
                .ok()?
                .components()
                .fold(directory.clone(), |at, part| at.join(part));
            let is_private =
                host.files.link_target(&directory).is_some() && host.is_directory(&private);
            Some(Self {
                private: is_private.then_some(private),
                directory,
                root,
            })
        });
        found.unwrap_or_else(|| Self {
            directory: root.to_owned(),
            private: None,
            root: root.to_owned(),
        })
    }
}
