//! `run`: hermes for a profile, as its account, with its root, its variables and its files of variables and credentials.
//! systemd reads those as it does for the unit, and gives the program a terminal of its own.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::given::Given;
use super::target::live;
use crate::cli::RunArgs;
use crate::deploy::receipt::read_receipt;
use crate::error::{Exit, trouble};
use crate::gateway::libraries::{TARGET, library_target, may_load};
use crate::gateway::search_path::Owner;
use crate::gateway::served::{Service, service};
use crate::host::Host;
use crate::host::access::Access;
use crate::host::account::Account;
use crate::host::manager::search_path;
use crate::host::process::shell_quote;
use crate::host::search::{hermes_search, install_command};
use crate::host::session::user_session;
use crate::host::systemctl::literal;
use crate::layout::{ACCOUNT, Scope};
use crate::profile::ProfileName;
use crate::render::instance::Instance;
use crate::units::secret::is_secret;
use crate::units::unit::find_account;

/// Become systemd-run.
pub(crate) fn run(args: &RunArgs) -> Result<Exit> {
    let host = Host::new(args.scope.scope(), args.scope.root.as_deref())?;
    let live = live(&host, "hermes-install run")?;
    let receipt = read_receipt(&host)?;
    let mut installed = receipt.instances.into_iter();
    let recorded = installed.find(|i| i.profile == args.profile);
    let recorded = recorded.map(Given::of_instance);
    let found = Given::by_unit(&host, &args.profile).or(recorded);
    let has_unit = found.is_some();
    let plain = || Given::of_instance(Instance::plain(args.profile.clone(), host.scope));
    let given = found.unwrap_or_else(plain);
    let account = account(&host, &given)?;
    let root = given.root.clone().unwrap_or_else(|| host.default_root());
    let hermes = hermes(&host, &args.profile, &given, &account, &root)?;
    let access = Access::new(&host, &account);
    let may_write = |path: &Path| access.may_work_in(path);
    let target = library_target(&hermes, &root, &|path| host.real(path), may_write);
    let target = target.filter(|target| may_load(&host.real(target), account.uid));
    let base = match given.environment.get("PATH") {
        Some(path) => path.clone(),
        None => search_path(&live.manager()),
    };
    let owner = Owner {
        hermes: &hermes,
        root: &root,
        home: &args.profile.home(&root),
        user_home: Some(&account.home),
    };
    let path = owner.search_path(account.uid, base.as_ref());
    let call = Call {
        scope: host.scope,
        account: &account,
        root: &root,
        hermes: &hermes,
        target,
        path: path.to_string_lossy().into_owned(),
    };
    let words = call.words(&args.profile, &given, &args.words);
    let printer = args.output.printer();
    printer.command(shell_quote(&words));
    if offers_a_unit(&args.words) {
        // The gateway that reads what hermes writes here.
        let reader = match service(&root, &args.profile) {
            _ if has_unit => Some(args.profile.clone()),
            Ok(Service::By(server)) => Some(server.profile),
            _ => None,
        };
        if let Some(reader) = reader {
            printer.step(format!(
                "when hermes asks whether to start the gateway, answer n; after it: `hermes-install restart{} {reader}`",
                host.scope.flag()
            ));
        }
    }
    let secrets = given.environment.iter().filter(|(n, v)| is_secret(n, v));
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).envs(secrets);
    if host.scope == Scope::User {
        user_session(&mut command);
    }
    let error = command.exec();
    Err(error).with_context(|| format!("`{}` could not be run", words[0]))
}

/// Whether this command of hermes ends with the offer to install a unit of its own, and start the gateway by that.
fn offers_a_unit(words: &[String]) -> bool {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    matches!(
        words.as_slice(),
        ["setup"] | ["setup", "gateway", ..] | ["gateway", "setup", ..]
    )
}

fn account(host: &Host, given: &Given) -> Result<Account> {
    let Some(account) = &given.account else {
        return Ok(host.own.clone());
    };
    let user = &account.user;
    match find_account(host, user) {
        Some(found) => Ok(found),
        None if user == ACCOUNT => trouble!(
            "account `{user}` does not exist"; "to make it: `hermes-install --profile default`"
        ),
        None => trouble!(
            "account `{user}` does not exist"; "`useradd --system --create-home {user}` makes one"
        ),
    }
}

fn hermes(
    host: &Host,
    profile: &ProfileName,
    given: &Given,
    account: &Account,
    root: &Path,
) -> Result<PathBuf> {
    let set = given.hermes.clone();
    let mut places = set.map_or_else(|| hermes_search(root, &account.home), |hermes| vec![hermes]);
    places.retain(|place| host.is_file(place));
    match places.into_iter().next() {
        Some(hermes) => Ok(hermes),
        None => {
            let is_own = account.uid == host.own.uid;
            let other = (!is_own).then_some((account.name.as_str(), account.home.as_path()));
            trouble!(
                "there is no hermes executable for profile `{profile}`";
                "to install hermes: `{}`", install_command(other, root)
            )
        }
    }
}

