//! What all profiles of an account on a hermes root have in common: the hermes that runs them, and what it needs outside of
//! the root. It is looked at once for all of them. Reads only.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::Result;

use crate::host::Host;
use crate::host::account::Account;
use crate::host::search::hermes_places;
use crate::launcher::hermes::{Executable, HermesProblem, find};
use crate::layout::Scope;
use crate::preflight::probe::test;
use crate::preflight::sandbox::{Leads, interpreter, is_private, leads, linked, writable};

/// See the module.
#[derive(Debug)]
pub(super) struct Site {
    /// The hermes executable.
    pub(super) hermes: Result<PathBuf, HermesProblem>,
    /// Where it was looked for.
    pub(super) places: Vec<PathBuf>,
    /// What the launcher would find by itself.
    pub(super) found_by_launcher: Option<PathBuf>,
    /// What it writes outside of the root.
    pub(super) writable: Vec<PathBuf>,
    /// Whether `ProtectHome=yes` hides something that it needs.
    pub(super) is_private: bool,
    leads: Leads,
}

impl Site {
    /// Where links of a profile lead out of the root.
    pub(super) fn linked(
        &self,
        host: &Host,
        account: &Account,
        root: &Path,
        home: &Path,
    ) -> Vec<PathBuf> {
        let own = (home != root).then(|| leads(host, account, root, home));
        linked(&self.leads, own.as_ref())
    }
}

/// An account by name, a root, and the hermes that was named.
type Key = (String, PathBuf, Option<PathBuf>);

/// Those of a run.
#[derive(Debug)]
pub(super) struct Sites<'a> {
    host: &'a Host,
    known: RefCell<HashMap<Key, Rc<Site>>>,
}

impl<'a> Sites<'a> {
    /// None is looked at yet.
    pub(super) fn new(host: &'a Host) -> Self {
        Self {
            host,
            known: RefCell::default(),
        }
    }

    /// That of an account and a root; the unit may write `own` anyway.
    pub(super) fn find(
        &self,
        account: &Account,
        root: &Path,
        own: &Path,
        named: Option<&Path>,
    ) -> Result<Rc<Site>> {
        let named = named.map(Path::to_owned);
        let key = (account.name.clone(), root.to_owned(), named);
        if let Some(known) = self.known.borrow().get(&key) {
            return Ok(Rc::clone(known));
        }
        let site = Rc::new(look(self.host, account, root, own, key.2.as_deref())?);
        self.known.borrow_mut().insert(key, Rc::clone(&site));
        Ok(site)
    }
}

fn look(
    host: &Host,
    account: &Account,
    root: &Path,
    own: &Path,
    named: Option<&Path>,
) -> Result<Site> {
    let (hermes, places) = find_hermes(host, named, account, root)?;
    let mut site = Site {
        found_by_launcher: places.iter().find(|p| host.exists(p)).cloned(),
        writable: Vec::new(),
        is_private: false,
        leads: leads(host, account, root, root),
        hermes,
        places,
    };
    if let (Scope::System, Ok(hermes)) = (host.scope, &site.hermes) {
        site.writable = writable(host, account, own, hermes);
        let interpreter = interpreter(host, hermes);
        let paths = [root, hermes, &interpreter, &account.home];
        site.is_private = paths.into_iter().any(|path| is_private(host, path));
    }
    Ok(site)
}

/// The hermes executable, and where it was looked for.
pub(super) fn find_hermes(
    host: &Host,
    named: Option<&Path>,
    account: &Account,
    root: &Path,
) -> Result<(Result<PathBuf, HermesProblem>, Vec<PathBuf>)> {
    let places = hermes_places(host, root, &account.home);
    let mut candidates = places.clone();
    if host.live().is_some() {
        // What the person who installs calls hermes; it is recorded, as the unit has another PATH.
        let path = std::env::var_os("PATH").unwrap_or_default();
        candidates.extend(std::env::split_paths(&path).map(|dir| dir.join("hermes")));
    }
    Ok((look_for(host, named, account, &candidates)?, places))
}

/// The hermes executable: as named, or the first of these places that the account can run.
pub(super) fn look_for(
    host: &Host,
    named: Option<&Path>,
    account: &Account,
    places: &[PathBuf],
) -> Result<Result<PathBuf, HermesProblem>> {
    let failed = RefCell::new(None);
    let look = |path: &Path| {
        if !host.exists(path) {
            return Executable::Missing;
        }
        match host.live().map(|_| test(account, &["-x"], path)) {
            _ if !host.is_file(path) => Executable::Denied,
            None | Some(Ok(true)) => Executable::Runs,
            Some(Ok(false)) => Executable::Denied,
            Some(Err(e)) => {
                failed.replace(Some(e));
                Executable::Denied
            }
        }
    };
    let found = find(named, places, &look);
    failed.into_inner().map_or(Ok(found), Err)
}
