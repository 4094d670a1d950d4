//! From settings and what a host says of them to an instance, or to everything that is in its way. Pure.

use std::path::{Path, PathBuf};

use crate::gateway::version::Version;
use crate::host::account::Account;
use crate::host::ownership::{giving, giving_of};
use crate::host::process::shell_quote;
use crate::host::process_text::as_account;
use crate::host::search::install_command;
use crate::launcher::hermes::HermesProblem;
use crate::launcher::home::HomeProblem;
use crate::layout::{ACCOUNT, Scope};
use crate::preflight::probe::Probe;
use crate::preflight::values;
use crate::profile::ProfileName;
use crate::render::instance::Instance;
use crate::render::model::{self};
use crate::settings::Settings;

/// A profile that may be installed.
#[derive(Debug, Clone)]
pub(crate) struct Checked {
    /// Its settings, resolved.
    pub(crate) instance: Instance,
    /// Its profile home.
    pub(crate) home: PathBuf,
    /// The hermes root.
    pub(crate) root: PathBuf,
    /// The account that it runs as.
    pub(crate) account: Account,
    /// The hermes executable.
    pub(crate) hermes: PathBuf,
    /// The version of that hermes; `None` for an image, and where hermes does not tell.
    pub(crate) version: Option<Version>,
    /// Whether hermes is to create the profile before.
    pub(crate) creates: bool,
    /// Whether it has a gateway of its own beside one that serves all, by its configuration.
    pub(crate) is_standalone: bool,
    /// Whether the gateway of its root serves all, by its configuration.
    pub(crate) is_multiplexed: bool,
    /// Whether it is to start at boot.
    pub(crate) enable: bool,
    /// Whether it is to run now.
    pub(crate) start: bool,
}

/// The instance; or all that is in its way, each as a line with its way out.
pub(super) fn decide(
    profile: &ProfileName,
    settings: &Settings,
    probe: &Probe,
) -> Result<Checked, String> {
    let mut problems = values::problems(settings);
    if let Err(problem) = &probe.home_problem {
        problems.push(no_home(problem, profile, probe));
    }
    if let Err(problem) = &probe.hermes {
        problems.push(no_hermes(
            *problem,
            settings.hermes.as_deref(),
            &probe.places,
            probe.scope,
            &probe.account,
            &probe.root,
        ));
        if *problem == HermesProblem::Nowhere && profile.is_tenant(&probe.root) {
            problems.push(format!(
                "a tenant has a hermes of its own, or one of root's; `hermes-install --profile {profile} --shared --create` \
                 has it use the account and the hermes of other profiles"
            ));
        }
    }
    problems.extend(probe.unreadable.iter().map(|file| {
        format!(
            "{} `{}` cannot be used: {}; {}; {}, or take it out where it was set: {}",
            file.what,
            file.path.display(),
            file.why,
            file.effect,
            file.way_out,
            file.set_by
        )
    }));
    match &probe.hermes {
        Ok(hermes) if problems.is_empty() => Ok(Checked {
            instance: instance(profile, settings, probe, hermes),
            home: probe.home.clone(),
            root: probe.root.clone(),
            account: probe.account.clone(),
            hermes: hermes.clone(),
            version: probe.version,
            creates: probe.creates,
            is_standalone: probe.is_standalone,
            is_multiplexed: probe.is_multiplexed,
            enable: settings.enable.unwrap_or(true),
            start: settings.start.unwrap_or(true),
        }),
        _ => Err(problems.join("\n")),
    }
}

fn instance(
    profile: &ProfileName,
    settings: &Settings,
    probe: &Probe,
    hermes: &PathBuf,
) -> Instance {
    let mut instance = Instance::plain(profile.clone(), probe.scope);
    let run_as = settings.run_as.as_deref();
    let is_other = run_as.is_some_and(|name| name != ACCOUNT) || settings.group.is_some();
    if probe.scope == Scope::System && is_other {
        let group = settings.group.as_ref().unwrap_or(&probe.account.group);
        instance.account = Some(model::Account {
            user: probe.account.name.clone(),
            group: group.clone(),
        });
    }
    instance.root = Some(probe.root.clone()).filter(|root| *root != probe.default_root);
    // What the launcher finds by itself needs no setting, and then follows a later change of place.
    let is_found = settings.hermes.is_none() && probe.found_by_launcher.as_ref() == Some(hermes);
    instance.hermes = (!is_found).then(|| hermes.clone());
    settings.apply(&mut instance);
    instance.gateway_drain = probe.gateway_drain;
    instance.hermes_version = probe.version.map(|v| v.to_string());
    let chosen = std::mem::take(&mut instance.read_write_paths);
    if probe.scope == Scope::System {
        instance.home_access = probe.needs_home_access;
        instance.mounts.clone_from(&probe.mounts);
        instance.read_write_paths.clone_from(&probe.writable);
        instance.read_write_paths.extend(chosen);
    }
    instance
}

