//! Which units are worth reading for gateways: those that say hermes, or start a script that does. Reads only.

use std::path::PathBuf;

use crate::host::Host;
use crate::units::load_path::LoadPath;
use crate::units::unit::find_account;
use crate::units::unit_file::Directive;
use crate::units::unit_files::UnitFiles;

/// How many paths of a command line are looked at; people write fewer.
const MOST_PATHS: usize = 8;

/// A gateway names itself somewhere: in the unit, in a drop-in, or in the script that the unit starts.
pub(super) fn may_concern(
    host: &Host,
    load_path: &LoadPath,
    listing: &UnitFiles,
    unit: &str,
) -> bool {
    if unit.contains("hermes") {
        return true;
    }
    let files = listing.files(unit);
    files.fragment.iter().chain(&files.drop_ins).any(|path| {
        if listing.says(load_path, path, "hermes") {
            return true;
        }
        let directives = listing.directives(load_path, path);
        let directory = directives.value("Service", "WorkingDirectory");
        let directory = directory.unwrap_or("/").trim_start_matches('-');
        let user = directives.value("Service", "User");
        let user = user.filter(|_| load_path.is_system);
        let home = || match user {
            Some(user) => find_account(host, user).map(|account| account.home),
            None => Some(load_path.account.home.clone()),
        };
        let starts = directives.list("Service", "ExecStart");
        starts
            .iter()
            .any(|start| starts_script_of_hermes(load_path, start, directory, &home))
    })
}

/// The ways to write the home directory in a shell.
const HOME: [&str; 4] = ["~/", "$HOME/", "${HOME}/", "$$HOME/"];

/// Whether a script stands on the command line, as its program or as what a shell or a wrapper is given, and says hermes.
fn starts_script_of_hermes(
    load_path: &LoadPath,
    start: &Directive,
    directory: &str,
    home: &dyn Fn() -> Option<PathBuf>,
) -> bool {
    let ends = |c: char| c.is_whitespace() || ";&|()<>'\"".contains(c);
    let paths = start.command().iter().flat_map(|word| word.split(ends));
    let of_home = |path: &str| {
        let below = HOME.iter().find_map(|home| path.strip_prefix(home))?;
        Some(home()?.join(below))
    };
    let absolute = |path: &str| match path.strip_prefix("%h/") {
        Some(below) => Some(load_path.account.home.join(below)),
        None if path.starts_with('/') => Some(PathBuf::from(path)),
        None => of_home(path),
    };
    let mut directory = absolute(directory);
    let mut is_cd = false;
    let paths = paths.filter_map(|path| {
        let whole = absolute(path);
        if std::mem::replace(&mut is_cd, path == "cd") {
            directory.clone_from(&whole);
        }
        let is_relative = path.contains('/') || path.ends_with(".sh") || path.ends_with(".py");
        let is_path = is_relative && !path.starts_with(['-', '~', '$', '%']);
        whole.or_else(|| directory.as_ref().filter(|_| is_path)?.join(path).into())
    });
    let mut paths = paths.take(MOST_PATHS);
    paths.any(|path| load_path.reader.is_script_with(&path, "hermes"))
}
