//! What all tests need: the program, and a scratch directory whose failure prints everything.

use std::path::Path;
use std::process::Output;

use assert_cmd::Command;

/// The built program, with nothing of the tester's environment that it would act on.
pub(crate) fn program() -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("hermes-install"));
    command.env_remove("HERMES_HOME").env_remove("COLUMNS");
    command.env("NO_COLOR", "1");
    command
}

/// Exit status, standard output and standard error as one text.
pub(crate) fn told(output: &Output) -> String {
    format!(
        "exit {}\n--- stdout\n{}--- stderr\n{}",
        output
            .status
            .code()
            .map_or("by signal".into(), |c| c.to_string()),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    )
}

/// Every file and link below a directory: `path`, then its mode or target, then its text.
pub(crate) fn tree(top: &Path) -> String {
    fn walk(top: &Path, at: &Path, out: &mut Vec<String>) {
        let mut entries: Vec<_> = std::fs::read_dir(at)
            .unwrap()
            .map(|e| e.unwrap().path())
            .collect();
        entries.sort();
        for path in entries {
            let name = path.strip_prefix(top).unwrap().display().to_string();
            let meta = std::fs::symlink_metadata(&path).unwrap();
            if meta.is_dir() {
                walk(top, &path, out);
            } else if meta.is_symlink() {
                let target = std::fs::read_link(&path).unwrap();
                out.push(format!("==> {name} -> {}\n", target.display()));
            } else {
                use std::os::unix::fs::PermissionsExt as _;
                let mode = meta.permissions().mode() & 0o7777;
                let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
                out.push(format!("==> {name} {mode:04o}\n{text}"));
            }
        }
    }
    let mut out = Vec::new();
    walk(top, top, &mut out);
    out.concat()
}

/// Compare with a committed text; with BLESS=1 in the environment, write it instead.
pub(crate) fn same_as_file(file: &Path, text: &str) {
    if let Some(difference) = difference(file, text) {
        panic!("{difference}");
    }
}

/// How a text differs from a committed one, if it does; with BLESS=1 in the environment, that is written instead.
pub(crate) fn difference(file: &Path, text: &str) -> Option<String> {
    if std::env::var_os("BLESS").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
        return None;
    }
    let expected =
        std::fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    (expected != text).then(|| {
        let diff = similar::TextDiff::from_lines(&expected, text)
            .unified_diff()
            .to_string();
        format!(
            "differs from {} (BLESS=1 writes it anew):\n{diff}",
            file.display()
        )
    })
}