/// Which hermes is run, and as whom.
struct Call<'a> {
    scope: Scope,
    account: &'a Account,
    root: &'a Path,
    hermes: &'a Path,
    /// Where it installs what is missing.
    target: Option<PathBuf>,
    /// Where it looks for programs.
    path: String,
}

impl Call<'_> {
    fn words(&self, profile: &ProfileName, given: &Given, arguments: &[String]) -> Vec<String> {
        let mut words = vec!["systemd-run".to_owned()];
        if self.scope == Scope::User {
            words.push("--user".to_owned());
        }
        let options = ["--quiet", "--collect", "--wait", "--pipe", "--pty"];
        words.extend(options.map(str::to_owned));
        if let Some(group) = given.account.as_ref().map(|a| &a.group) {
            words.push(format!("--uid={}", self.account.name));
            words.push(format!("--gid={group}"));
        }
        words.push(format!(
            "--working-directory={}",
            self.account.home.display()
        ));
        words.push(format!("--setenv=HOME={}", self.account.home.display()));
        words.push(format!("--setenv=HERMES_HOME={}", self.root.display()));
        words.push(format!("--setenv=PATH={}", self.path));
        if let Some(target) = &self.target {
            words.push(format!("--setenv={TARGET}={}", target.display()));
        }
        for (name, value) in given.environment.iter().filter(|(name, _)| *name != "PATH") {
            // Neither shown nor in the list of processes: systemd-run has it of its own environment.
            words.push(match is_secret(name, value) {
                true => format!("--setenv={name}"),
                false => format!("--setenv={name}={value}"),
            });
        }
        // Taken from whoever types this: how the terminal is to be spoken to.
        words.extend(["--setenv=TERM".to_owned(), "--setenv=LANG".to_owned()]);
        let properties = given.properties.iter();
        words.extend(properties.map(|line| format!("--property={line}")));
        words.push("--".to_owned());
        words.push(literal(&self.hermes.to_string_lossy()));
        let profile = profile.for_hermes(self.root);
        words.extend(["--profile".to_owned(), profile.to_string()]);
        words.extend(arguments.iter().map(|word| literal(word)));
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::model;

    #[test]
    fn a_setup_that_offers_a_unit_of_hermes_own_is_known() {
        let offers = |line: &str| {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            offers_a_unit(&words)
        };
        assert!(offers("setup") && offers("gateway setup") && offers("setup gateway"));
        assert!(!offers("setup model") && !offers("gateway start") && !offers("status"));
    }

    #[test]
    fn hermes_runs_as_the_profile_s_account_with_its_root_and_files() {
        let bob = Account {
            home: "/home/bob".into(),
            ..Account::future("bob", Path::new("/home/bob"))
        };
        let mut instance = Instance::plain("coder".parse().expect("a name"), Scope::System);
        instance.account = Some(model::Account {
            user: "bob".into(),
            group: "bots".into(),
        });
        instance.environment_files = vec!["/etc/a.env".into()];
        instance
            .environment
            .insert("TZ".into(), "Europe/Berlin".into());
        instance
            .environment
            .insert("API_TOKEN".into(), "abcdefghij".into());
        let call = Call {
            scope: Scope::System,
            account: &bob,
            root: Path::new("/srv/h"),
            hermes: Path::new("/opt/hermes/bin/hermes"),
            target: Some("/srv/h/lazy-packages".into()),
            path: "/opt/hermes/bin:/usr/bin".to_owned(),
        };
        let profile = instance.profile.clone();
        let given = Given::of_instance(instance);
        let all = call.words(&profile, &given, &["gateway".into(), "$HOME".into()]);
        let line = all.join(" ");
        assert!(line.starts_with("systemd-run --quiet "), "{line}");
        for part in [
            " --uid=bob --gid=bots ",
            " --setenv=HERMES_HOME=/srv/h ",
            " --setenv=PATH=/opt/hermes/bin:/usr/bin ",
            " --setenv=TZ=Europe/Berlin ",
            " --setenv=API_TOKEN ",
            " --setenv=HERMES_LAZY_INSTALL_TARGET=/srv/h/lazy-packages ",
            " --property=EnvironmentFile=/etc/a.env ",
        ] {
            assert!(line.contains(part), "{part} in {line}");
        }
        assert!(
            line.ends_with(" -- /opt/hermes/bin/hermes --profile coder gateway $$HOME"),
            "{line}"
        );
    }
}