/// Why a home cannot be used, and the way out.
fn no_home(problem: &HomeProblem, profile: &ProfileName, probe: &Probe) -> String {
    let (name, home) = (&probe.account.name, probe.home.display());
    let by = &probe.by;
    // Paths may be those of another account's unit.
    let typed = |path: &Path| shell_quote(&[path.to_string_lossy()]);
    let hermes = typed(probe.hermes.as_deref().unwrap_or(Path::new("hermes")));
    let hermes = match probe.scope {
        Scope::User => hermes,
        Scope::System => {
            let root = shell_quote(&[format!("HERMES_HOME={}", probe.root.display())]);
            as_account(name, &format!("env {root} {hermes}"))
        }
    };
    let account = match (probe.scope, probe.account.exists) {
        (Scope::System, false) => "`hermes-install --profile default`, then ",
        _ => "",
    };
    // Who says `o+x` or `--run-as` of what nobody has, says what does not help.
    if let (Some(uid), HomeProblem::Unsearchable { .. } | HomeProblem::Unusable { .. }) =
        (probe.by_nobody, problem)
    {
        let place = match problem {
            HomeProblem::Unsearchable { directory, .. } => directory,
            _ => &probe.home,
        };
        return format!(
            "profile home `{home}` cannot be used by `{name}`: `{}` belongs to UID {uid}, which no account has here, as after \
             a move from another machine; to give what is of that UID to `{name}`: `{}`",
            place.display(),
            giving_of(uid, name, place)
        );
    }
    match problem {
        HomeProblem::NotMounted(place) if *place == probe.home => format!(
            "profile home `{home}` is an empty directory of root's: mount its disk first (see `findmnt`); if none belongs \
             there, `{}`, or name another root with `--home`",
            giving(name, &probe.home, None)
        ),
        HomeProblem::NotMounted(place) => format!(
            "profile home `{home}` does not exist and `{}` is empty: mount its disk first (see `findmnt` and `systemctl \
             list-units --type=mount --all`); if none belongs there, create it as `{name}` with {account}`{hermes} setup`, or \
             name another root with `--home`",
            place.display()
        ),
        HomeProblem::Missing if probe.home == probe.root && probe.scope == Scope::User => format!(
            "hermes root `{home}` does not exist; `--create` makes an empty one, and `{hermes} setup` one that is set up; or name \
             another with `--home`"
        ),
        HomeProblem::Missing if probe.home == probe.root => format!(
            "hermes root `{home}` does not exist; create it as `{name}` with {account}`{hermes} setup`, or name another with \
             `--home`"
        ),
        HomeProblem::Missing => {
            let others: Vec<&str> = probe.profiles.iter().map(ProfileName::as_str).collect();
            let others = match others.as_slice() {
                [] => String::new(),
                names => format!(" (there is: {})", names.join(", ")),
            };
            format!(
                "profile `{profile}` does not exist: there is no `{home}`{others}\n  `--home` names another root; `--create` has \
                 hermes create it, with\n    {hermes} profile create {profile}"
            )
        }
        HomeProblem::NoDirectory => format!(
            "profile home `{home}` is not a directory; move it away, or name another root with `--home`"
        ),
        HomeProblem::Unseen(why) => format!("profile home `{home}` cannot be examined: {why}"),
        HomeProblem::Unsearchable { directory, .. } => format!(
            "profile home `{home}` cannot be reached by `{name}`: `{}` may not be searched; `chmod o+x {}`, or keep the \
             profile elsewhere with `--home`",
            directory.display(),
            typed(directory)
        ),
        HomeProblem::Unusable { .. } if by == name => format!(
            "profile home `{home}` cannot be read and written by `{name}`, whose it is: `{}`",
            probe.way_out
        ),
        HomeProblem::Unusable { .. } if by == "root" => format!(
            "profile home `{home}` belongs to `root` and cannot be read and written by `{name}`; to give it away: `{}`",
            giving(name, &probe.home, None)
        ),
        HomeProblem::Unusable { .. } => {
            format!(
                "profile home `{home}` belongs to `{by}` and cannot be read and written by `{name}`; run the gateway as \
                 its owner with `--run-as {by}`, or give it away: `{}`",
                giving(name, &probe.home, None)
            )
        }
        HomeProblem::Lock { path, .. } => {
            format!(
                "`{}` belongs to `{by}` and `{name}` cannot use it: a gateway of `{by}` ran on this profile; when it \
                 has ended, `{}`",
                path.display(),
                probe.way_out
            )
        }
        HomeProblem::Env { path, .. } => format!(
            "`{}` belongs to `{by}` and `{name}` cannot read it; look into it, and give it away: `{}`",
            path.display(),
            probe.way_out
        ),
    }
}

