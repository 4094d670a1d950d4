//! The accounts of system-wide gateways and their directories, made by systemd's own programs from the files of this run
//! that declare them.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::deploy::plan::Action;
use crate::deploy::transaction::Transaction;
use crate::host::Live;
use crate::layout::{ACCOUNT, Layout, SYSTEM_ROOT, Scope};
use crate::render::tenant_file;

/// What declares accounts, and what their directories.
#[derive(Default)]
struct Declared {
    sysusers: Vec<PathBuf>,
    tmpfiles: Vec<PathBuf>,
    told: Vec<String>,
}

impl Transaction<'_> {
    /// Make what is not there yet.
    pub(super) fn make_accounts(&self, live: &Live) -> Result<()> {
        let declared = self.missing();
        if !declared.sysusers.is_empty() {
            live.sysusers(&declared.sysusers)?;
        }
        if !declared.tmpfiles.is_empty() {
            live.tmpfiles(&declared.tmpfiles)?;
        }
        for told in declared.told {
            self.output.done(told);
        }
        Ok(())
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
        let both = (find(Path::new(sysusers)), find(Path::new(tmpfiles)));
        if let ((Some(account), Some(root)), false) = (both, Path::new(SYSTEM_ROOT).exists()) {
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
