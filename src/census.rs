//! Who runs, or would run, the gateway of a profile home beside our own unit: units of any name in both scopes, and
//! processes. Reads only. What cannot be told counts as a claim.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::account::{self, Account};
use crate::gateway::{self, Command};
use crate::host::Host;
use crate::launch::{self, name};
use crate::layout::Scope;
use crate::profile::ProfileName;
use crate::systemctl::Manager;

/// Somebody else's hold on a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Who it is, as the start of a sentence.
    pub who: String,
    /// The command that resolves it.
    pub way_out: String,
}

/// Every claim on this profile home but that of the unit we are about to install.
pub fn claims(host: &Host, profile: &ProfileName, home: &Path) -> Result<Vec<Claim>> {
    let mut claims = unit_claims(host, profile, home);
    if host.is_live() {
        claims.extend(process_claim(host, profile, home)?);
    }
    Ok(claims)
}

fn process_claim(host: &Host, profile: &ProfileName, home: &Path) -> Result<Option<Claim>> {
    if !home.exists() {
        return Ok(None);
    }
    let Some(owner) = gateway::owner(home)? else {
        return Ok(None);
    };
    let Some(process) = owner.process else {
        return Ok(Some(Claim {
            who: format!(
                "a process that cannot be seen from here holds `{}`",
                home.join(gateway::LOCK).display()
            ),
            way_out: "find it with `fuser -v` on that file, in containers too, and stop it"
                .to_owned(),
        }));
    };
    let is_own = process.unit().is_some_and(|unit| {
        let manager = match host.scope {
            Scope::System => None,
            Scope::User => Some(host.own.uid),
        };
        unit.name == profile.unit() && unit.user == manager
    });
    Ok((!is_own).then(|| Claim {
        who: format!("{} {}", name(&process), owner.how),
        way_out: launch::stop_command(&process),
    }))
}

/// A manager's units: where their files are, who would run them, and how to ask.
struct Realm {
    directories: Vec<PathBuf>,
    manager: Manager,
    /// The account of a user manager.
    account: Option<Account>,
    /// Whether its manager runs and can be asked.
    is_up: bool,
}

fn realms(host: &Host) -> Vec<Realm> {
    let under =
        |paths: &[&str]| -> Vec<PathBuf> { paths.iter().map(|p| host.at(Path::new(p))).collect() };
    let mut realms = vec![Realm {
        directories: under(&[
            "/etc/systemd/system",
            "/run/systemd/system",
            "/usr/local/lib/systemd/system",
            "/usr/lib/systemd/system",
        ]),
        manager: Manager::System,
        account: None,
        is_up: host.is_live(),
    }];
    // Only root sees the managers of others.
    let accounts = if host.own.uid == 0 && host.is_live() {
        account::all()
    } else {
        vec![host.own.clone()]
    };
    for account in accounts {
        let mut directories: Vec<PathBuf> = [".config/systemd/user", ".local/share/systemd/user"]
            .iter()
            .map(|dir| host.at(&account.home.join(dir)))
            .collect();
        let is_up =
            host.is_live() && Path::new(&format!("/run/user/{}/systemd", account.uid)).exists();
        if !is_up && !directories.iter().any(|d| d.is_dir()) {
            continue;
        }
        directories.extend(under(&[
            "/etc/systemd/user",
            "/usr/local/lib/systemd/user",
            "/usr/lib/systemd/user",
        ]));
        realms.push(Realm {
            directories,
            manager: if account.uid == host.own.uid {
                Manager::User
            } else {
                Manager::UserOf(account.name.clone())
            },
            account: Some(account),
            is_up,
        });
    }
    realms
}

