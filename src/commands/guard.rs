//! `guard`: drop-ins that wait for units which hermes itself writes, and make them safe from their first start;
//! `--remove` takes them away, a package's too.

use anyhow::Result;

use super::uninstall::reduce;
use crate::cli::GuardArgs;
use crate::commands::json;
use crate::deploy::desired::guards_of_others;
use crate::deploy::lock::Lock;
use crate::deploy::pipeline::{Policy, plan_for};
use crate::deploy::receipt::{Receipt, read_receipt};
use crate::error::{Exit, refuse};
use crate::host::Host;
use crate::host::access::{Closed, open_command};
use crate::host::declared::refuse_declared;
use crate::host::process::shell_quote;
use crate::layout::Scope;
use crate::output::{self, Output};
use crate::units::inventory::Inventory;
use crate::units::readable::told;
use crate::units::unit::Unit;

/// Whether a host has a guard after a run about profiles: as the configuration says, as an earlier run was told, or because
/// everybody has. It is not placed over a unit whose account cannot read it. What a person is to know of such units.
pub(super) fn is_wanted(
    host: &Host,
    configured: Option<bool>,
    receipt: &Receipt,
    closed: Option<ClosedUnits>,
) -> (Option<bool>, Option<String>) {
    let is_wanted = configured.or(receipt.guard).unwrap_or(true);
    match closed.filter(|_| is_wanted) {
        None => (Some(is_wanted), None),
        Some(closed) if is_placed(host, receipt) => (Some(true), Some(closed.warning())),
        Some(closed) => (receipt.guard, Some(closed.note())),
    }
}

fn is_placed(host: &Host, receipt: &Receipt) -> bool {
    let is_of_others = || !guards_of_others(host).is_empty();
    receipt.guard.unwrap_or_else(is_of_others)
}

/// Units of the system's manager that the guard is for, and whose accounts cannot read their files: the launcher could
/// not tell what they run.
pub(super) struct ClosedUnits {
    /// A sentence about them.
    what: String,
    /// The command that opens the files.
    open: String,
    /// The command that places the guard.
    place: String,
}

impl ClosedUnits {
    /// All of the host's scope. A user's manager has none, and is not looked at.
    pub(super) fn of_host(host: &Host) -> Option<Self> {
        if host.scope == Scope::User {
            return None;
        }
        Self::find(host, &Inventory::of_own_manager(host), |_| false)
    }

    /// Those of the host's scope, but for some; `None` when there are none.
    pub(super) fn find(
        host: &Host,
        inventory: &Inventory,
        is_other: impl Fn(&Unit) -> bool,
    ) -> Option<Self> {
        if host.scope == Scope::User {
            return None;
        }
        let units = inventory.units.iter();
        let units = units.filter(|unit| unit.is_for_guard(host) && !is_other(unit));
        let closed: Vec<_> = units
            .filter_map(|unit| Some((unit.title(), unit.closed(host)?)))
            .collect();
        if closed.is_empty() {
            return None;
        }
        let what: Vec<String> = closed
            .iter()
            .map(|(unit, closed)| format!("{unit} {}", told(closed)))
            .collect();
        // The command works where it is printed: in an image the files are somewhere else.
        let mut paths: Vec<Closed> = closed.into_iter().flat_map(|(_, (_, c))| c).collect();
        let mut place = "hermes-install guard".to_owned();
        if host.live().is_none() {
            for closed in &mut paths {
                closed.path = host.at(&closed.path);
            }
            let root = host.root.display().to_string();
            place += &format!(" --root {}", shell_quote(&[root]));
        }
        Some(Self {
            what: what.join("; "),
            open: open_command(paths.iter()),
            place,
        })
    }

    /// Under a guard that is there.
    fn warning(&self) -> String {
        format!(
            "{}: it is under the guard, and the launcher cannot tell what it runs at its next start; to open it: `{}`",
            self.what, self.open
        )
    }

    /// Why there is no guard, and how there is one.
    fn note(&self) -> String {
        format!("{}; {}", self.reason(), self.way_out())
    }

    fn reason(&self) -> String {
        format!(
            "{}: the launcher could not tell what it runs, so the guard is not placed",
            self.what
        )
    }

    fn way_out(&self) -> String {
        format!("to have it placed: `{}`, then `{}`", self.open, self.place)
    }
}

