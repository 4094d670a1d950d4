//! The installation that a hermes executable belongs to: its library, its version, when it changed. Read from files in
//! microseconds; nothing is run. Every path goes through the caller's view of the host.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::gateway::command_line::executable;
use crate::gateway::entry::Entry;
use crate::gateway::inline_source::literal_after;
use crate::gateway::version::Version;
use crate::host::process::Process;
use crate::host::read::{self, open_regular, read_small, read_small_text};

/// Where a hermes is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Installation {
    /// The directory that its modules are in: a checkout, or `site-packages`.
    pub(crate) library: PathBuf,
    /// Its version, where a file tells.
    pub(crate) version: Option<Version>,
    /// When its code last changed, where a file tells.
    pub(crate) changed: Option<SystemTime>,
    /// The interpreter that the script of its executable names.
    pub(crate) interpreter: Option<PathBuf>,
}

/// How many wrappers may name the next one.
const DEPTH: usize = 4;
/// More than any wrapper or launcher holds; a binary of that name is not read further.
const MOST: u64 = 64 * 1024;

impl Installation {
    /// Of this executable. `real` maps a path to where it lies, for an image or another mount namespace.
    pub(crate) fn find(hermes: &Path, real: &dyn Fn(&Path) -> PathBuf) -> Option<Self> {
        match last(hermes, real)? {
            Program::Binary(program) => Self::of_prefix(&program, real),
            Program::Checkout(library) => Some(Self::of_library(&library, real)),
            Program::Script {
                program,
                path,
                interpreter,
            } => {
                let of_script = |interpreter| Self::of_prefix(interpreter, real);
                let found = interpreter.as_deref().and_then(of_script);
                let found = found
                    .or_else(|| Self::of_prefix(&program, real))
                    .or_else(|| Self::of_prefix(&path, &|p| p.to_owned()))?;
                Some(Self {
                    interpreter,
                    ..found
                })
            }
        }
    }

    /// Of the executable that a process was started by.
    pub(crate) fn of_process(process: &Process) -> Option<Self> {
        let view = process.view().ok()?;
        let seen = |path: &Path| view.at(path);
        let hermes = executable(&process.argv, |path| seen(path).exists())?;
        let own = Self::find(&hermes, &seen);
        own.or_else(|| Self::find(&hermes, &|path| path.to_owned()))
    }

    /// Whether its code changed after a gateway of it had started.
    pub(crate) fn changed_after(&self, start: SystemTime) -> bool {
        /// An installation's last file may be written as its gateway starts.
        const MARGIN: Duration = Duration::from_secs(5);
        self.changed.is_some_and(|changed| changed > start + MARGIN)
    }

    /// Of a virtual environment, by a program in its `bin`. One inside a checkout only serves that.
    pub(super) fn of_prefix(program: &Path, real: &dyn Fn(&Path) -> PathBuf) -> Option<Self> {
        let prefix = program.parent()?.parent()?;
        let checkout = prefix.parent().filter(|dir| is_checkout(&real(dir)));
        if let Some(checkout) = checkout {
            return Some(Self::of_library(checkout, real));
        }
        sites(prefix, real)
            .iter()
            .map(|site| Self::of_library(site, real))
            .find(|found| found.version.is_some())
    }

    fn of_library(library: &Path, real: &dyn Fn(&Path) -> PathBuf) -> Self {
        let at = real(library);
        let (version, marks) = if is_checkout(&at) {
            (
                checkout_version(&at),
                vec![at.join(".git/logs/HEAD"), at.join("pyproject.toml")],
            )
        } else {
            match distribution(&at) {
                Some((path, version)) => (Some(version), vec![path]),
                None => (
                    literal_version(&at),
                    vec![at.join("hermes_cli/__init__.py")],
                ),
            }
        };
        let changed = |path: &PathBuf| fs::metadata(path).ok()?.modified().ok();
        Self {
            library: library.to_owned(),
            version,
            changed: marks.iter().filter_map(changed).max(),
            interpreter: None,
        }
    }
}

/// The program that the wrappers of an executable lead to.
enum Program {
    /// No script.
    Binary(PathBuf),
    /// A launcher that names the checkout which it runs.
    Checkout(PathBuf),
    /// A script of Python.
    Script {
        /// As it is called.
        program: PathBuf,
        /// Where it lies, links followed.
        path: PathBuf,
        /// Its interpreter; `None` where `env` finds that of whoever calls it.
        interpreter: Option<PathBuf>,
    },
}

