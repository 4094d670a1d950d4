//! Who could have written an executable, or put another in its place: whoever may write it, a directory above it, or a
//! link on the way. Reads only.
//!
//! What is found stays true for as long as only root and that account act: nobody else can change any part of the way.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};

use nix::unistd::Group;

use crate::host::account::{self, Account, account_name};
use crate::host::read::{Unread, open_regular};

/// The longest chain of interpreters that the kernel takes is shorter (execve(2)).
const INTERPRETERS: usize = 5;
/// Links on one way (path_resolution(7)).
const LINKS: usize = 40;
/// Of every login on some distributions: its members are nobody's to count.
const USERS: u32 = 100;

/// Somebody who could have put another file there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stranger {
    /// What is theirs to write.
    pub(crate) path: PathBuf,
    /// Who, as the end of "may be written by".
    pub(crate) who: String,
}

impl fmt::Display for Stranger {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(
            f,
            "`{}` may be written by {}",
            self.path.display(),
            self.who
        )
    }
}

/// Somebody beside root who could have put another file there, or a link to one; where there is none yet, who could make it.
///
/// # Errors
/// When the way cannot be followed.
pub(crate) fn other_than_root(path: &Path) -> io::Result<Option<Stranger>> {
    let root = Account::root();
    let found = match (follow(path, &root), path.parent()) {
        (Err(e), Some(directory)) if e.kind() == io::ErrorKind::NotFound => {
            follow(directory, &root)
        }
        (found, _) => found,
    };
    Ok(found?.1)
}

/// Somebody beside root and this account who could have written this executable, its interpreter, or a directory or link on
/// the way there.
///
/// # Errors
/// When the way cannot be followed.
pub(crate) fn stranger(path: &Path, account: &Account) -> io::Result<Option<Stranger>> {
    let mut program = path.to_owned();
    for _ in 0..INTERPRETERS {
        let (real, found) = follow(&program, account)?;
        if found.is_some() {
            return Ok(found);
        }
        match interpreter(&real)? {
            Some(next) => program = next,
            None => break,
        }
    }
    Ok(None)
}

/// Go the way of a path, links followed, and look at each step; where it leads, and the first stranger on the way.
fn follow(path: &Path, account: &Account) -> io::Result<(PathBuf, Option<Stranger>)> {
    let mut todo: VecDeque<OsString> = parts(path);
    let mut here = PathBuf::from("/");
    let mut links = 0;
    let mut found = writer(&here, &fs::symlink_metadata(&here)?, account);
    while let Some(part) = todo.pop_front() {
        if part == ".." {
            here.pop();
            continue;
        }
        let next = here.join(&part);
        let meta = fs::symlink_metadata(&next)?;
        found = found.or_else(|| writer(&next, &meta, account));
        if !meta.is_symlink() {
            here = next;
            continue;
        }
        links += 1;
        if links > LINKS {
            return Err(rustix::io::Errno::LOOP.into());
        }
        let target = fs::read_link(&next)?;
        if target.is_absolute() {
            here = PathBuf::from("/");
        }
        for part in parts(&target).into_iter().rev() {
            todo.push_front(part);
        }
    }
    Ok((here, found))
}

