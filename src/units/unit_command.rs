//! The commands of systemctl that a person types to do something with a unit, such that they work where they are printed.

use crate::host::process::shell_quote;
use crate::host::process_text::as_account;
use crate::host::systemctl::Manager;
use crate::units::unit::Unit;

impl Unit {
    /// The command that keeps it from running for good: what starts it is disabled, be it a timer.
    pub(crate) fn disable_command(&self) -> String {
        let verb = match self.is_transient {
            true => "stop",
            false => "disable --now",
        };
        match self.activators.as_slice() {
            [] => self.command(verb),
            list => self.command_on(verb, list),
        }
    }

    /// The command that does this with it.
    pub(crate) fn command(&self, verb: &str) -> String {
        self.command_on(verb, std::slice::from_ref(&self.name))
    }

    /// The command that says why it cannot be loaded.
    pub(crate) fn verify_command(&self) -> String {
        let name = shell_quote(std::slice::from_ref(&self.name));
        let of_user = format!("systemd-analyze --user verify {name}");
        match &self.manager {
            Manager::System => format!("systemd-analyze verify {name}"),
            Manager::User => of_user,
            Manager::UserOf(account) => self.beside_manager(account, &of_user),
        }
    }

    /// A command that finds another account's manager by its runtime directory.
    fn beside_manager(&self, account: &str, command: &str) -> String {
        let uid = self.manager_account.uid;
        as_account(
            account,
            &format!("env XDG_RUNTIME_DIR=/run/user/{uid} {command}"),
        )
    }

    /// A command of hermes-install for its manager, made with the flag that names the scope.
    pub(crate) fn installer_command(&self, command: impl FnOnce(&str) -> String) -> String {
        match &self.manager {
            Manager::System => command("--system"),
            Manager::User => command("--user"),
            Manager::UserOf(account) => as_account(account, &command("--user")),
        }
    }

    fn command_on(&self, verb: &str, names: &[String]) -> String {
        let names = shell_quote(names);
        let usual = || format!("{} {verb} {names}", self.manager.command_prefix());
        let Manager::UserOf(account) = &self.manager else {
            return usual();
        };
        let uid = self.manager_account.uid;
        match verb {
            // systemctl: "Cannot edit units remotely", which `-M` is to it (252).
            "edit" | "edit --full" | "cat" => {
                let command = format!("systemctl --user {verb} {names}");
                let start = match self.has_manager {
                    true => String::new(),
                    false => format!("systemctl start user@{uid}.service && "),
                };
                start + &self.beside_manager(account, &command)
            }
            // Links are all that this is about where no manager runs. `-M` would start one (252), and with it what is enabled.
            "disable --now" | "mask --now" | "unmask" if !self.has_manager => {
                let verb = verb.trim_end_matches(" --now");
                let command = format!("env SYSTEMD_OFFLINE=1 systemctl --user {verb} {names}");
                as_account(account, &command)
            }
            _ => usual(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::host::Host;
    use crate::host::account::Account;
    use crate::layout::Scope;
    use crate::units::load_path::load_path;

    /// A unit of the system, read from an image.
    fn unit(file: &str, text: &str, name: &str) -> Unit {
        let top = tempfile::tempdir().expect("a directory");
        let file = top.path().join(file);
        fs::create_dir_all(file.parent().expect("above")).expect("made");
        fs::write(&file, text).expect("written");
        fs::write(
            file.with_extension("service"),
            "[Service]\nExecStart=hermes gateway run\n",
        )
        .expect("written");
        let host = Host::observer(Scope::System, Some(top.path())).expect("a host");
        let load_path = load_path(&host);
        Unit::read(&host, &load_path, &load_path.list(), name, None)
    }

    #[test]
    fn a_unit_of_another_s_manager_is_changed_by_what_works_there() {
        let mut unit = unit("etc/systemd/system/a.service", "", "a.service");
        assert_eq!(unit.disable_command(), "systemctl disable --now a.service");
        unit.manager = Manager::UserOf("bot".to_owned());
        unit.manager_account = Account {
            uid: 998,
            ..unit.manager_account
        };
        assert_eq!(
            unit.command("stop"),
            "systemctl --user -M bot@ stop a.service"
        );
        assert_eq!(
            unit.verify_command(),
            "runuser --pty -u bot -- env XDG_RUNTIME_DIR=/run/user/998 systemd-analyze --user verify a.service"
        );
        assert_eq!(
            unit.disable_command(),
            "systemctl --user -M bot@ disable --now a.service"
        );
        let edit = "runuser --pty -u bot -- env XDG_RUNTIME_DIR=/run/user/998 systemctl --user edit a.service";
        assert_eq!(unit.command("edit"), edit);
        unit.has_manager = false;
        assert_eq!(
            unit.disable_command(),
            "runuser --pty -u bot -- env SYSTEMD_OFFLINE=1 systemctl --user disable a.service"
        );
        assert_eq!(
            unit.command("edit"),
            format!("systemctl start user@998.service && {edit}")
        );
    }

    #[test]
    fn what_systemd_run_made_is_stopped_and_its_timer_keeps_it() {
        let run = "run/systemd/transient/run-u1.service";
        let mut alone = unit(run, "", "run-u1.service");
        alone.loaded = Some(crate::host::service_state::ServiceState {
            active_state: "active".to_owned(),
            ..Default::default()
        });
        assert!(alone.how().is_some() && alone.stays().is_none());
        assert_eq!(alone.disable_command(), "systemctl stop run-u1.service");
        let timed = unit("run/systemd/transient/run-u1.timer", "", "run-u1.service");
        assert!(timed.stays().is_some(), "its timer starts another gateway");
        assert_eq!(timed.disable_command(), "systemctl stop run-u1.timer");
        let known = unit("etc/systemd/system/bot.timer", "", "bot.service");
        assert_eq!(known.stays(), None, "nobody enabled this timer");
    }
}