fn last(hermes: &Path, real: &dyn Fn(&Path) -> PathBuf) -> Option<Program> {
    let mut program = hermes.to_owned();
    for _ in 0..DEPTH {
        let path = fs::canonicalize(real(&program)).ok()?;
        let text = head(&path)?;
        let first = text.lines().next().unwrap_or_default();
        let interpreter = first.strip_prefix("#!");
        let Some(interpreter) = interpreter.and_then(|line| line.split_whitespace().next()) else {
            return Some(Program::Binary(program));
        };
        if !interpreter.ends_with("/sh") && !interpreter.ends_with("/bash") {
            let interpreter = (!interpreter.ends_with("/env")).then(|| PathBuf::from(interpreter));
            return Some(Program::Script {
                program,
                path,
                interpreter,
            });
        }
        // A word that the shell unquotes: '…'"'"'…'"'"'…'.
        let plain = text.replace("'\"'\"'", "'");
        if let Some(library) = literal_after(&plain, "sys.path.insert(0, ") {
            return Some(Program::Checkout(library.into()));
        }
        program = next(&text)?;
    }
    None
}

/// Where pip installs what this hermes needs later: `site-packages` of its virtual environment, where it has one.
pub(crate) fn site_packages(hermes: &Path, real: &dyn Fn(&Path) -> PathBuf) -> Option<PathBuf> {
    let Program::Script {
        interpreter: Some(interpreter),
        ..
    } = last(hermes, real)?
    else {
        return None;
    };
    let prefix = interpreter.parent()?.parent()?;
    real(&prefix.join("pyvenv.cfg")).is_file().then_some(())?;
    sites(prefix, real).into_iter().next()
}

/// The directories of packages below a prefix; one for each Python that it was made for.
fn sites(prefix: &Path, real: &dyn Fn(&Path) -> PathBuf) -> Vec<PathBuf> {
    let pythons = fs::read_dir(real(&prefix.join("lib")))
        .into_iter()
        .flatten();
    let places = pythons.flatten().map(|python| {
        let lib = prefix.join("lib").join(python.file_name());
        lib.join("site-packages")
    });
    places.filter(|place| real(place).is_dir()).collect()
}

/// The beginning of a file, as text.
fn head(path: &Path) -> Option<String> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    let file = open_regular(path).ok()??;
    file.take(MOST).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// The hermes that a shell wrapper goes on as: `exec /path/hermes "$@"`, `exec /path/python -m hermes_cli.main "$@"`, or
/// nixpkgs' `exec -a "$0" "/path/.hermes-wrapped" "$@"`.
fn next(text: &str) -> Option<PathBuf> {
    let mut lines = text.lines().map(str::trim_start);
    let words = lines.find_map(|line| line.strip_prefix("exec "))?;
    let words: Vec<&str> = words
        .split_whitespace()
        .map(|word| word.trim_matches(['"', '\'']))
        .collect();
    let command = match words.as_slice() {
        ["-a", _, command @ ..] => command,
        command => command,
    };
    let hermes = Entry::find(command)?.executables.into_iter().next()?;
    hermes.is_absolute().then_some(hermes)
}

fn is_checkout(directory: &Path) -> bool {
    directory.join("pyproject.toml").is_file() && directory.join("hermes_cli").is_dir()
}

/// A checkout's own files: its project file, the literal that versions up to 0.21 have, the stamp of a build.
fn checkout_version(checkout: &Path) -> Option<Version> {
    let project = read_small_text(&checkout.join("pyproject.toml"), read::TEXT).ok()??;
    let project = project.lines().find_map(|l| assigned(l, "version"));
    project
        .or_else(|| literal_version(checkout))
        .or_else(|| stamp_version(checkout))
}

fn stamp_version(checkout: &Path) -> Option<Version> {
    let stamp = read_small(&checkout.join("install-stamp.json"), read::JSON).ok()??;
    let stamp: serde_json::Value = serde_json::from_slice(&stamp).ok()?;
    Version::parse(stamp.get("baseVersion")?.as_str()?)
}

fn literal_version(library: &Path) -> Option<Version> {
    let text = read_small_text(&library.join("hermes_cli/__init__.py"), read::TEXT).ok()??;
    text.lines().find_map(|line| assigned(line, "__version__"))
}

/// The version in `NAME = "X.Y.Z"`.
fn assigned(line: &str, name: &str) -> Option<Version> {
    let value = line.strip_prefix(name)?.trim_start().strip_prefix('=')?;
    Version::parse(value.trim().trim_matches(['"', '\'']))
}

