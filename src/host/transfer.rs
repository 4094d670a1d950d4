//! Files of one account copied for another. Each side runs as its own account, under systemd, and root only joins the two:
//! no path of either is root's to follow, and the copies are new files, which nobody has open. The account that is read may
//! make its data grow meanwhile: a copy ends when it fills the disk, or takes too long.

use std::ffi::OsString;
use std::io::{self, Read as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};

use crate::host::account::Account;
use crate::host::span;
use crate::host::systemctl::{literal, plain};

/// How long one step may take, such as the copy as a whole.
const LONGEST: Duration = Duration::from_secs(3600);

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
        let most = to.room().with_context(|| failed(to, "measured"))?;
        let begin = Instant::now();
        let (read, written) = join(&mut read, &mut write, most);
        if begin.elapsed() >= LONGEST && (read.is_err() || written.is_err()) {
            bail!(
                "the copy of `{}` took longer than {} and was ended",
                self.directory.display(),
                span::written(LONGEST.as_secs())
            );
        }
        written.with_context(|| failed(to, "written"))?;
        read.with_context(|| failed(self, "read"))
    }

    /// Make it, empty, whatever is left of an earlier one.
    pub(crate) fn make_anew(&self) -> Result<()> {
        self.remove()?;
        self.run_on(&["mkdir", "--"])
    }

    /// Have the disk hold everything that was written below it.
    pub(crate) fn sync(&self) -> Result<()> {
        self.run_on(&["sync", "--file-system", "--"])
    }

    /// Remove it with everything in it.
    pub(crate) fn remove(&self) -> Result<()> {
        self.run_on(&["rm", "--recursive", "--force", "--"])
    }

    /// Give this directory another name, in the place of an empty directory or of nothing.
    pub(crate) fn rename(&self, to: &Path) -> Result<()> {
        let mut command = self.command(&["mv", "--no-target-directory", "--"]);
        command.arg(literal(&self.directory.to_string_lossy()));
        command.arg(literal(&to.to_string_lossy()));
        self.run(command)
    }

    /// How many bytes may come here, such that the disk is not full of them.
    fn room(&self) -> Result<u64> {
        let mut command = self.command(&["stat", "--file-system", "--format=%a %S", "--"]);
        command.arg(literal(&self.directory.to_string_lossy()));
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let mut said = String::new();
        if let Some(stdout) = child.stdout.take() {
            stdout.take(64).read_to_string(&mut said)?;
        }
        end(child)?;
        let numbers: Option<Vec<u64>> = said.split_whitespace().map(|n| n.parse().ok()).collect();
        match numbers.as_deref() {
            Some([free, size]) => Ok(free.saturating_mul(*size) / 10 * 9),
            _ => bail!("its free space is not a number"),
        }
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
        command.arg(format!("--property=RuntimeMaxSec={}", LONGEST.as_secs()));
        command.arg("--").args(words);
        command
    }
}

/// Have one program read what another one writes, up to so many bytes; how each ended.
fn join(read: &mut Command, write: &mut Command, most: u64) -> (Result<()>, Result<()>) {
    let reader = read.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut reader = match reader {
        Ok(reader) => reader,
        Err(e) => return (Err(e.into()), Ok(())),
    };
    let writer = write.stdin(Stdio::piped()).stdout(Stdio::null());
    let mut writer = match writer.stderr(Stdio::piped()).spawn() {
        Ok(writer) => writer,
        Err(e) => {
            drop(reader.stdout.take());
            return (end(reader), Err(e.into()));
        }
    };
    let pipes = reader.stdout.take().zip(writer.stdin.take());
    // At the same time: one that complains of many files fills its pipe, and waits for whoever reads that.
    let (read, written, passed) = std::thread::scope(|scope| {
        let passed = scope.spawn(|| pipes.map_or(Ok(0), |(from, to)| pass(from, to, most)));
        let read = scope.spawn(|| end(reader));
        let written = end(writer);
        let read = read.join();
        let read = read.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (read, written, passed.join())
    });
    match passed {
        Ok(Ok(passed)) if passed > most => {
            let text = "there is more than the disk of the copy has room for; move what is large away first";
            (Err(anyhow!(text)), Ok(()))
        }
        _ => (read, written),
    }
}

/// Hand on what comes, and one byte more than may come at most. Both programs see the end of their pipe then.
fn pass(from: ChildStdout, mut to: ChildStdin, most: u64) -> io::Result<u64> {
    io::copy(&mut from.take(most.saturating_add(1)), &mut to)
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

    /// How a reader and a writer that are joined end.
    fn joined(read: &'static str, write: &'static str, most: u64) -> (Result<()>, Result<()>) {
        let (tell, told) = channel();
        std::thread::spawn(move || tell.send(join(&mut shell(read), &mut shell(write), most)));
        told.recv_timeout(Duration::from_secs(60))
            .expect("both end")
    }

    #[test]
    fn a_reader_ends_with_the_writer() {
        let (_, written) = joined("head -c 10000000 /dev/zero", "exit 1", u64::MAX);
        assert!(written.is_err(), "the writer failed");
    }

    #[test]
    fn a_reader_that_complains_of_many_files_ends() {
        let read = "head -c 300000 /dev/zero >&2; echo file; exit 2";
        let (read, written) = joined(read, "read name && test $name = file", u64::MAX);
        assert!(read.is_err(), "the reader failed");
        assert!(written.is_ok(), "{written:?}");
    }

    #[test]
    fn a_reader_without_end_is_ended() {
        let (read, _) = joined("cat /dev/zero", "cat > /dev/null", 1 << 20);
        let why = format!("{:#}", read.expect_err("too much"));
        assert!(why.contains("room"), "{why}");
    }
}
