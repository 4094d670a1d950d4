//! What a profile's unit gives its gateway, for a hermes that a person runs: account, root, program, variables, files.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::host::Host;
use crate::launcher::exec::HERMES_VARIABLE;
use crate::profile::ProfileName;
use crate::render::instance::Instance;
use crate::render::model::{Account, UNITS};
use crate::units::inventory::Inventory;
use crate::units::unit::Unit;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Given {
    /// Account and group; `None` is whoever runs this program.
    pub(super) account: Option<Account>,
    /// The hermes root; `None` is the one that the template unit names.
    pub(super) root: Option<PathBuf>,
    /// The hermes executable; `None` leaves the search to the caller.
    pub(super) hermes: Option<PathBuf>,
    /// Variables, but those that the launcher is told.
    pub(super) environment: BTreeMap<String, String>,
    /// Directives about variables and credentials, as systemd-run takes them: without specifiers.
    pub(super) properties: Vec<String>,
}

/// Directives that hermes is run with as well. `Environment=` is read for itself, and all else is about a service.
const PROPERTIES: [&str; 5] = [
    "EnvironmentFile",
    "LoadCredential",
    "LoadCredentialEncrypted",
    "PassEnvironment",
    "UnsetEnvironment",
];

impl Given {
    /// What the unit of a profile says itself: it may be NixOS' or one that `systemctl enable` made, and `systemctl edit`
    /// may have changed it. `None` where there is no unit that could run.
    pub(super) fn by_unit(host: &Host, profile: &ProfileName) -> Option<Self> {
        let inventory = Inventory::of_own_manager(host);
        let mut units = inventory.units.iter();
        let unit = units.find(|unit| unit.is_installed_for(host, profile))?;
        Self::of_unit(unit, profile)
    }

    fn of_unit(unit: &Unit, profile: &ProfileName) -> Option<Self> {
        let (_, root) = ProfileName::from_home(unit.home()?).filter(|(own, _)| own == profile)?;
        let all = unit.directives.environment(|value| unit.expand(value));
        let mut environment: BTreeMap<String, String> = all
            .into_iter()
            .map(|(name, (value, _))| (name, value))
            .collect();
        let hermes = environment.remove(HERMES_VARIABLE).map(PathBuf::from);
        environment.retain(|name, _| !UNITS.contains(&name.as_str()));
        let lines = PROPERTIES.iter().flat_map(|key| {
            let lines = unit.directives.list("Service", key).into_iter();
            lines.map(move |line| format!("{key}={}", unit.expand(&line.value)))
        });
        let group = unit.directives.value("Service", "Group");
        let group = group.map(|group| unit.expand(group));
        let account = (!unit.is_user()).then(|| {
            let user = unit.user();
            let own = unit.account.as_ref().map(|account| account.group.clone());
            let group = group.or(own).unwrap_or_else(|| user.clone());
            Account { user, group }
        });
        Some(Self {
            account,
            root: Some(root.to_owned()),
            hermes,
            environment,
            properties: lines.collect(),
        })
    }

    /// What the receipt has of a profile.
    pub(super) fn of_instance(instance: Instance) -> Self {
        let files = instance.environment_files.iter();
        let files = files.map(|file| format!("EnvironmentFile={}", file.display()));
        let credentials = instance.credentials.iter();
        let credentials =
            credentials.map(|(name, file)| format!("LoadCredential={name}:{}", file.display()));
        Self {
            properties: files.chain(credentials).collect(),
            account: instance.account,
            root: instance.root,
            hermes: instance.hermes,
            environment: instance.environment,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::layout::Scope;

    /// An image with the shipped template at the place of a package's, and these drop-ins of `coder`.
    fn given(drop_ins: &[(&str, &str)]) -> Option<Given> {
        let top = tempfile::tempdir().expect("a directory");
        let units = top.path().join("usr/lib/systemd/system");
        let own = top
            .path()
            .join("etc/systemd/system/hermes-gateway@coder.service.d");
        for directory in [&units, &own] {
            fs::create_dir_all(directory).expect("made");
        }
        fs::write(
            top.path().join("etc/passwd"),
            "hermes:x:990:990::/var/lib/hermes:/bin/sh\nbob:x:1000:1000::/home/bob:/bin/sh\n",
        )
        .expect("written");
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/deb/system-252");
        let template = "usr/lib/systemd/system/hermes-gateway@.service";
        fs::copy(golden.join(template), top.path().join(template)).expect("copied");
        for (name, text) in drop_ins {
            fs::write(own.join(name), text).expect("written");
        }
        let host = Host::observer(Scope::System, Some(top.path())).expect("an image");
        Given::by_unit(&host, &"coder".parse().expect("a name"))
    }

    #[test]
    fn a_template_s_instance_has_what_the_template_says() {
        let given = given(&[("mine.conf", "[Service]\nNice=1\n")]).expect("a unit");
        let plain = Instance::plain("coder".parse().expect("a name"), Scope::System);
        let plain = Given::of_instance(plain);
        let root = Some(PathBuf::from("/var/lib/hermes"));
        assert_eq!(given, Given { root, ..plain });
    }

    #[test]
    fn what_a_unit_says_last_is_meant() {
        let rendered = "[Service]\nUser=bob\nGroup=bots\nEnvironment=HERMES_HOME=/srv/%i\n\
             Environment=HERMES_INSTALL_HERMES=/nix/store/x/bin/hermes\nEnvironmentFile=/etc/old.env\n";
        let own = "[Service]\nEnvironment=\"TZ=Europe/Berlin\" PATH=/a%%b:%t\nEnvironment=HERMES_HOME=/srv/%i\n\
             EnvironmentFile=\nEnvironmentFile=-/etc/%p.env\nLoadCredential=token:/etc/%i.token\n";
        let given = given(&[("50-a.conf", rendered), ("60-own.conf", own)]).expect("a unit");
        assert_eq!(given.root, Some(PathBuf::from("/srv/coder")));
        assert_eq!(given.hermes, Some("/nix/store/x/bin/hermes".into()));
        let account = given.account.expect("an account");
        assert_eq!((&*account.user, &*account.group), ("bob", "bots"));
        assert_eq!(
            given.environment.into_iter().collect::<Vec<_>>(),
            [("PATH", "/a%b:/run"), ("TZ", "Europe/Berlin")].map(|(n, v)| (n.into(), v.into()))
        );
        assert_eq!(
            given.properties,
            [
                "EnvironmentFile=-/etc/hermes-gateway.env",
                "LoadCredential=token:/etc/coder.token"
            ]
        );
    }

    #[test]
    fn a_unit_that_runs_another_profile_says_nothing() {
        assert_eq!(given(&[]), None, "nobody names an instance");
        let other =
            "[Service]\nExecStart=\nExecStart=/usr/bin/hermes-install exec --profile other\n";
        assert_eq!(given(&[("mine.conf", other)]), None);
    }
}
