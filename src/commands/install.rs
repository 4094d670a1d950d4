//! `install`, and `adopt`: install for profiles whose gateways somebody started by hand, which asks first.

use std::ffi::OsStr;
use std::path::Path;

use anyhow::Result;

use super::confirm::{confirm_moves, confirm_restarts, confirm_stops, tell_inherited, tell_left};
use super::page::{entry, paragraph};
use super::prepare::{Prepared, prepare};
use super::proxies;
use super::tenants;
use super::typed::Verb;
use crate::cli::{AdoptArgs, InstallArgs};
use crate::commands::json;
use crate::deploy::interrupt::Hold;
use crate::deploy::lock::Lock;
use crate::deploy::serving::Served;
use crate::deploy::transaction::Outcome;
use crate::error::{Exit, refuse};
use crate::gateway::served::Server;
use crate::host::Host;
use crate::host::manager::reach_manager;
use crate::host::process_text::name;
use crate::layout::{Scope, host_command};
use crate::output::{self, Output};
use crate::preflight::Checked;
use crate::profile::ProfileName;

/// Install profiles.
pub(crate) fn install(args: &InstallArgs) -> Result<Exit> {
    run(args, Verb::Install)
}

/// Bring gateways that were started by hand under their profiles' units.
pub(crate) fn adopt(args: &AdoptArgs) -> Result<Exit> {
    run(&args.install, Verb::Adopt)
}

fn run(args: &InstallArgs, verb: Verb) -> Result<Exit> {
    let output = args.output.printer();
    let host = Host::new(args.scope.scope(), args.scope.root.as_deref())?;
    if verb == Verb::Adopt && host.live().is_none() {
        refuse!("nothing runs in an image, so there is nothing to adopt"; "leave out `--root`");
    }
    let _lock = Lock::take(&host, args.wait.limit())?;
    let ready = prepare(&host, args, verb, &output)?;
    let plan = &ready.transaction.plan;
    if !plan.conflicts().is_empty() && !output.json {
        output::print(plan.to_diff());
    }
    ready.transaction.refuse_conflicts()?;
    tell_inherited(&host, &ready.inherited, &output);
    for note in &ready.notes {
        output.warn(note);
    }
    if verb == Verb::Adopt && !confirm_stops(&ready, args.yes, &output)? {
        return Ok(Exit::Done);
    }
    let Prepared {
        checked,
        served,
        mut transaction,
        ..
    } = ready;
    let mut left = Vec::new();
    if let Some(live) = host.live() {
        confirm_moves(&host, live, &checked, &transaction, args.yes)?;
        let restarts = transaction.restarts(live)?;
        if !args.yes && !restarts.is_empty() && !output.json && !output.quiet {
            output::print(transaction.plan.to_diff());
        }
        left = confirm_restarts(&mut transaction, restarts, args.yes)?;
        transaction.linger |= reach_manager(&host, live, &output)?;
    }
    let alone: Vec<&Checked> = (checked.iter())
        .filter(|c| args.standalone && !c.creates && c.is_served(&host))
        .collect();
    let outcome = with_standalone(&host, &alone, &output, || transaction.commit())?;
    let servers = have_served(&host, &served, &output)?;
    // A profile that was made, or is served from now on, was told.
    let is_settled = outcome.files == 0 && !outcome.has_made_accounts;
    if is_settled && outcome.started.is_empty() && served.is_empty() && !output.json {
        output.done("everything is as it should be already; nothing was changed");
    }
    summary(&host, &checked, &outcome, &left, &output);
    if !args.output.quiet && !args.output.json {
        match host.live() {
            Some(_) => tell_served(host.scope, &served, &servers),
            None => tell_served_in_image(&served),
        }
    }
    tell_left(&host, &left, &output);
    Ok(if left.is_empty() {
        Exit::Done
    } else {
        Exit::Undecided
    })
}