/// Put the guard up, or take it away.
pub(crate) fn guard(args: &GuardArgs) -> Result<Exit> {
    let output = args.output.printer();
    let host = Host::new(args.scope.scope(), args.scope.root.as_deref())?;
    refuse_declared(&host)?;
    let _lock = Lock::take(&host, args.wait.limit())?;
    let receipt = read_receipt(&host)?;
    if !args.remove {
        match ClosedUnits::of_host(&host) {
            Some(closed) if is_placed(&host, &receipt) => output.warn(closed.warning()),
            Some(closed) => refuse!("{}", closed.reason(); "{}", closed.way_out()),
            None => {}
        }
    }
    let mut contents = receipt.contents();
    // Nothing is to be recorded where it is so already: no guard, or that of a package.
    let is_of_others = !guards_of_others(&host).is_empty();
    let is_so = contents.has_no_units() && args.remove != is_of_others;
    contents.guard = (!is_so).then_some(!args.remove);
    if contents.is_empty() && receipt.is_empty() {
        // No manager needs to be asked for that.
        return Ok(tell(args, &host, 0, &output));
    }
    if contents.is_empty() {
        let removed = reduce(&host, &output, receipt, contents, &[])?;
        return Ok(tell(args, &host, removed, &output));
    }
    let policy = Policy {
        force: args.force,
        ..Policy::default()
    };
    let transaction = plan_for(&host, &output, receipt, contents, &policy)?;
    if !transaction.plan.conflicts().is_empty() && !output.json {
        output::print(transaction.plan.to_diff());
    }
    transaction.refuse_conflicts()?;
    let outcome = transaction.commit()?;
    Ok(tell(args, &host, outcome.files, &output))
}

fn tell(args: &GuardArgs, host: &Host, files: usize, output: &Output) -> Exit {
    if output.json {
        output::json(&json::Guarding {
            files_changed: files,
            guard: !args.remove,
        });
        return Exit::Done;
    }
    let scope = host.scope.name();
    output.done(match (args.remove, files) {
        (false, 0) => format!("the {scope} scope is guarded already; nothing was changed"),
        (true, 0) => format!("the {scope} scope is not guarded; nothing was changed"),
        (false, _) => {
            let whose = match host.scope {
                Scope::System => "for the system's manager and for every user's",
                Scope::User => "for your manager",
            };
            format!(
                "units that `hermes gateway install` writes {whose} are guarded from their next start on"
            )
        }
        (true, _) => format!(
            "the {scope} scope is not guarded any more; gateways run on, under their units' own rules"
        ),
    });
    Exit::Done
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_guard_is_not_placed_over_a_unit_whose_account_cannot_read_it() {
        let top = tempfile::tempdir().expect("a directory");
        let units = top.path().join("etc/systemd/system");
        fs::create_dir_all(&units).expect("made");
        for path in ["etc", "etc/systemd", "etc/systemd/system"] {
            let rights = fs::Permissions::from_mode(0o755);
            fs::set_permissions(top.path().join(path), rights).expect("set");
        }
        let other = 1 + nix::unistd::geteuid().as_raw();
        let passwd = format!("alice:x:{other}:{other}::/home/alice:/bin/sh\n");
        fs::write(top.path().join("etc/passwd"), passwd).expect("written");
        let unit = units.join("hermes-gateway-work.service");
        fs::write(&unit, "[Service]\nUser=alice\nExecStart=/opt/hermes\n").expect("written");
        let decided = |mode: u32, configured: Option<bool>, guard: Option<bool>| {
            fs::set_permissions(&unit, fs::Permissions::from_mode(mode)).expect("set");
            let host = Host::observer(Scope::System, Some(top.path())).expect("a host");
            let mut receipt = Receipt::empty(0);
            receipt.guard = guard;
            let inventory = Inventory::of_own_manager(&host);
            let closed = ClosedUnits::find(&host, &inventory, |_| false);
            assert!(ClosedUnits::find(&host, &inventory, |_| true).is_none());
            is_wanted(&host, configured, &receipt, closed)
        };
        let (any, none) = (None, Some(false));
        assert_eq!(decided(0o644, any, None), (Some(true), None));
        assert_eq!(decided(0o640, none, None), (Some(false), None));
        assert_eq!(decided(0o640, any, Some(false)), (Some(false), None));
        let root = top.path().canonicalize().expect("there");
        let root = root.display();
        let open = format!("`chmod a+r {root}/etc/systemd/system/hermes-gateway-work.service`");
        let (guard, told) = decided(0o640, any, None);
        let told = told.expect("a note");
        assert_eq!(guard, None, "it is placed by a later run: {told}");
        let place = format!("to have it placed: {open}, then `hermes-install guard --root {root}`");
        assert!(told.ends_with(&place), "{told}");
        let (guard, told) = decided(0o640, any, Some(true));
        assert_eq!(guard, Some(true));
        let told = told.expect("a warning");
        assert!(told.ends_with(&format!("to open it: {open}")), "{told}");
        let mask = units.join("hermes-gateway-work.service.d");
        fs::create_dir(&mask).expect("made");
        std::os::unix::fs::symlink("/dev/null", mask.join(crate::layout::GUARD)).expect("made");
        assert_eq!(decided(0o640, any, None), (Some(true), None), "masked");
    }
}