/// Why there is no hermes executable, and the way out.
pub(super) fn no_hermes(
    problem: HermesProblem,
    named: Option<&Path>,
    places: &[PathBuf],
    scope: Scope,
    account: &Account,
    root: &Path,
) -> String {
    let shown = named.unwrap_or(Path::new("")).display();
    match problem {
        HermesProblem::Relative => format!("`--hermes {shown}` is not an absolute path"),
        HermesProblem::OtherName => format!(
            "`--hermes {shown}` is not called `hermes`: other gateways recognise a gateway by its command name, and under this \
             one they would start a second; make a link called `hermes` to it, or name the original"
        ),
        HermesProblem::Missing => {
            format!("`--hermes {shown}` does not exist; name the hermes executable of hermes-agent")
        }
        HermesProblem::Denied => format!(
            "`--hermes {shown}` cannot be executed by `{}`; put hermes where that account can run it, such as a virtual \
             environment under /opt",
            account.name
        ),
        HermesProblem::Nowhere => {
            let places = places.iter().map(|p| format!("\n    {}", p.display()));
            let list: String = places.collect();
            let as_account = (scope == Scope::System).then_some((&*account.name, &*account.home));
            let make = if account.exists {
                String::new()
            } else {
                account_command(account) + " && "
            };
            format!(
                "no hermes executable that `{}` can run, on PATH or in one of these places:{list}\n  `--hermes PATH` names \
                 another one; to install one with hermes' own installer:\n    {make}{}",
                account.name,
                install_command(as_account, root)
            )
        }
    }
}