/// Commit with these profiles set to have gateways of their own; where that fails, they are served as before.
fn with_standalone(
    host: &Host,
    alone: &[&Checked],
    output: &Output,
    commit: impl FnOnce() -> Result<Outcome>,
) -> Result<Outcome> {
    // One that is set, and whose unit never comes, would be served by nobody.
    let _hold = (!alone.is_empty()).then(|| Hold::begin(false));
    let mut set = Vec::new();
    let all = alone.iter().try_for_each(|one| {
        one.set_standalone(host)?;
        set.push(one);
        Ok(())
    });
    let done = all.and_then(|()| commit());
    for one in set {
        let profile = &one.instance.profile;
        let Err(_) = &done else {
            output.done(format!(
                "profile `{profile}` has a gateway of its own from now on: `gateway.standalone` is set"
            ));
            continue;
        };
        if let Err(e) = one.unset_standalone() {
            output.warn(format!(
                "`gateway.standalone` of `{profile}` stays set, so that nobody serves it: {e:#}"
            ));
        }
    }
    done
}

/// Whether it shares its account, as a line of the summary; empty where that goes without saying.
fn kind(host: &Host, installed: &Checked) -> String {
    tenants::told(host, installed)
        .map(|(kind, told)| entry(&format!("  {kind} "), &told))
        .unwrap_or_default()
}

/// Wait until each is served; who does.
fn have_served(host: &Host, served: &[Served], output: &Output) -> Result<Vec<Server>> {
    let Some(live) = host.live() else {
        return Ok(Vec::new());
    };
    let default: ProfileName = "default".parse()?;
    served
        .iter()
        .map(|profile| profile.wait(&live.manager(), &default.unit(), output))
        .collect()
}

fn tell_served(scope: Scope, served: &[Served], servers: &[Server]) {
    let flag = scope.flag();
    for (served, server) in served.iter().zip(servers) {
        let profile = &served.profile;
        let by = paragraph(&format!(
            "profile `{profile}` is served by the gateway of `{}`, {}",
            server.profile,
            name(&server.process),
        ));
        output::print(format_args!(
            "{by}  setup    hermes-install run{flag} {profile} -- gateway setup\n  \
             own one  hermes-install{flag} --profile {profile} --standalone\n  \
             undo     hermes-install run{flag} {profile} gateway stop\n",
        ));
    }
}

fn tell_served_in_image(served: &[Served]) {
    for Served { profile, .. } in served {
        output::print(format_args!(
            "profile `{profile}` has no unit of its own in the image: the gateway of `default` serves it\n"
        ));
    }
}

pub(super) fn summary(
    host: &Host,
    checked: &[Checked],
    outcome: &Outcome,
    left: &[String],
    output: &Output,
) {
    if output.json {
        tell_json(checked, outcome, left);
        return;
    }
    if output.quiet {
        return;
    }
    if let Some(backup) = &outcome.backup {
        output.done(format!("what was there before is in `/{backup}`"));
    }
    // At once: there may be a thousand.
    let all: String = checked.iter().map(|c| told(host, c)).collect();
    output::print(all);
    // The system's is in a directory of everybody's PATH.
    if host.live().is_some() && host.scope == Scope::User && outcome.files > 0 {
        let command = host.own.home.join(host_command(host.scope));
        let path = std::env::var_os("PATH").unwrap_or_default();
        let shell = std::env::var_os("SHELL").unwrap_or_default();
        output::print(not_found(&command, &path, &shell));
    }
    output::print(proxies::told(host, checked, outcome));
}

