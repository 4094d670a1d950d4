//! The profiles that a command of the day is about: those that are named, all, or the only one.

use std::collections::HashSet;
use std::path::PathBuf;

use anyhow::Result;

use super::elsewhere::who_has;
use crate::deploy::receipt::{Receipt, read_receipt};
use crate::error::{Error, Kind, nearest, refuse, trouble};
use crate::gateway::config::is_standalone;
use crate::gateway::served::{Server, Service, is_parked, service};
use crate::host::service_state::Exit;
use crate::host::systemctl::Systemctl;
use crate::host::{Host, Live, span};
use crate::profile::{ProfileName, root_of};
use crate::render::instance::Instance;
use crate::render::model::Shield;
use crate::units::inventory::Inventory;
use crate::units::origin::Origin;
use crate::units::unit::Unit;

/// A profile and the unit that runs its gateway.
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
    fn of_instance(host: &Host, instance: &Instance) -> Self {
        let root = instance.root.clone().unwrap_or_else(|| host.default_root());
        Self {
            profile: instance.profile.clone(),
            unit: instance.profile.unit(),
            home: instance.profile.home(&root),
            drain: instance.drain_timeout.unwrap_or(instance.gateway_drain),
        }
    }

    fn of_shield(shield: &Shield) -> Self {
        Self {
            profile: shield.profile.clone(),
            unit: shield.unit.clone(),
            home: shield.profile.home(&shield.root),
            drain: shield.gateway_drain,
        }
    }

    /// Who serves the profile, where its own gateway refused to run (69 by the launcher, 78 by hermes), as after an update to a
    /// hermes that has one gateway for all profiles.
    pub(super) fn server(&self, manager: &Systemctl) -> Option<Box<Server>> {
        let ended = manager.show_one(&self.unit).ok()?.exit?;
        let refused = matches!(ended, Exit::Status(69 | 78));
        if !refused || is_standalone(&self.home) {
            return None;
        }
        match service(&root_of(&self.home), &self.profile) {
            Ok(Service::By(server)) => Some(server),
            _ => None,
        }
    }

    /// By what a unit says itself. A gateway may drain for less than systemd waits for its end.
    fn of_unit(unit: &Unit) -> Option<Self> {
        let home = unit.home()?;
        let (profile, _) = ProfileName::from_home(home)?;
        let timeout = unit.directives.value("Service", "TimeoutStopSec");
        Some(Self {
            profile,
            unit: unit.name.clone(),
            home: home.to_owned(),
            drain: timeout.and_then(span::seconds).unwrap_or_default() as u32,
        })
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

/// The installed profiles that are meant by this command, such as `hermes-install start`.
pub(super) fn targets(
    host: &Host,
    inventory: &Inventory,
    command: &str,
    named: &[ProfileName],
    all: bool,
) -> Result<Vec<Target>> {
    let receipt = read_receipt(host)?;
    let mut known = installed(host, &receipt);
    // One that nobody names, and that neither runs nor is enabled, may be what is left of a profile.
    let in_use = |unit: &&Unit| !named.is_empty() || unit.how().is_some();
    known.extend(placed(inventory, &receipt, in_use));
    chosen(host, command, known, named, all)
}

/// The same, for a command that only looks: with the profiles that a unit of somebody else's runs, under a shield or the guard.
pub(super) fn looked_at(
    host: &Host,
    command: &str,
    named: &[ProfileName],
    all: bool,
) -> Result<Vec<Target>> {
    let receipt = read_receipt(host)?;
    let inventory = Inventory::of_own_manager(host);
    let mut known = installed(host, &receipt);
    known.extend(receipt.shields.iter().map(Target::of_shield));
    known.extend(placed(&inventory, &receipt, |_| true));
    let guarded = inventory.units.iter().filter(|unit| unit.is_guarded);
    for (unit, target) in guarded.filter_map(|u| Some((u, Target::of_unit(u)?))) {
        // A file that hermes wrote beside an installed unit is no other bot.
        let is_known = known.iter().any(|k| k.profile == target.profile);
        if unit.how().is_some() || !is_known {
            known.push(target);
        }
    }
    chosen(host, command, known, named, all)
}

fn installed(host: &Host, receipt: &Receipt) -> Vec<Target> {
    let instances = receipt.instances.iter();
    instances.map(|i| Target::of_instance(host, i)).collect()
}

/// Such instances of the shipped template as no receipt has: of a package's, enabled by hand, or of NixOS.
fn placed(
    inventory: &Inventory,
    receipt: &Receipt,
    is_meant: impl Fn(&&Unit) -> bool,
) -> Vec<Target> {
    let recorded = receipt.instances.iter().map(|i| i.profile.unit());
    let recorded: HashSet<String> = recorded.collect();
    let is_new = |unit: &&Unit| unit.origin == Origin::Ours && !recorded.contains(&unit.name);
    let units = inventory.units.iter().filter(is_new).filter(is_meant);
    let targets = units.filter_map(Target::of_unit);
    targets.filter(|t| t.unit == t.profile.unit()).collect()
}

/// Refuse a profile that has no unit because another's gateway serves it, or will when it is no longer parked. `command` is
/// what that gateway can be named to.
pub(super) fn refuse_served(
    host: &Host,
    profile: &ProfileName,
    command: Option<&str>,
) -> Result<()> {
    let (root, scope) = (host.default_root(), host.scope.flag());
    if is_parked(&host.real(&profile.home(&root))) {
        refuse!(
            "profile `{profile}` is parked, and has no unit of its own";
            "to have it served again: `hermes-install run{scope} {profile} gateway start`"
        );
    }
    let Ok(Service::By(server)) = service(&root, profile) else {
        return Ok(());
    };
    let server = server.profile;
    let what =
        format!("profile `{profile}` has no unit of its own: the gateway of `{server}` serves it");
    let stop = format!("to have it left out: `hermes-install run{scope} {profile} gateway stop`");
    let own =
        format!("for one of its own: `hermes-install{scope} --profile {profile} --standalone`");
    match command {
        Some(command) => refuse!(
            "{what}";
            "for that gateway, and so for all that it serves: `{command} {server}`";
            "{stop}";
            "{own}"
        ),
        None => refuse!("{what}"; "{stop}"),
    }
}

/// Refuse a profile that somebody has outside of this scope: another unit would be another bot.
fn refuse_elsewhere(host: &Host, profile: &ProfileName, command: &str) -> Result<()> {
    let verb = command.trim_start_matches("hermes-install ");
    let mut hints = who_has(host, &Inventory::read(host), profile, verb);
    if hints.is_empty() {
        return Ok(());
    }
    let (manager, scope) = (host.scope.name(), host.scope.flag());
    hints.push(format!(
        "to see every profile: `hermes-install status{scope}`"
    ));
    let what = format!("profile `{profile}` is not installed in the {manager} scope");
    Err(Error::new(Kind::Trouble, what, hints).into())
}

fn chosen(
    host: &Host,
    command: &str,
    known: Vec<Target>,
    named: &[ProfileName],
    all: bool,
) -> Result<Vec<Target>> {
    let (manager, scope, typed) = (host.scope.name(), host.scope.flag(), command);
    let command = format!("{command}{scope}");
    let mut names: Vec<&str> = known.iter().map(|t| t.profile.as_str()).collect();
    let mut seen = HashSet::new();
    names.retain(|name| seen.insert(*name));
    let is_known = |name: &&ProfileName| known.iter().any(|t| t.profile == **name);
    if let Some(unknown) = named.iter().find(|name| !is_known(name)) {
        refuse_served(host, unknown, Some(&command))?;
        refuse_elsewhere(host, unknown, typed)?;
        if let Some(near) = nearest(unknown.as_str(), names.iter().copied()) {
            trouble!(
                "profile `{unknown}` is not installed in the {manager} scope";
                "did you mean `{near}`? then: `{command} {near}`";
                "to see every profile: `hermes-install status{scope}`"
            );
        }
        trouble!(
            "profile `{unknown}` is not installed in the {manager} scope";
            "to install it: `hermes-install{scope} --profile {unknown}`";
            "to see every profile: `hermes-install status{scope}`"
        );
    }
    match (named, known.as_slice()) {
        (_, []) => trouble!(
            "nothing is installed in the {manager} scope";
            "to install one: `hermes-install{scope} --profile NAME`"
        ),
        ([], [first, ..]) if !all && names.len() > 1 => trouble!(
            "which profile? {} are installed in the {manager} scope", names.join(", ");
            "for one of them: `{command} {}`", first.profile;
            "for all: `{command} --all`"
        ),
        _ => {}
    }
    let is_meant = |target: &Target| named.is_empty() || named.contains(&target.profile);
    Ok(known.into_iter().filter(is_meant).collect())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::layout::Scope;

    #[test]
    fn what_nixos_or_somebody_enabled_of_a_package_is_meant_as_well() {
        let root = tempfile::tempdir().expect("a directory");
        let at = |path: &str| root.path().join(path);
        for directory in [
            "usr/lib/systemd/system",
            "etc/systemd/system/multi-user.target.wants",
            "etc/systemd/system/hermes-gateway@left.service.d",
        ] {
            std::fs::create_dir_all(at(directory)).expect("made");
        }
        let template = "usr/lib/systemd/system/hermes-gateway@.service";
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/deb/system-252");
        std::fs::copy(golden.join(template), at(template)).expect("copied");
        let link = at("etc/systemd/system/multi-user.target.wants/hermes-gateway@coder.service");
        std::os::unix::fs::symlink(format!("/{template}"), link).expect("linked");
        let drop_in = at("etc/systemd/system/hermes-gateway@left.service.d/mine.conf");
        std::fs::write(drop_in, "[Service]\nNice=1\n").expect("written");
        let host = Host::observer(Scope::System, Some(root.path())).expect("an image");
        let of = |targets: Result<Vec<Target>>| -> Vec<(String, PathBuf)> {
            let targets = targets.expect("targets").into_iter();
            targets.map(|t| (t.unit, t.home)).collect()
        };
        let home = |name: &str| PathBuf::from(format!("/var/lib/hermes/profiles/{name}"));
        let coder = ("hermes-gateway@coder.service".to_owned(), home("coder"));
        let left = ("hermes-gateway@left.service".to_owned(), home("left"));
        let inventory = Inventory::of_own_manager(&host);
        assert_eq!(
            of(targets(&host, &inventory, "restart", &[], true)),
            std::slice::from_ref(&coder)
        );
        let named = ["left".parse().expect("a name")];
        assert_eq!(
            of(targets(&host, &inventory, "start", &named, false)),
            std::slice::from_ref(&left)
        );
        assert_eq!(of(looked_at(&host, "why", &[], true)), [coder, left]);
    }

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
            let targets = chosen(
                &host,
                "hermes-install stop",
                installed(&host, receipt),
                &named,
                all,
            );
            targets
                .map(|all| {
                    all.iter()
                        .map(|t| t.profile.to_string())
                        .collect::<Vec<_>>()
                })
                .map_err(|e| {
                    let error = Error::of(&e);
                    format!("{}; {}", error.message, error.hints.join("; "))
                })
        };
        let (one, two) = (with(&["a"]), with(&["a", "b"]));
        assert_eq!(of(&one, &[], false), Ok(vec!["a".to_owned()]));
        assert_eq!(of(&two, &["b"], false), Ok(vec!["b".to_owned()]));
        assert_eq!(of(&two, &[], true).map(|all| all.len()), Ok(2));
        let which = of(&two, &[], false).expect_err("ambiguous");
        for part in [
            "a, b are installed",
            "`hermes-install stop a`",
            "`hermes-install stop --all`",
        ] {
            assert!(which.contains(part), "{which}");
        }
        let typo = of(&with(&["coder", "b"]), &["codr"], false).expect_err("unknown");
        assert!(typo.contains("`hermes-install stop coder`"), "{typo}");
        assert!(
            of(&one, &["c"], false)
                .expect_err("unknown")
                .contains("`c`")
        );
        assert!(of(&with(&[]), &[], true).is_err());

        // As a user of a host with both managers reads it.
        let user = host.in_scope(Scope::User);
        let known = vec![];
        let told = chosen(&user, "hermes-install stop", known, &[name("c")], false);
        let error = Error::of(&told.expect_err("unknown"));
        for part in [
            "`hermes-install --user --profile c`",
            "`hermes-install status --user`",
        ] {
            assert!(error.hints.join("; ").contains(part), "{part}: {error:?}");
        }

        let parked = root.path().join("var/lib/hermes/profiles/c");
        std::fs::create_dir_all(&parked).expect("a home");
        std::fs::write(parked.join("gateway.parked"), "").expect("a mark");
        let way = of(&one, &["c"], false).expect_err("parked");
        assert!(way.contains("hermes-install run c gateway start"), "{way}");
    }
}
