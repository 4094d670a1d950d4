//! How root gives files below a directory to an account that can turn the way there.

use std::path::Path;

use nix::unistd::geteuid;

use crate::host::account::account_name;
use crate::host::process::shell_quote;
use crate::host::process_text::as_account;

/// The command that gives what is in a directory to an account: all of it, or one file. chown(1) follows the links on the way
/// to what it is given, and whoever owns a directory there turns it to another. So the shell goes there first, the kernel
/// says where that is, and from there on no link is followed.
pub(crate) fn giving(account: &str, directory: &Path, file: Option<&Path>) -> String {
    let account = shell_quote(&[account]);
    let give = match file {
        Some(file) => format!("chown -h {account}{}", listed(&[file])),
        None => format!("chown -Rh {account} ."),
    };
    inside(directory, &give)
}

/// The same for some of what is in a directory, with all that is below.
pub(crate) fn giving_some(account: &str, directory: &Path, paths: &[&Path]) -> String {
    let account = shell_quote(&[account]);
    inside(directory, &format!("chown -Rh {account}{}", listed(paths)))
}

/// The same for what belongs to a number.
pub(crate) fn giving_of(uid: u32, account: &str, directory: &Path) -> String {
    let account = shell_quote(&[account]);
    inside(directory, &format!("chown -Rh --from={uid} {account} ."))
}

/// The command by which the owner of a directory opens it for itself, as whoever asks types it.
pub(crate) fn opening(owner: u32, directory: &Path) -> String {
    let command = shell_quote(&["chmod", "u+rwx", &*directory.to_string_lossy()]);
    match owner == geteuid().as_raw() {
        true => command,
        false => as_account(&account_name(owner), &command),
    }
}

/// Names in the directory that the shell is in.
fn listed(paths: &[&Path]) -> String {
    let names = paths.iter().filter_map(|path| path.file_name());
    let words = names.map(|name| format!(" ./{}", shell_quote(&[name.to_string_lossy()])));
    words.collect()
}

fn inside(directory: &Path, give: &str) -> String {
    let directory = shell_quote(&[directory.to_string_lossy()]);
    // Not the shell's own `pwd`, which remembers the way that it went.
    format!("cd {directory} && test \"$(env pwd -P)\" = {directory} && {give}")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::process::Command;

    use super::*;

    #[test]
    fn files_are_given_where_they_are_and_not_where_a_link_leads() {
        let top = tempfile::tempdir().expect("a directory");
        let top = top.path().canonicalize().expect("its path");
        let home = top.join("profiles of alice/coder");
        fs::create_dir_all(top.join("other/coder")).expect("made");
        fs::create_dir_all(&home).expect("made");
        fs::write(home.join("gateway.lock"), "").expect("written");
        let me = account_name(nix::unistd::geteuid().as_raw());
        let lock = home.join("gateway.lock");
        let works = |file: Option<&Path>| {
            let command = giving(&me, &home, file);
            let shell = Command::new("/bin/sh").args(["-c", &command]).status();
            shell.expect("a shell").success()
        };
        assert!(works(None) && works(Some(&lock)));
        fs::create_dir(home.join("of it")).expect("made");
        for command in [
            giving_some(&me, &home, &[&lock, &home.join("of it")]),
            giving_of(nix::unistd::geteuid().as_raw(), &me, &home),
        ] {
            let shell = Command::new("/bin/sh").args(["-c", &command]).status();
            assert!(shell.expect("a shell").success(), "{command}");
        }
        fs::rename(top.join("profiles of alice"), top.join("away")).expect("moved");
        symlink(top.join("other"), top.join("profiles of alice")).expect("linked");
        fs::write(top.join("other/coder/gateway.lock"), "").expect("written");
        assert!(!works(None) && !works(Some(&lock)));
    }
}