fn parts(path: &Path) -> VecDeque<OsString> {
    let part = |c: Component| match c {
        Component::Normal(part) => Some(part.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    };
    path.components().filter_map(part).collect()
}

/// Who beside root and this account may write a file, or the names in a directory. In a sticky directory only an entry's
/// owner can put another in its place, and the entry is looked at next.
fn writer(path: &Path, meta: &fs::Metadata, account: &Account) -> Option<Stranger> {
    let is_trusted = |uid: u32| uid == 0 || uid == account.uid;
    let mode = meta.permissions().mode();
    let is_sticky = meta.is_dir() && mode & 0o1000 != 0;
    let who = if !is_trusted(meta.uid()) {
        format!("`{}`, its owner", account_name(meta.uid()))
    } else if meta.is_symlink() || is_sticky {
        return None;
    } else if mode & 0o002 != 0 {
        "everybody".to_owned()
    } else if mode & 0o020 != 0 && has_access_list(path) {
        "whom its access list names".to_owned()
    } else if mode & 0o020 != 0 && !is_private(meta.gid(), account) {
        format!("the group `{}`", group_name(meta.gid()))
    } else {
        return None;
    };
    Some(Stranger {
        path: path.to_owned(),
        who,
    })
}

/// An access list shows as the group's rights (acl(5)), whoever it names.
fn has_access_list(path: &Path) -> bool {
    let mut nothing = [0_u8; 0];
    rustix::fs::getxattr(path, "system.posix_acl_access", &mut nothing).is_ok_and(|size| size > 0)
}

/// Whether a group has no members but root and this account, as far as this host's files tell: groups of the system and the
/// account's own only, whose members are not in some directory service.
fn is_private(gid: u32, account: &Account) -> bool {
    if gid == 0 {
        return true;
    }
    let is_local = (gid < 1000 && gid != USERS) || gid == account.gid;
    let Ok(Some(group)) = Group::from_gid(gid.into()) else {
        return false;
    };
    let is_trusted = |name: &String| name == "root" || *name == account.name;
    let is_main = |other: &Account| other.gid == gid && other.uid != account.uid && other.uid != 0;
    is_local
        && group.mem.iter().all(is_trusted)
        && !account::all(Path::new("/")).iter().any(is_main)
}

fn group_name(gid: u32) -> String {
    let group = Group::from_gid(gid.into()).ok().flatten();
    group.map_or_else(|| gid.to_string(), |group| group.name)
}

/// The interpreter of a script. It may be any path that the script names: a device would act on its opening.
fn interpreter(program: &Path) -> io::Result<Option<PathBuf>> {
    let mut start = Vec::new();
    // The kernel reads no more of it (BINPRM_BUF_SIZE).
    match open_regular(program) {
        Ok(Some(file)) => file.take(256).read_to_end(&mut start)?,
        Ok(None) => return Err(io::ErrorKind::NotFound.into()),
        // A script has to be readable for its interpreter: this is none.
        Err(Unread::Failed(e)) if e.kind() == io::ErrorKind::PermissionDenied => return Ok(None),
        Err(e) => return Err(e.into()),
    };
    let line = String::from_utf8_lossy(&start);
    let line = line.lines().next().and_then(|l| l.strip_prefix("#!"));
    let word = line.and_then(|l| l.split_whitespace().next());
    Ok(word.filter(|w| w.starts_with('/')).map(PathBuf::from))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A directory of the tester with a program, and who could have written it as the tester's account sees it.
    struct Bench(tempfile::TempDir);

    impl Bench {
        fn new() -> Self {
            let bench = Self(tempfile::tempdir().expect("a directory"));
            fs::create_dir(bench.at("bin")).expect("made");
            bench.program("bin/hermes", "");
            bench
        }

        fn at(&self, path: &str) -> PathBuf {
            self.0.path().join(path)
        }

        fn program(&self, path: &str, text: &str) {
            fs::write(self.at(path), text).expect("written");
            self.mode(path, 0o755);
        }

        fn mode(&self, path: &str, mode: u32) {
            fs::set_permissions(self.at(path), fs::Permissions::from_mode(mode)).expect("set");
        }

        fn who(&self, path: &str) -> Option<String> {
            let own = Account::own().expect("we have one");
            let found = stranger(&self.at(path), &own).expect("it can be followed")?;
            let relative = found.path.strip_prefix(self.0.path()).expect("ours");
            Some(format!("{}: {}", relative.display(), found.who))
        }
    }

    #[test]
    fn a_program_that_only_we_and_root_can_write_has_no_stranger() {
        let bench = Bench::new();
        assert_eq!(bench.who("bin/hermes"), None);
    }

    #[test]
    fn every_file_and_directory_on_the_way_counts() {
        for (path, mode) in [("bin/hermes", 0o757), ("bin", 0o777), ("", 0o707)] {
            let bench = Bench::new();
            bench.mode(path, mode);
            let found = bench.who("bin/hermes");
            assert_eq!(found, Some(format!("{path}: everybody")));
        }
        let bench = Bench::new();
        bench.mode("bin", 0o1777);
        assert_eq!(bench.who("bin/hermes"), None, "nobody can replace it there");
    }

    #[test]
    fn links_and_interpreters_count() {
        let bench = Bench::new();
        fs::create_dir(bench.at("open")).expect("made");
        symlink(bench.at("bin/hermes"), bench.at("open/hermes")).expect("made");
        symlink("open/hermes", bench.at("link")).expect("made");
        assert_eq!(bench.who("link"), None);
        bench.mode("open", 0o777);
        assert_eq!(bench.who("link"), Some("open: everybody".to_owned()));
        bench.program("open/python", "");
        let script = format!("#!{} -I\n", bench.at("open/python").display());
        bench.program("bin/hermes", &script);
        assert_eq!(bench.who("bin/hermes"), Some("open: everybody".to_owned()));
    }

    #[test]
    fn a_file_that_is_not_there_yet_is_whose_its_directory_is() {
        let bench = Bench::new();
        bench.mode("bin", 0o777);
        let found = other_than_root(&bench.at("bin/token")).expect("it can be followed");
        let who = found.expect("somebody").to_string();
        assert!(who.contains("may be written by"), "{who}");
        assert!(other_than_root(&bench.at("none/token")).is_err());
        assert_eq!(
            other_than_root(Path::new("/etc/passwd")).expect("there"),
            None
        );
    }

    #[test]
    fn an_interpreter_that_is_no_file_is_not_opened() {
        let bench = Bench::new();
        nix::unistd::mkfifo(&bench.at("pipe"), nix::sys::stat::Mode::S_IRWXU).expect("made");
        bench.program("bin/hermes", &format!("#!{}\n", bench.at("pipe").display()));
        let own = Account::own().expect("we have one");
        let error = stranger(&bench.at("bin/hermes"), &own).expect_err("no program");
        assert!(error.to_string().contains("not a regular file"), "{error}");
    }

    #[test]
    fn a_program_of_another_account_is_a_stranger_s() {
        let bench = Bench::new();
        let other = Account {
            uid: 4242,
            ..Account::future("other", Path::new("/"))
        };
        let found = stranger(&bench.at("bin/hermes"), &other).expect("it can be followed");
        let is_root = nix::unistd::geteuid().is_root();
        assert_eq!(found.is_none(), is_root, "{found:?}");
    }
}