/// The record that pip leaves of hermes-agent, and the version in its name.
pub(crate) fn distribution(site: &Path) -> Option<(PathBuf, Version)> {
    fs::read_dir(site).ok()?.flatten().find_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let version = name
            .strip_prefix("hermes_agent-")?
            .strip_suffix(".dist-info")?;
        Some((entry.path(), Version::parse(version)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Disk(tempfile::TempDir);

    impl Disk {
        fn new() -> Self {
            Self(tempfile::tempdir().expect("a directory"))
        }

        fn write(&self, path: &str, text: &str) {
            let path = self.0.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(path, text).expect("written");
        }

        fn version(&self, hermes: &str) -> Option<String> {
            let real = |path: &Path| {
                let inside = path.strip_prefix("/").unwrap_or(path);
                self.0.path().join(inside)
            };
            let found = Installation::find(Path::new(hermes), &real)?;
            assert!(found.changed.is_some(), "{hermes}");
            Some(found.version?.to_string())
        }
    }

    #[test]
    fn the_version_of_each_kind_of_installation_is_read_from_its_files() {
        let disk = Disk::new();
        disk.write("opt/h/bin/hermes", "#!/opt/h/bin/python3\nimport sys\n");
        disk.write(
            "opt/h/lib/python3.11/site-packages/hermes_agent-0.19.0.dist-info/INSTALLER",
            "pip",
        );
        assert_eq!(disk.version("/opt/h/bin/hermes").as_deref(), Some("0.19.0"));

        // Wrappers: somebody's own, and nixpkgs'.
        disk.write(
            "usr/local/bin/hermes",
            "#!/bin/sh\nexec /opt/h/bin/python3 -m hermes_cli.main \"$@\"\n",
        );
        let own = disk.version("/usr/local/bin/hermes");
        assert_eq!(own.as_deref(), Some("0.19.0"));
        disk.write(
            "nix/store/1-h/bin/hermes",
            "#! /nix/store/2-bash/bin/bash -e\nexport PATH='/x'\nexec -a \"$0\" \"/nix/store/1-h/bin/.hermes-wrapped\"  \"$@\"\n",
        );
        disk.write(
            "nix/store/1-h/bin/.hermes-wrapped",
            "#!/nix/store/3-python/bin/python3.13\nimport sys\n",
        );
        disk.write(
            "nix/store/1-h/lib/python3.13/site-packages/hermes_agent-0.20.6.dist-info/METADATA",
            "",
        );
        let nix = disk.version("/nix/store/1-h/bin/hermes");
        assert_eq!(nix.as_deref(), Some("0.20.6"));

        // install.sh's of 0.22: a link of the user, the launcher, a checkout.
        disk.write(
            "home/a/.local/bin/hermes",
            "#!/bin/sh\nexec /home/a/.hermes/hermes-agent/.hermes/bin/hermes \"$@\"\n",
        );
        disk.write(
            "home/a/.hermes/hermes-agent/.hermes/bin/hermes",
            "#!/bin/sh\nexec /s/bin/python3 -I -c 'import os, re, sys\nsys.path.insert(0, '\"'\"'/home/a/.hermes/hermes-agent'\"'\"')\n' \"$@\"\n",
        );
        let checkout = "home/a/.hermes/hermes-agent";
        disk.write(&format!("{checkout}/hermes_cli/__init__.py"), "");
        disk.write(
            &format!("{checkout}/pyproject.toml"),
            "[project]\nname = \"hermes-agent\"\nversion = \"0.22.2\"\n",
        );
        assert_eq!(
            disk.version("/home/a/.local/bin/hermes").as_deref(),
            Some("0.22.2")
        );

        // Updated in place: the old environment is still there, and its record is of the old version.
        disk.write(
            &format!("{checkout}/venv/bin/hermes"),
            &format!("#!/{checkout}/venv/bin/python3\n"),
        );
        disk.write(
            &format!(
                "{checkout}/venv/lib/python3.11/site-packages/hermes_agent-0.20.6.dist-info/RECORD"
            ),
            "",
        );
        let hermes = format!("/{checkout}/venv/bin/hermes");
        assert_eq!(disk.version(&hermes).as_deref(), Some("0.22.2"));
    }

    #[test]
    fn what_is_no_hermes_has_no_installation() {
        let disk = Disk::new();
        disk.write("a/bin/hermes", "#!/bin/sh\nexec /a/bin/hermes \"$@\"\n");
        disk.write("b/bin/hermes", "\u{7f}ELF");
        disk.write("c/bin/hermes", "#!/bin/sh\nexec docker run hermes\n");
        for hermes in ["/a/bin/hermes", "/b/bin/hermes", "/c/bin/hermes", "/d"] {
            assert_eq!(disk.version(hermes), None, "{hermes}");
        }
    }
}
