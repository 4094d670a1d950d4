//! docs/architecture.md against the tree: every file is there with its first sentence, and no arrow runs up.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::tool::same_as_file;

/// Folders and files of `src`, the lowest first: one may use those before it, and itself.
const FLOORS: [&str; 19] = [
    "profile",
    "layout",
    "error",
    "output",
    "render",
    "host",
    "gateway",
    "units",
    "launcher",
    "cli",
    "settings",
    "config",
    "preflight",
    "deploy",
    "takeover",
    "doctor",
    "commands",
    "fuzz",
    "lib",
];

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every Rust file below a directory, sorted.
fn files(directory: &Path) -> BTreeSet<PathBuf> {
    let entries = std::fs::read_dir(directory)
        .unwrap()
        .map(|e| e.unwrap().path());
    entries
        .flat_map(|path| match path.is_dir() {
            true => files(&path),
            false => BTreeSet::from([path]),
        })
        .filter(|path| path.extension().is_some_and(|e| e == "rs"))
        .collect()
}

/// The first sentence of a file's header.
fn first_sentence(text: &str) -> String {
    let header = text.lines().take_while(|l| l.starts_with("//!"));
    let header: Vec<&str> = header.map(|l| l.trim_start_matches("//!").trim()).collect();
    let header = header.join(" ");
    let end = header.find(". ").map_or(header.len(), |at| at + 1);
    header[..end].trim().to_owned()
}

#[test]
fn the_list_of_files_is_that_of_the_tree() {
    let top = source();
    let mut list = String::new();
    let mut folder = PathBuf::new();
    let mut all: Vec<PathBuf> = files(&top).into_iter().collect();
    all.sort_by_key(|file| (file.parent().map(Path::to_owned), file.clone()));
    for file in all {
        let name = file.strip_prefix(&top).unwrap();
        let parent = name.parent().unwrap();
        if parent != folder {
            folder = parent.to_owned();
            let _ = writeln!(list, "\n**{}/**\n", folder.display());
        }
        let text = std::fs::read_to_string(&file).unwrap();
        let first = first_sentence(&text);
        assert!(!first.is_empty(), "{} has no header", name.display());
        let _ = writeln!(
            list,
            "* `{}`: {first}",
            name.file_name().unwrap().to_string_lossy()
        );
    }
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/architecture.md");
    let text = std::fs::read_to_string(&page).unwrap();
    let (before, _) = text
        .split_once("<!-- files -->")
        .expect("the page has a mark");
    same_as_file(&page, &format!("{before}<!-- files -->\n{list}"));
}

#[test]
fn no_arrow_between_folders_runs_up() {
    let top = source();
    let mut wrong = String::new();
    for file in files(&top) {
        let name = file.strip_prefix(&top).unwrap();
        let room = name.iter().next().unwrap().to_str().unwrap();
        let room = room.trim_end_matches(".rs");
        if room == "lib" || room == "main" {
            continue;
        }
        let floor = |room: &str| FLOORS.iter().position(|f| *f == room);
        let here = floor(room).unwrap_or_else(|| panic!("{room} has no floor"));
        let text = std::fs::read_to_string(&file).unwrap();
        let code = text.split("\n#[cfg(test)]").next().unwrap();
        for (_, rest) in code
            .match_indices("crate::")
            .map(|(at, m)| (at, &code[at + m.len()..]))
        {
            let used: String = rest
                .chars()
                .take_while(|c| c.is_ascii_lowercase() || *c == '_')
                .collect();
            if floor(&used).is_some_and(|there| there > here) {
                let _ = writeln!(wrong, "{} uses {used}", name.display());
            }
        }
    }
    assert!(wrong.is_empty(), "arrows that run up:\n{wrong}");
}