fn unit_claims(host: &Host, profile: &ProfileName, home: &Path) -> Vec<Claim> {
    let mut claims = Vec::new();
    for realm in realms(host) {
        let own = realm.manager == host.manager();
        let candidates: Vec<String> = realm
            .units()
            .into_iter()
            .filter(|unit| !(own && *unit == profile.unit()))
            .filter(|unit| realm.may_run(unit, host, home))
            .collect();
        if candidates.is_empty() {
            continue;
        }
        let states = match realm.is_up.then(|| realm.manager.show(&candidates)) {
            Some(Ok(states)) => states,
            _ => Vec::new(),
        };
        let enabled = realm.wanted();
        for unit in candidates {
            let state = states
                .iter()
                .find(|s| s.get("Id") == Some(&unit))
                .and_then(|s| s.get("ActiveState"))
                .map(String::as_str);
            let is_enabled = enabled.contains(&unit);
            let how = match state {
                Some(state @ ("active" | "activating" | "reloading" | "deactivating")) => {
                    state.to_owned()
                }
                _ if is_enabled => "enabled".to_owned(),
                _ => continue,
            };
            let kind = match &realm.account {
                None => "system unit".to_owned(),
                Some(account) => format!("user unit of `{}`", account.name),
            };
            claims.push(Claim {
                who: format!(
                    "{kind} `{unit}` ({how}) runs the gateway of `{}`",
                    home.display()
                ),
                way_out: format!("{} disable --now {unit}", realm.manager.typed()),
            });
        }
    }
    claims
}

impl Realm {
    /// Names of services that have a file, a drop-in or an enablement here; instances, not templates.
    fn units(&self) -> BTreeSet<String> {
        let mut names: BTreeSet<String> = self.wanted();
        for entry in self.directories.iter().flat_map(|d| entries(d)) {
            let name = entry.strip_suffix(".d").unwrap_or(&entry);
            if name.ends_with(".service") {
                names.insert(name.to_owned());
            }
        }
        names.retain(|name| !name.contains("@.") && name.ends_with(".service"));
        names
    }

    /// Units that some target wants or requires, by file.
    fn wanted(&self) -> BTreeSet<String> {
        self.directories
            .iter()
            .flat_map(|directory| {
                entries(directory)
                    .into_iter()
                    .filter(|name| name.ends_with(".wants") || name.ends_with(".requires"))
                    .flat_map(|name| entries(&directory.join(name)))
            })
            .collect()
    }

    /// The directives of a unit: its file, or its template's, and the drop-ins of both.
    fn text(&self, unit: &str) -> String {
        let template = template_of(unit);
        let names = [Some(unit), template.as_deref()];
        let mut text = names
            .iter()
            .flatten()
            .flat_map(|name| self.directories.iter().map(move |d| d.join(name)))
            .find_map(|path| fs::read(path).ok())
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default();
        // A drop-in of one name counts once, from the first directory; all of them apply in the order of their names.
        let mut drop_ins: BTreeMap<String, PathBuf> = BTreeMap::new();
        for name in names.iter().flatten() {
            for directory in &self.directories {
                let directory = directory.join(format!("{name}.d"));
                for file in entries(&directory)
                    .into_iter()
                    .filter(|f| f.ends_with(".conf"))
                {
                    let path = directory.join(&file);
                    drop_ins.entry(file).or_insert(path);
                }
            }
        }
        for path in drop_ins.values() {
            text.push('\n');
            text.push_str(&String::from_utf8_lossy(
                &fs::read(path).unwrap_or_default(),
            ));
        }
        text
    }

    /// Whether a unit runs the gateway of this home, or may and does not say of which.
    fn may_run(&self, unit: &str, host: &Host, home: &Path) -> bool {
        let text = self.text(unit);
        if !text.contains("hermes") {
            return false;
        }
        let directives = Directives::parse(&text);
        let account = match (&self.account, directives.user.as_deref()) {
            (Some(account), _) => Some(account.clone()),
            (None, user) => Account::find(user.unwrap_or("root"), &host.root)
                .ok()
                .flatten(),
        };
        let Some(account) = account else {
            return false;
        };
        let expand = |text: &str| expand(text, unit, &account);
        let hermes_home = directives
            .environment
            .get("HERMES_HOME")
            .map(|v| PathBuf::from(expand(v)));
        directives.exec_start.iter().any(|line| {
            let argv: Vec<String> = words(line.trim_start_matches(['@', '-', ':', '+', '!', '|']))
                .iter()
                .map(|w| expand(w))
                .collect();
            let Some(command) = ours(&argv).or_else(|| Command::parse(&argv)) else {
                // Something like `sh -c "hermes gateway run"`: it runs a gateway and does not say of which home.
                return line.contains("hermes") && line.contains("gateway run");
            };
            let theirs = command.home(hermes_home.as_deref(), &account.home, |root| {
                fs::read_to_string(host.at(&root.join("active_profile"))).ok()
            });
            same(&host.at(&theirs), &host.at(home))
        })
    }
}