/// The command that makes an account before hermes-install does, as the files of its unit declare it.
fn account_command(account: &Account) -> String {
    let home = account.home.display().to_string();
    shell_quote(&[
        "useradd",
        "--system",
        "--create-home",
        "--key",
        "HOME_MODE=0700",
        "--home-dir",
        &home,
        "--shell",
        "/usr/sbin/nologin",
        &account.name,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A profile of the default account whose hermes the launcher finds by itself.
    fn probe() -> Probe {
        let hermes = PathBuf::from("/opt/hermes/bin/hermes");
        Probe {
            scope: Scope::System,
            account: Account::future(ACCOUNT, Path::new("/var/lib/hermes")),
            default_root: "/var/lib/hermes".into(),
            root: "/var/lib/hermes".into(),
            home: "/var/lib/hermes/profiles/coder".into(),
            home_problem: Ok(()),
            creates: false,
            by: String::new(),
            by_nobody: None,
            way_out: String::new(),
            profiles: vec!["default".parse().expect("a name")],
            hermes: Ok(hermes.clone()),
            places: vec![hermes.clone()],
            found_by_launcher: Some(hermes),
            version: None,
            unreadable: Vec::new(),
            gateway_drain: 60,
            is_standalone: false,
            is_multiplexed: false,
            writable: Vec::new(),
            mounts: Vec::new(),
            needs_home_access: false,
        }
    }

    fn decided(settings: &Settings, probe: &Probe) -> Result<Instance, String> {
        let coder = "coder".parse().expect("a name");
        decide(&coder, settings, probe).map(|checked| checked.instance)
    }

    #[test]
    fn what_equals_the_template_is_no_setting() {
        let instance = decided(&Settings::default(), &probe()).expect("decided");
        let mut plain = Instance::plain("coder".parse().expect("a name"), Scope::System);
        plain.gateway_drain = 60;
        assert_eq!(instance, plain);
        let named = Settings {
            hermes: Some("/opt/hermes/bin/hermes".into()),
            ..Settings::default()
        };
        let instance = decided(&named, &probe()).expect("decided");
        assert_eq!(instance.hermes, named.hermes, "what was named is kept");
    }

    #[test]
    fn another_account_has_its_own_group_unless_one_is_set() {
        let mut probe = probe();
        probe.account.name = "alice".to_owned();
        probe.account.group = "users".to_owned();
        let mut settings = Settings {
            run_as: Some("alice".to_owned()),
            ..Settings::default()
        };
        let account = |settings: &Settings| {
            let account = decided(settings, &probe).expect("decided").account;
            account.map(|a| (a.user, a.group))
        };
        let pair = |user: &str, group: &str| Some((user.to_owned(), group.to_owned()));
        assert_eq!(account(&settings), pair("alice", "users"));
        settings.group = Some("bots".to_owned());
        assert_eq!(account(&settings), pair("alice", "bots"));
    }

    #[test]
    fn everything_that_is_missing_is_told_at_once() {
        let mut probe = probe();
        probe.home_problem = Err(HomeProblem::Missing);
        probe.hermes = Err(HermesProblem::Nowhere);
        probe
            .unreadable
            .push(crate::preflight::unreadable::Unreadable {
                what: "environment file",
                set_by: "`--environment-file`".to_owned(),
                effect: "the gateway would not start without it",
                path: "/etc/bot.env".into(),
                why: "No such file".to_owned(),
                way_out: "create it",
            });
        let told = decided(&Settings::default(), &probe).expect_err("refused");
        for part in [
            "profile `coder` does not exist: there is no `/var/lib/hermes/profiles/coder` (there is: default)",
            "no hermes executable that `hermes` can run, on PATH or in one of these places:\n    /opt/hermes/bin/hermes\n",
            "environment file `/etc/bot.env` cannot be used: No such file; the gateway would not start without it; create it, or take it out \
             where it was set: `--environment-file`",
        ] {
            assert!(told.contains(part), "{part}: {told}");
        }
        assert_eq!(
            told.lines().filter(|line| !line.starts_with(' ')).count(),
            3,
            "{told}"
        );
    }

    #[test]
    fn a_home_of_another_account_names_both_ways_out() {
        let mut probe = probe();
        probe.home_problem = Err(HomeProblem::Unusable {
            owner: 1000,
            errno: nix::errno::Errno::EACCES,
        });
        probe.by = "alice".to_owned();
        let told = decided(&Settings::default(), &probe).expect_err("refused");
        for part in [
            "belongs to `alice`",
            "chown -Rh hermes .",
            "`--run-as alice`",
        ] {
            assert!(told.contains(part), "{part}: {told}");
        }
    }

    #[test]
    fn what_belongs_to_nobody_is_given_and_not_opened() {
        let closed = HomeProblem::Unsearchable {
            directory: "/var/lib/hermes".into(),
            owner: 1207,
        };
        let foreign = HomeProblem::Unusable {
            owner: 1207,
            errno: nix::errno::Errno::EACCES,
        };
        let home = "/var/lib/hermes/profiles/coder";
        for (problem, place) in [(closed.clone(), "/var/lib/hermes"), (foreign, home)] {
            let mut probe = probe();
            probe.home_problem = Err(problem);
            probe.by = "1207".to_owned();
            probe.by_nobody = Some(1207);
            let told = decided(&Settings::default(), &probe).expect_err("refused");
            let give = format!("`cd {place} && test");
            for part in ["UID 1207", &give, "chown -Rh --from=1207 hermes .`"] {
                assert!(told.contains(part), "{part}: {told}");
            }
            for part in ["chmod", "--run-as"] {
                assert!(!told.contains(part), "{part}: {told}");
            }
        }
        let mut probe = probe();
        probe.home_problem = Err(closed);
        let told = decided(&Settings::default(), &probe).expect_err("refused");
        assert!(told.contains("`chmod o+x /var/lib/hermes`"), "{told}");
    }
}
