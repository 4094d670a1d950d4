//! What a person at a terminal sees: its width is kept, and `status --watch` draws again until it is interrupted.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use nix::pty::{Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::tool::{program, told};

/// A program on a terminal of its own, and what the terminal has been sent.
struct Session {
    child: Child,
    /// The program's side, kept open: whether somebody else has it open, too, then counts for nothing.
    own: File,
    sent: Receiver<Vec<u8>>,
    text: String,
}

impl Session {
    fn start(columns: u16, lines: u16, arguments: &[&str], root: &Path) -> Self {
        let size = Winsize {
            ws_row: lines,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let pty = openpty(Some(&size), None).unwrap();
        let terminal = || Stdio::from(pty.slave.try_clone().unwrap());
        // A shell's background job ignores SIGINT, and so do its children, where this is run as one.
        let child = Command::new("env")
            .arg("--default-signal=INT")
            .arg(assert_cmd::cargo::cargo_bin!("hermes-install"))
            .args(arguments)
            .arg("--root")
            .arg(root)
            .env("TERM", "xterm")
            .env_remove("NO_COLOR")
            .stdin(terminal())
            .stdout(terminal())
            .stderr(terminal())
            .spawn()
            .unwrap();
        let own = File::from(pty.slave);
        let mut master = File::from(pty.master);
        let (to, sent) = channel();
        std::thread::spawn(move || {
            let mut some = [0; 4096];
            while let Ok(length @ 1..) = master.read(&mut some) {
                let _ = to.send(some[..length].to_vec());
            }
        });
        Self {
            child,
            own,
            sent,
            text: String::new(),
        }
    }

    /// Read until something was sent.
    fn until(&mut self, what: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !what(&self.text) {
            let left = deadline.saturating_duration_since(Instant::now());
            let more = self.sent.recv_timeout(left);
            let more = more.unwrap_or_else(|e| panic!("{e}, after:\n{}", self.text));
            self.text += &String::from_utf8_lossy(&more);
        }
    }

    /// What it says until it ends.
    fn finish(mut self) -> String {
        self.child.wait().unwrap();
        // Behind all that it said.
        const END: &str = "<the end>";
        self.own.write_all(END.as_bytes()).unwrap();
        self.until(|text| text.ends_with(END));
        self.text.truncate(self.text.len() - END.len());
        self.text
    }
}

/// An image with profiles of these names.
fn image(profiles: &[&str]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for profile in profiles {
        add(root.path(), profile);
    }
    root
}

fn add(root: &Path, profile: &str) {
    std::fs::create_dir_all(root.join("var/lib/hermes/profiles").join(profile)).unwrap();
}

#[test]
fn a_watch_draws_again_until_it_is_interrupted() {
    let root = image(&["coder"]);
    let arguments = ["status", "--system", "--watch", "1"];
    let mut session = Session::start(80, 24, &arguments, root.path());
    session.until(|text| text.contains("coder"));
    assert!(session.text.starts_with("\x1b[H"), "{:?}", session.text);
    assert!(session.text.contains("every 1s"), "{}", session.text);
    add(root.path(), "writer");
    session.until(|text| text.contains("writer"));
    assert!(session.text.matches("\x1b[H").count() >= 2);
    kill(Pid::from_raw(session.child.id() as i32), Signal::SIGINT).unwrap();
    let ended = session.child.wait().unwrap();
    assert_eq!(ended.signal(), Some(Signal::SIGINT as i32));
}

#[test]
fn a_watch_that_nobody_sees_is_refused() {
    let root = image(&["coder"]);
    let mut status = program();
    status.args(["status", "--system", "--watch", "--root"]);
    let text = told(&status.arg(root.path()).output().unwrap());
    assert!(text.starts_with("exit 2\n"), "{text}");
    assert!(
        text.contains("error: `--watch` draws on a terminal"),
        "{text}"
    );
    assert!(text.contains("hint: "), "{text}");
    for seconds in ["0", "soon"] {
        let output = program()
            .args(["status", "--watch", seconds])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", told(&output));
    }
}

#[test]
fn a_page_is_as_wide_as_its_terminal_and_a_command_is_never_cut() {
    let long = "a-bot-with-a-name-that-is-as-long-as-a-name-of-a-profile-may-be1";
    let root = image(&["coder", long]);
    let units = root.path().join("etc/systemd/system");
    std::fs::create_dir_all(&units).unwrap();
    let unit = "[Service]\nExecStart=/opt/hermes/bin/hermes --profile coder gateway run --replace\nRestart=always\n";
    std::fs::write(units.join("bot.service"), unit).unwrap();
    for command in ["status", "doctor"] {
        for columns in [80, 120] {
            let session = Session::start(columns, 50, &[command, "--system"], root.path());
            let text = session.finish();
            assert!(text.contains("\x1b["), "{text:?}");
            let text = anstream::adapter::strip_str(&text).to_string();
            let is_command = |line: &str| line.trim_start().starts_with("hermes-install ");
            let is_path = |line: &str| line.trim_start().starts_with('/');
            let wide = |line: &&str| line.chars().count() > usize::from(columns);
            let lines: Vec<&str> = text.lines().filter(wide).collect();
            let others = lines
                .iter()
                .filter(|line| !is_command(line) && !is_path(line));
            assert_eq!(others.count(), 0, "{command} at {columns}:\n{text}");
            assert!(text.contains("coder"), "{text}");
        }
    }
    let text = Session::start(80, 50, &["status", "--system"], root.path()).finish();
    assert!(text.contains('…'), "{text}");
}

/// Every message of a run: steps, notes, an error with its ways out.
#[test]
fn messages_and_plans_are_wrapped_and_a_command_stands_alone() {
    let root = image(&["coder"]);
    let units = root.path().join("etc/systemd/system");
    std::fs::create_dir_all(&units).unwrap();
    let unit = "[Service]\nUser=root\nExecStart=/opt/hermes/bin/hermes --profile coder gateway run\nRestart=always\n";
    std::fs::write(units.join("bot.service"), unit).unwrap();
    let long = "a-bot-with-a-name-that-is-as-long-as-a-name-of-a-profile-may-be1";
    let runs: [&[&str]; 5] = [
        &["plan", "--profile", "coder", "--shared", "--system"],
        &["install", "--profile", "coder", "--shared", "--system"],
        &["install", "--profile", long, "--shared", "--system"],
        &["uninstall", "--profile", long],
        &["adopt", "--profile", "default"],
    ];
    for arguments in runs {
        let text = Session::start(60, 50, arguments, root.path()).finish();
        let text = anstream::adapter::strip_str(&text).to_string();
        let is_whole = |line: &str| {
            // A command or a path; of a list of files each has a line.
            let words = line.trim_start().split(' ').count();
            line.starts_with("    ") || words == 1 || line.contains(" /")
        };
        let wide: Vec<&str> = text
            .lines()
            .filter(|line| line.chars().count() > 60 && !is_whole(line))
            .collect();
        assert_eq!(wide, Vec::<&str>::new(), "{arguments:?}:\n{text}");
        for line in text.lines() {
            let is_broken = line.matches('`').count() % 2 == 1;
            assert!(!is_broken || line.chars().count() > 50, "{line}\n{text}");
        }
    }
}
