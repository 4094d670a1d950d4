//! What others must not get: the part of `tests/attacks` that takes seconds and needs no rights.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::tool::{program, told, tree};

const UNIT: &str = "etc/systemd/system/bot.service";
const SECRET: &str = "123456:hunter2hunter2";

/// An image with a profile, and somebody's unit that runs it.
struct Image {
    top: TempDir,
}

impl Image {
    fn new() -> Self {
        let top = tempfile::tempdir().unwrap();
        let image = Self { top };
        image.write("opt/hermes/bin/hermes", "");
        image.write("var/lib/hermes/config.yaml", "");
        image.write(
            "etc/passwd",
            "root:x:0:0::/root:/bin/sh\nhermes:x:999:999::/var/lib/hermes:/bin/sh\n",
        );
        image
    }

    fn write(&self, path: &str, text: &str) -> PathBuf {
        let path = self.top.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    fn with_unit() -> Self {
        let image = Self::new();
        let unit = format!(
            "[Service]\nUser=hermes\nExecStart=/opt/hermes/bin/hermes gateway run\nEnvironment=HERMES_HOME=/var/lib/hermes\n\
             Environment=\"TELEGRAM_BOT_TOKEN={SECRET}\"\n"
        );
        image.write(UNIT, &unit);
        let wants = "etc/systemd/system/multi-user.target.wants";
        std::fs::create_dir_all(image.top.path().join(wants)).unwrap();
        let link = image.top.path().join(wants).join("bot.service");
        std::os::unix::fs::symlink("/etc/systemd/system/bot.service", link).unwrap();
        image
    }

    fn run(&self, args: &[&str]) -> Output {
        let mut program = program();
        program
            .args(args)
            .args(["--profile", "default", "--system"]);
        program.arg("--root").arg(self.top.path());
        program.output().unwrap()
    }
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_secret_in_somebodys_unit_is_neither_shown_nor_left_for_others_to_read() {
    let image = Image::with_unit();
    let plan = image.run(&["plan", "--migrate", "--diff"]);
    let text = told(&plan);
    assert!(text.contains("TELEGRAM_BOT_TOKEN=(hidden)"), "{text}");
    assert!(!text.contains(SECRET), "{text}");

    let done = image.run(&["--migrate"]);
    assert!(done.status.success(), "{}", told(&done));
    let backups = image.top.path().join("var/lib/hermes-install/backup");
    assert_eq!(mode(&backups), 0o700);
    let all: Vec<_> = std::fs::read_dir(&backups).unwrap().collect();
    assert_eq!(all.len(), 1);
    let backup = all[0].as_ref().unwrap().path();
    assert_eq!(mode(&backup), 0o700);
    assert_eq!(mode(&backup.join(UNIT)), 0o600);
    let kept = std::fs::read_to_string(backup.join(UNIT)).unwrap();
    assert!(kept.contains(SECRET), "{kept}");
    let before = std::fs::read_to_string(backup.join("before.json")).unwrap();
    assert!(before.contains("\"mode\": \"0644\""), "{before}");
}

#[test]
fn what_cannot_be_read_may_be_another_owner() {
    let image = Image::new();
    // One of the reasons for which a file is not read that needs no rights to bring about.
    image.write(UNIT, &format!("[Service]\n{}", "# x\n".repeat(1_200_000)));
    let refused = image.run(&[]);
    let text = told(&refused);
    assert_eq!(refused.status.code(), Some(3), "{text}");
    assert!(text.contains("cannot be told"), "{text}");
    assert!(
        text.contains("`/etc/systemd/system/bot.service` cannot be read"),
        "{text}"
    );
    assert!(!tree(image.top.path()).contains("hermes-gateway@"));
}

#[test]
fn a_lock_on_a_directory_of_the_host_stops_nobody() {
    let image = Image::new();
    let directory = image.top.path().join("var/lib");
    let mut holder = Command::new("flock")
        .arg(&directory)
        .args(["sh", "-c", "echo locked; cat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = [0; 7];
    std::io::Read::read_exact(holder.stdout.as_mut().unwrap(), &mut line).unwrap();
    let done = image.run(&[]);
    drop(holder.stdin.take());
    holder.wait().unwrap();
    assert!(done.status.success(), "{}", told(&done));
}
