//! What a unit needs of its host: whether its account can use its programs and directories, which hermes it runs. Reads
//! only.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::gateway::command_line::executable;
use crate::gateway::installations::Installations;
use crate::gateway::version::Version;
use crate::host::Host;
use crate::host::access::{Access, Closed, Reach, is_exposed};
use crate::host::search::hermes_places;
use crate::host::trust::{Stranger, other_than_root};
use crate::profile::root_for;
use crate::units::origin::Origin;
use crate::units::unit::Unit;
use crate::units::unit_file::Directive;

/// A path that a unit needs.
#[derive(Debug)]
pub(crate) struct Need {
    /// The directive that names it.
    pub(crate) line: Directive,
    /// The account that uses it.
    pub(crate) account: String,
    /// Whether that account can.
    pub(crate) reach: Reach,
}

impl Need {
    fn new(account: &Access, line: &Directive, path: &Path) -> Self {
        Self {
            line: line.clone(),
            account: account.account.name.clone(),
            reach: account.reach(path),
        }
    }
}

/// What a unit needs of its host.
#[derive(Debug, Default)]
pub(crate) struct UnitFacts {
    /// Programs that it starts, their interpreters, and the hermes of a launcher; each once, however many lines name it.
    pub(crate) programs: Vec<Need>,
    /// Whether its launcher looks for a hermes and there is none.
    pub(crate) finds_no_hermes: bool,
    /// Where it works.
    pub(crate) directory: Option<Need>,
    /// Profile homes that it names and whose lock its manager's account could not open: it is no owner of those.
    pub(crate) out_of_reach: Vec<PathBuf>,
    /// Profile homes of a unit of this program that its account cannot work in.
    pub(crate) shut: Vec<PathBuf>,
    /// Paths with a `%`.
    pub(crate) percents: Vec<Percent>,
    /// The version of the hermes that it runs, where its environment shows it.
    pub(crate) version: Option<Version>,
    /// Files with its environment that everybody may read.
    pub(crate) exposed: Vec<PathBuf>,
    /// What of its files the guard's launcher cannot read, and the account that it runs as.
    pub(crate) closed: Option<(String, Vec<Closed>)>,
    /// Files that systemd reads as root, and that somebody else could turn to others.
    pub(crate) steered: Vec<Steered>,
}

/// A file that systemd reads as root, and who else could put a link to another in its place.
#[derive(Debug)]
pub(crate) struct Steered {
    /// Where it is named.
    pub(crate) line: Directive,
    /// The file.
    pub(crate) path: PathBuf,
    /// Who, and what is theirs to write.
    pub(crate) by: Stranger,
}

/// A path with a `%`, which may be meant as it is written or as a specifier.
#[derive(Debug)]
pub(crate) struct Percent {
    /// Where it stands.
    pub(crate) line: Directive,
    /// The word as it is written.
    pub(crate) word: String,
    /// Whether there is a file of that name.
    pub(crate) exists_as_written: bool,
    /// Whether there is one of the name that systemd reads.
    pub(crate) exists_expanded: bool,
}

