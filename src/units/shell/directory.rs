//! Where a shell works: what `cd` does, where a relative path leads, and how a script says where it is. Pure.

use std::path::{Component, Path, PathBuf};

use crate::units::shell::variables::is_name;

/// The directory after `cd` or `pushd`, `None` inside where the words do not say; `None` for any other command.
pub(crate) fn after_cd(
    argv: &[String],
    directory: Option<&Path>,
    home: &Path,
) -> Option<Option<PathBuf>> {
    if !matches!(argv.first()?.as_str(), "cd" | "pushd") {
        return None;
    }
    let is_option = |word: &&String| word.len() > 1 && word.starts_with('-');
    let mut words = argv[1..].iter().skip_while(is_option);
    Some(match words.next().map(String::as_str) {
        None => Some(home.to_owned()),
        Some("-") => None,
        Some(word) => located(word, directory, home),
    })
}

/// The file that a path means; `None` where a part of it is not known.
pub(crate) fn located(path: &str, directory: Option<&Path>, home: &Path) -> Option<PathBuf> {
    if path.contains('$') {
        return None;
    }
    let path = match path.strip_prefix('~') {
        Some("") => home.to_owned(),
        Some(below) => home.join(below.strip_prefix('/')?),
        None if path.starts_with('/') => PathBuf::from(path),
        None => directory?.join(path),
    };
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    Some(plain)
}

/// The directory of the script that runs, as an expansion that a shell has for it.
pub(crate) const OF_SCRIPT: &str = "0%/*";

/// The ways to write that expansion.
pub(crate) const OF_SCRIPT_TOO: [&str; 3] = [OF_SCRIPT, "BASH_SOURCE%/*", "BASH_SOURCE[0]%/*"];

/// What a command substitution says of directories, as an expansion: `$(dirname "$0")`, `$(cd DIRECTORY && pwd)`.
pub(crate) fn substituted(text: &str) -> Option<String> {
    nested(text, DEPTH)
}

/// How deep such substitutions are followed that stand in each other.
const DEPTH: usize = 4;

fn nested(text: &str, depth: usize) -> Option<String> {
    let left = depth.checked_sub(1)?;
    let text = text.trim();
    let text = text.strip_prefix("CDPATH= ").unwrap_or(text);
    if is_pwd(text) {
        return Some("${PWD}".to_owned());
    }
    if let Some(path) = text.strip_prefix("dirname ") {
        let path = argument(path);
        let inside = path.strip_prefix("$(").and_then(|p| p.strip_suffix(')'));
        let inside = inside.and_then(|p| {
            p.strip_prefix("readlink -f ")
                .or(p.strip_prefix("realpath "))
        });
        let own = inside.map_or(path, argument);
        let is_own = matches!(
            own,
            "$0" | "${0}" | "$BASH_SOURCE" | "${BASH_SOURCE}" | "${BASH_SOURCE[0]}"
        );
        return is_own.then(|| format!("${{{OF_SCRIPT}}}"));
    }
    if let Some(path) = text.strip_prefix("basename ") {
        let name = argument(path).strip_prefix('$')?;
        let inside = name.strip_prefix('{').and_then(|n| n.strip_suffix('}'));
        let name = inside.unwrap_or(name);
        return is_name(name).then(|| format!("${{{name}##*/}}"));
    }
    let (to, then) = text.strip_prefix("cd ")?.rsplit_once("&&")?;
    let to = argument(to.trim().trim_end_matches(">/dev/null 2>&1"));
    if !is_pwd(then.trim()) {
        return None;
    }
    match to.strip_prefix("$(").and_then(|to| to.rsplit_once(')')) {
        Some((inside, below)) => Some(nested(inside, left)? + below),
        None if to.starts_with("${") => Some(to.to_owned()),
        None => None,
    }
}

fn is_pwd(command: &str) -> bool {
    matches!(command, "pwd" | "pwd -P")
}

/// A word without what stands around it.
fn argument(word: &str) -> &str {
    let word = word.trim();
    let word = word.strip_prefix("-- ").unwrap_or(word).trim();
    let quoted = word.strip_prefix('"').and_then(|w| w.strip_suffix('"'));
    quoted.unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_says_where_it_is_in_many_ways() {
        for text in [
            "dirname \"$0\"",
            "dirname -- \"${BASH_SOURCE[0]}\"",
            "cd \"$(dirname \"$0\")\" && pwd",
            "CDPATH= cd -- \"$(dirname -- \"$0\")\" && pwd -P",
            "cd \"$(dirname \"$(readlink -f \"$0\")\")\" >/dev/null 2>&1 && pwd",
            "cd ${0%/*} && pwd",
        ] {
            assert_eq!(substituted(text).as_deref(), Some("${0%/*}"), "{text}");
        }
        let above = substituted("cd \"$(dirname \"$0\")/..\" && pwd");
        assert_eq!(above.as_deref(), Some("${0%/*}/.."));
        let name = substituted("basename \"$d\"");
        assert_eq!(name.as_deref(), Some("${d##*/}"));
        for text in [
            "dirname \"$1\"",
            "basename $(x)",
            "cd /x && make",
            "date",
            "",
        ] {
            assert_eq!(substituted(text), None, "{text}");
        }
    }

    #[test]
    fn substitutions_in_each_other_end() {
        let deep =
            "cd $(".repeat(50_000) + "cd ${0%/*} && pwd" + ") && pwd".repeat(50_000).as_str();
        assert_eq!(substituted(&deep), None);
    }

    #[test]
    fn a_relative_path_is_that_of_the_directory() {
        let home = Path::new("/home/a");
        let at = |path: &str| located(path, Some(Path::new("/srv/b")), home);
        assert_eq!(at("./run.sh"), Some("/srv/b/run.sh".into()));
        assert_eq!(at("../run.sh"), Some("/srv/run.sh".into()));
        assert_eq!(at("~/run.sh"), Some("/home/a/run.sh".into()));
        assert_eq!(at("$X/run.sh"), None);
        assert_eq!(located("run.sh", None, home), None);
        let cd = |line: &str| {
            let argv: Vec<String> = line.split(' ').map(str::to_owned).collect();
            after_cd(&argv, None, home)
        };
        assert_eq!(cd("cd -P /x"), Some(Some("/x".into())));
        assert_eq!(cd("cd"), Some(Some("/home/a".into())));
        assert_eq!(cd("cd x"), Some(None));
        assert_eq!(cd("cdrecord x"), None);
    }
}
