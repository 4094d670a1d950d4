//! The accounts of system-wide gateways and their directories, made by systemd's own programs from the files of this run
//! that declare them.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::deploy::plan::Action;
use crate::deploy::transaction::Transaction;
use crate::host::{Host, Live};
use crate::layout::{ACCOUNT, Layout, SYSTEM_ROOT, Scope};
use crate::render::instance::Instance;
use crate::render::model::Account;
use crate::render::tenant_file;

/// What declares accounts, and what their directories.
#[derive(Default)]
struct Declared {
    sysusers: Vec<PathBuf>,
    tmpfiles: Vec<PathBuf>,
    told: Vec<String>,
}

impl Transaction<'_> {
    /// Make what is not there yet; whether there was anything.
    pub(super) fn make_accounts(&self, live: &Live) -> Result<bool> {
        let declared = self.missing();
        if !declared.sysusers.is_empty() {
            live.sysusers(&declared.sysusers)?;
        }
        if !declared.tmpfiles.is_empty() {
            live.tmpfiles(&declared.tmpfiles)?;
        }
        let is_made = !declared.told.is_empty();
        for told in declared.told {
            self.output.done(told);
        }
        Ok(is_made)
    }

    fn missing(&self) -> Declared {
        let places = Layout::Host.places(Scope::System, None);
        let (Some(sysusers), Some(tmpfiles)) = (places.sysusers, places.tmpfiles) else {
            return Declared::default();
        };
        let changes = self.plan.changes.iter().filter(|c| c.after.is_some());
        let wanted: HashSet<&Path> = changes.clone().map(|c| Path::new(&c.path)).collect();
        let kept = changes.filter(|c| c.action == Action::Keep);
        let kept: HashSet<&Path> = kept.map(|c| Path::new(&c.path)).collect();
        let find = |path: &Path| wanted.contains(path).then(|| self.host.at(path));
        let mut declared = Declared::default();
        let both = find(Path::new(sysusers)).zip(find(Path::new(tmpfiles)));
        let both = both.or_else(|| of_package(self.host, &self.contents.instances));
        if let (Some((account, root)), false) = (both, Path::new(SYSTEM_ROOT).exists()) {
            declared.sysusers.push(account);
            declared.tmpfiles.push(root);
            let told = format!("account `{ACCOUNT}` and its `{SYSTEM_ROOT}` are there");
            declared.told.push(told);
        }
        let tenants = self.contents.instances.iter().filter(|i| i.is_tenant());
        for profile in tenants.map(|i| &i.profile) {
            let root = profile.tenant_root();
            let beside = |path| Path::new(path).with_file_name(tenant_file(profile));
            // One that was made by hand, for the installer of hermes, gets the modes that are declared.
            if root.exists() && kept.contains(&*beside(tmpfiles)) {
                continue;
            }
            let beside = |path| find(&beside(path));
            declared.sysusers.extend(beside(sysusers));
            declared.tmpfiles.extend(beside(tmpfiles));
            declared.told.push(format!(
                "account `{}` and its `{}` are there",
                profile.tenant_account(),
                root.display()
            ));
        }
        declared
    }
}

/// The files of a package that declare the default account and its root, where a gateway of these needs them: a package
/// declares them once, and nobody reads that again after somebody has removed the root.
fn of_package(host: &Host, instances: &[Instance]) -> Option<(PathBuf, PathBuf)> {
    let is_needed = |instance: &Instance| instance.account == Some(Account::default());
    if host.scope == Scope::User || !host.is_packaged() || !instances.iter().any(is_needed) {
        return None;
    }
    let places = Layout::Deb.places(Scope::System, None);
    let find = |path: &str| {
        let path = Path::new("/").join(path);
        host.exists(&path).then(|| host.real(&path))
    };
    find(places.sysusers?).zip(find(places.tmpfiles?))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::layout::{PACKAGED_LAUNCHER, TEMPLATE};

    #[test]
    fn a_package_s_own_files_make_the_root_that_somebody_removed() {
        let top = tempfile::tempdir().expect("a directory");
        let write = |path: &str| {
            let file = top.path().join(path.trim_start_matches('/'));
            fs::create_dir_all(file.parent().expect("above")).expect("made");
            fs::write(file, "").expect("written");
        };
        let found = |scope, instance: &Instance| {
            let host = Host::observer(scope, Some(top.path())).expect("an image");
            of_package(&host, std::slice::from_ref(instance))
        };
        let instance = Instance {
            account: Some(Account::default()),
            ..Instance::plain("default".parse().expect("a name"), Scope::System)
        };
        write("usr/lib/sysusers.d/hermes-gateway.conf");
        write("usr/lib/tmpfiles.d/hermes-gateway.conf");
        assert_eq!(found(Scope::System, &instance), None, "no package");
        write(PACKAGED_LAUNCHER);
        let places = Layout::Deb.places(Scope::System, None);
        write(&format!("{}/{TEMPLATE}", places.units));
        let (account, root) = found(Scope::System, &instance).expect("both");
        assert!(account.ends_with("usr/lib/sysusers.d/hermes-gateway.conf"));
        assert!(root.ends_with("usr/lib/tmpfiles.d/hermes-gateway.conf"));
        assert_eq!(found(Scope::User, &instance), None);
        let others = Instance {
            account: None,
            ..instance
        };
        assert_eq!(found(Scope::System, &others), None, "nobody needs it");
    }
}