/// Look at what a unit needs.
pub(crate) fn unit_facts(host: &Host, installations: &Installations, unit: &Unit) -> UnitFacts {
    let mut facts = UnitFacts::default();
    let (Some(own), Some(account)) = (unit.own_account(host), &unit.account) else {
        return facts;
    };
    // systemd starts a unit's own program; what that becomes may have an account of its own.
    let own = Access::new(host, &own);
    let account = Access::new(host, account);
    if unit.is_user() {
        let homes = unit.calls.iter().filter_map(|call| call.home.clone());
        facts.out_of_reach = homes.filter(|home| !account.may_work_in(home)).collect();
    }
    if unit.origin == Origin::Ours {
        let homes = unit.calls.iter().filter_map(|call| call.home.clone());
        facts.shut = homes.filter(|home| account.is_shut_out(home)).collect();
    }
    let mut known = BTreeSet::new();
    for line in unit.directives.list("Service", "ExecStart") {
        let argv: Vec<String> = line.command().iter().map(|w| unit.expand(w)).collect();
        let Some(program) = argv.first() else {
            continue;
        };
        let named = executable(&argv, |path| host.exists(path));
        facts.version = named.and_then(|hermes| installations.find(&hermes)?.version);
        facts.add_program(&mut known, &own, installations, line, Path::new(program));
    }
    let environment = unit.directives.environment(|v| unit.expand(v));
    if unit.calls.iter().any(|r| r.is_launcher) {
        match environment.get(crate::launcher::exec::HERMES_VARIABLE) {
            Some((hermes, line)) => {
                facts.add_program(&mut known, &account, installations, line, Path::new(hermes));
            }
            None => {
                // What the launcher finds by itself; when there is nothing, the launcher says so best.
                let told = environment.get("HERMES_HOME").map(|(v, _)| Path::new(v));
                let root = root_for(told, &account.account.home);
                let places = hermes_places(host, &root, &account.account.home);
                let found = places.iter().find(|p| host.is_file(p));
                let line = unit.directives.last("Service", "ExecStart");
                if let (Some(found), Some(line)) = (found, line) {
                    facts.add_program(&mut known, &account, installations, line, found);
                }
                // The guard and a shield run what their unit names. Another account's places may be closed to the one who
                // looks.
                let may_look = [0, account.account.uid].contains(&host.own.uid);
                facts.finds_no_hermes = found.is_none() && may_look && unit.origin == Origin::Ours;
            }
        }
    }
    if let Some(line) = unit.directives.last("Service", "WorkingDirectory") {
        let path = unit.expand(line.value.trim_matches('"'));
        if path.starts_with('/') {
            facts.directory = Some(Need::new(&own, line, Path::new(&path)));
        }
    }
    facts.closed = unit.is_guarded.then(|| unit.closed(host)).flatten();
    facts.percents = percents(host, unit);
    facts.exposed = exposed_files(host, unit);
    facts.steered = steered_files(host, unit);
    facts
}

fn percents(host: &Host, unit: &Unit) -> Vec<Percent> {
    let exists = |text: &str| host.exists(Path::new(text));
    let mut found = Vec::new();
    for line in unit.directives.iter().filter(|d| d.value.contains('%')) {
        for word in line.words() {
            let path = word.split_once('=').map_or(word.as_str(), |(_, v)| v);
            if path.starts_with('/') && path.contains('%') && line.section == "Service" {
                found.push(Percent {
                    line: line.clone(),
                    word: path.to_owned(),
                    exists_as_written: exists(path),
                    exists_expanded: exists(&unit.expand(path)),
                });
            }
        }
    }
    found
}

fn exposed_files(host: &Host, unit: &Unit) -> Vec<PathBuf> {
    let paths = unit.environment_files().map(|(_, path)| path);
    let is_own = |path: &PathBuf| {
        // Another account's file is not this unit's to close.
        let owner = fs::symlink_metadata(host.real(path)).map(|meta| meta.uid());
        !unit.is_user() || owner.is_ok_and(|uid| uid == unit.manager_account.uid)
    };
    paths
        .filter(|path| is_own(path) && is_exposed(host, path))
        .collect()
}

/// In an image nobody acts, and a user's manager reads as that user.
fn steered_files(host: &Host, unit: &Unit) -> Vec<Steered> {
    if host.live().is_none() || unit.is_user() {
        return Vec::new();
    }
    let credentials = unit.directives.list("Service", "LoadCredential");
    let credentials = credentials.into_iter().filter_map(|line| {
        let (_, path) = line.value.split_once(':')?;
        Some((line, PathBuf::from(unit.expand(path))))
    });
    let files = unit.environment_files().chain(credentials);
    let steered = files.filter_map(|(line, path)| {
        // Any other is one of systemd's own credentials.
        let by = path.is_absolute().then(|| other_than_root(&path).ok())??;
        Some(Steered {
            line: line.clone(),
            path,
            by: by?,
        })
    });
    steered.collect()
}

impl UnitFacts {
    fn add_program(
        &mut self,
        known: &mut BTreeSet<PathBuf>,
        account: &Access,
        installations: &Installations,
        line: &Directive,
        program: &Path,
    ) {
        if !program.is_absolute() || !known.insert(program.to_owned()) {
            return;
        }
        let need = |path: &Path| Need::new(account, line, path);
        let program_itself = need(program);
        let interpreter = account.interpreter(program);
        if self.version.is_none() {
            self.version = installations.find(program).and_then(|found| found.version);
        }
        let is_fine = program_itself.reach.obstacle.is_none();
        self.programs.push(program_itself);
        let interpreter = interpreter.filter(|_| is_fine);
        if let Some(interpreter) = interpreter.filter(|path| known.insert(path.clone())) {
            self.programs.push(need(&interpreter));
        }
    }
}