/// Of a command that a shell with this PATH does not find: an account has `~/.local/bin` there from the first login on at which
/// it is there (Debian's ~/.profile), which zsh and fish do not read. Empty where it is found, or is a package's.
fn not_found(command: &Path, path: &OsStr, shell: &OsStr) -> String {
    let name = command.file_name().unwrap_or_default();
    let is_found = std::env::split_paths(path)
        .any(|place| Some(&*place) == command.parent() || place.join(name).is_file());
    if is_found || !command.exists() {
        return String::new();
    }
    let (when, typed) = match Path::new(shell).file_name().and_then(OsStr::to_str) {
        Some("fish") => ("fish looks there after:", "fish_add_path ~/.local/bin"),
        Some("zsh") => (
            "zsh looks there after:",
            "echo 'PATH=~/.local/bin:$PATH' >> ~/.zshrc; . ~/.zshrc",
        ),
        _ => (
            "most shells look there from the next login on, this one after:",
            "PATH=~/.local/bin:$PATH",
        ),
    };
    let what = format!(
        "`{}` is not found by its name yet; {when}",
        command.display()
    );
    format!("{}    {typed}\n", paragraph(&what))
}

fn tell_json(checked: &[Checked], outcome: &Outcome, left: &[String]) {
    let installed = |c| {
        let c: &Checked = c;
        let unit = c.instance.profile.unit();
        let seconds = outcome.handed_over.get(&unit);
        json::InstalledProfile {
            stop_seconds: seconds.map(|(stop, _)| *stop),
            seconds_without_gateway: seconds.map(|(_, without)| *without),
            home: &c.home,
            tenant: c.instance.is_tenant(),
            started: outcome.started.get(&unit).copied(),
            enabled: c.enable,
            profile: &c.instance.profile,
            unit,
        }
    };
    output::json(&json::Installed {
        files_changed: outcome.files,
        profiles: checked.iter().map(installed).collect(),
        backup: outcome.backup.as_ref().map(|path| format!("/{path}")),
        to_restart: left,
    });
}

/// What is said of a profile that was installed.
fn told(host: &Host, c: &Checked) -> String {
    let unit = c.instance.profile.unit();
    let profile = &c.instance.profile;
    let at_boot = if c.enable {
        "starts at boot"
    } else {
        "does not start at boot"
    };
    if host.live().is_none() {
        let kind = kind(host, c);
        let in_image = format!("profile `{profile}` is in the image and {at_boot}");
        return paragraph(&in_image) + &kind;
    }
    let user = host.scope.flag();
    let journal = host.manager().journal_command(&unit);
    let now = if c.start { "runs" } else { "is installed" };
    let runs = format!("profile `{profile}` {now} as `{unit}` and {at_boot}");
    let commands = format!(
        "  state  hermes-install status{user}\n  \
         log    {journal} -f\n  \
         setup  hermes-install run{user} {profile} -- gateway setup\n  \
         undo   hermes-install uninstall{user} --profile {profile}\n{kind}",
        kind = kind(host, c),
    );
    paragraph(&runs) + &commands
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_the_shell_does_not_find_is_told_with_the_way_to_it() {
        let home = tempfile::tempdir().expect("a directory");
        let place = home.path().join(".local/bin");
        let command = place.join("hermes-install");
        let other = home.path().join("other");
        let of =
            |path: &Path, shell: &str| not_found(&command, path.as_os_str(), OsStr::new(shell));
        assert_eq!(of(&other, "/bin/bash"), "", "none");
        std::fs::create_dir_all(&place).expect("made");
        std::fs::write(&command, "").expect("written");
        let told = of(&other, "/bin/bash");
        assert!(told.ends_with("\n    PATH=~/.local/bin:$PATH\n"), "{told}");
        let fish = of(&other, "/usr/bin/fish");
        assert!(
            fish.ends_with("\n    fish_add_path ~/.local/bin\n"),
            "{fish}"
        );
        assert!(of(&other, "/bin/zsh").contains("~/.zshrc"));
        assert_eq!(of(&place, "/bin/bash"), "", "found");
        std::fs::create_dir(&other).expect("made");
        std::fs::write(other.join("hermes-install"), "").expect("written");
        assert_eq!(of(&other, "/bin/bash"), "", "found by its name");
    }
}