/// A unit of ours in another scope: `hermes-install exec --profile NAME`.
fn ours(argv: &[String]) -> Option<Command> {
    let program = Path::new(argv.first()?).file_name()?;
    if program != "hermes-install" || argv.get(1).map(String::as_str) != Some("exec") {
        return None;
    }
    let at = argv.iter().position(|a| a == "--profile" || a == "-p")?;
    Some(Command {
        profile: argv.get(at + 1).cloned(),
        replaces: false,
    })
}

/// The directives that decide whose gateway a unit runs.
#[derive(Default)]
struct Directives {
    exec_start: Vec<String>,
    environment: BTreeMap<String, String>,
    user: Option<String>,
}

impl Directives {
    fn parse(text: &str) -> Self {
        let mut found = Self::default();
        let text = text.replace("\\\n", " ");
        for line in text.lines().map(str::trim) {
            let Some((key, value)) = line.split_once('=') else {
                continue;
            };
            match (key.trim(), value.trim()) {
                ("ExecStart", "") => found.exec_start.clear(),
                ("ExecStart", value) => found.exec_start.push(value.to_owned()),
                ("Environment", "") => found.environment.clear(),
                ("Environment", value) => found.environment.extend(
                    words(value)
                        .iter()
                        .filter_map(|w| w.split_once('='))
                        .map(|(k, v)| (k.to_owned(), v.to_owned())),
                ),
                ("User", value) => found.user = (!value.is_empty()).then(|| value.to_owned()),
                _ => {}
            }
        }
        found
    }
}

/// The words of a directive: split at white space, quotes and backslashes read (systemd.syntax(7), QUOTING).
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\\', _) => word.get_or_insert_default().extend(chars.next()),
            (c, Some(q)) if c == q => quote = None,
            ('"' | '\'', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// The specifiers that paths of gateways use (systemd.unit(5)); any other stays as it is and matches no home.
fn expand(text: &str, unit: &str, account: &Account) -> String {
    let instance = unit
        .split_once('@')
        .map_or("", |(_, rest)| rest.trim_end_matches(".service"));
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('%') => out.push('%'),
            Some('i') => out.push_str(instance),
            Some('h') => out.push_str(&account.home.to_string_lossy()),
            Some('u') => out.push_str(&account.name),
            other => {
                out.push('%');
                out.extend(other);
            }
        }
    }
    out
}

fn template_of(unit: &str) -> Option<String> {
    unit.split_once('@')
        .map(|(prefix, _)| format!("{prefix}@.service"))
}

/// Whether two paths are one directory, links followed where they lead somewhere.
fn same(a: &Path, b: &Path) -> bool {
    let real = |p: &Path| fs::canonicalize(p).unwrap_or_else(|_| p.to_owned());
    real(a) == real(b)
}

fn entries(directory: &Path) -> Vec<String> {
    fs::read_dir(directory)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_systemd_reads_them() {
        assert_eq!(
            words(r#""A=1 2" B=3 'C=4 "x"' D=\"5"#),
            ["A=1 2", "B=3", "C=4 \"x\"", "D=\"5"]
        );
        assert_eq!(words("  "), Vec::<String>::new());
    }

    #[test]
    fn a_later_directive_resets_an_earlier_one() {
        let directives = Directives::parse("ExecStart=a\nExecStart=\nExecStart=b \\\n c\nUser=x\n");
        assert_eq!(directives.exec_start, ["b   c"]);
        assert_eq!(directives.user.as_deref(), Some("x"));
    }
}
