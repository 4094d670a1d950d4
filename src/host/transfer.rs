//! Files of one account copied for another. Each side runs as its own account, under systemd, and root only joins the two:
//! no path of either is root's to follow, and the copies are new files, which nobody has open.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::host::account::Account;
use crate::host::systemctl::{literal, plain};

/// A directory and the account that it is read or written as.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Side<'a> {
    /// The account; it exists.
    pub(crate) account: &'a Account,
    /// The directory; it exists.
    pub(crate) directory: &'a Path,
}

impl Side<'_> {
    /// Copy what is in this directory to another, but these names at its top.
    pub(crate) fn copy(&self, to: &Side, without: &[&str]) -> Result<()> {
        // A file may say that it is terabytes long and hold nothing.
        let mut read = self.command(&["tar", "--create", "--anchored", "--sparse"]);
        read.args(without.iter().map(|name| format!("--exclude=./{name}")));
        read.args([self.named(), ".".into()]);
        let mut write = to.command(&["tar", "--extract", "--preserve-permissions"]);
        write.arg(to.named());
        let failed = |side: &Side, what: &str| {
            format!(
                "`{}` could not be {what} as `{}`",
                side.directory.display(),
                side.account.name
            )
        };
        let (read, written) = join(&mut read, &mut write);
        written.with_context(|| failed(to, "written"))?;
        read.with_context(|| failed(self, "read"))
    }

    /// Make it, empty, whatever is left of an earlier one.
    pub(crate) fn make_anew(&self) -> Result<()> {
        self.remove()?;
        self.run_on(&["mkdir", "--"])
    }

    /// Remove it with everything in it.
    pub(crate) fn remove(&self) -> Result<()> {
        self.run_on(&["rm", "--recursive", "--force", "--"])
    }

    /// Remove everything in this directory.
    pub(crate) fn empty(&self) -> Result<()> {
        let mut command = self.command(&["find"]);
        command.arg(literal(&self.directory.to_string_lossy()));
        command.args(["-mindepth", "1", "-delete"]);
        self.run(command)
    }

    /// Give this directory another name, in the place of an empty directory or of nothing.
    pub(crate) fn rename(&self, to: &Path) -> Result<()> {
        let mut command = self.command(&["mv", "--no-target-directory", "--"]);
        command.arg(literal(&self.directory.to_string_lossy()));
        command.arg(literal(&to.to_string_lossy()));
        self.run(command)
    }

    fn run_on(&self, words: &[&str]) -> Result<()> {
        let mut command = self.command(words);
        command.arg(literal(&self.directory.to_string_lossy()));
        self.run(command)
    }

    fn run(&self, mut command: Command) -> Result<()> {
        let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        child
            .map_err(Into::into)
            .and_then(end)
            .with_context(|| format!("`{}`", self.directory.display()))
    }

    fn named(&self) -> OsString {
        let mut word = OsString::from("--directory=");
        word.push(literal(&self.directory.to_string_lossy()));
        word
    }

    /// A program of the system's as the account: without a terminal, capabilities, network or a way to new rights.
    fn command(&self, words: &[&str]) -> Command {
        let mut command = plain("systemd-run");
        command.args(["--quiet", "--collect", "--wait", "--pipe"]);
        command.arg(format!("--uid={}", self.account.name));
        command.arg(format!("--gid={}", self.account.group));
        let limits = [
            "NoNewPrivileges=yes",
            "CapabilityBoundingSet=",
            "PrivateNetwork=yes",
            "PrivateDevices=yes",
            "UMask=0077",
        ];
        command.args(limits.map(|limit| format!("--property={limit}")));
        command.arg("--").args(words);
        command
    }
}

/// Have one program read what another one writes; how each ended.
fn join(read: &mut Command, write: &mut Command) -> (Result<()>, Result<()>) {
    let reader = read.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut reader = match reader {
        Ok(reader) => reader,
        Err(e) => return (Err(e.into()), Ok(())),
    };
    let stream = reader.stdout.take().map_or_else(Stdio::null, Stdio::from);
    let writer = write.stdin(stream).stdout(Stdio::null());
    let writer = writer.stderr(Stdio::piped()).spawn();
    // A command keeps what it was given. The reader ends with the writer when nobody else has the other end of its pipe.
    write.stdin(Stdio::null());
    // At the same time: one that complains of many files fills its pipe, and waits for whoever reads that.
    std::thread::scope(|scope| {
        let read = scope.spawn(|| end(reader));
        let written = writer.map_err(Into::into).and_then(end);
        let read = read.join();
        let read = read.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (read, written)
    })
}

fn end(child: Child) -> Result<()> {
    let done = child.wait_with_output()?;
    if !done.status.success() {
        let said = String::from_utf8_lossy(&done.stderr);
        let last = said.lines().rfind(|line| !line.trim().is_empty());
        bail!(
            "it ended with {}: {}",
            done.status,
            last.unwrap_or("it said nothing").trim()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::*;

    fn shell(text: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", text]);
        command
    }

    #[test]
    fn a_reader_ends_with_the_writer() {
        let (tell, told) = channel();
        std::thread::spawn(move || {
            let mut read = shell("head -c 10000000 /dev/zero");
            let mut write = shell("exit 1");
            tell.send(join(&mut read, &mut write))
        });
        let (_, written) = told
            .recv_timeout(Duration::from_secs(60))
            .expect("both end");
        assert!(written.is_err(), "the writer failed");
    }

    #[test]
    fn a_reader_that_complains_of_many_files_ends() {
        let (tell, told) = channel();
        std::thread::spawn(move || {
            let mut read = shell("head -c 300000 /dev/zero >&2; echo file; exit 2");
            let mut write = shell("read name && test $name = file");
            tell.send(join(&mut read, &mut write))
        });
        let (read, written) = told
            .recv_timeout(Duration::from_secs(60))
            .expect("both end");
        assert!(read.is_err(), "the reader failed");
        assert!(written.is_ok(), "{written:?}");
    }
}
