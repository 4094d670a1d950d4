//! What a release has besides packages: `install.sh`.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// A page of a release with one tarball, for the machine that `uname` tells of, and somebody who has its script.
struct Page {
    top: tempfile::TempDir,
}

impl Page {
    /// A tarball of this target with this program in it, and the script that was made with it.
    fn new(target: &str, program: &Path) -> Self {
        let page = Self {
            top: tempfile::tempdir().unwrap(),
        };
        let name = format!("hermes-install-{}-{target}", env!("CARGO_PKG_VERSION"));
        let files = page.top.path().join("files");
        fs::create_dir_all(files.join(&name)).unwrap();
        fs::copy(program, files.join(&name).join("hermes-install")).unwrap();
        page.sh(&format!(
            "cd files && tar -c {name} | gzip -1 >{name}.tar.gz && rm -r {name} && sha256sum {name}.tar.gz >../digests"
        ));
        let root = env!("CARGO_MANIFEST_DIR");
        let script = fs::read_to_string(Path::new(root).join("release/install.sh.in")).unwrap();
        let digests = fs::read_to_string(page.top.path().join("digests")).unwrap();
        let script = script
            .replace("@VERSION@", env!("CARGO_PKG_VERSION"))
            .replace("@DOWNLOADS@", &format!("file://{}", files.display()))
            .replace("@DIGESTS@", digests.trim());
        fs::write(page.top.path().join("install.sh"), script).unwrap();
        fs::create_dir(page.top.path().join("bin")).unwrap();
        page
    }

    /// The kernel and the machine that `uname` tells of.
    fn machine(&self, machine: &str) {
        let uname = self.top.path().join("bin/uname");
        fs::write(&uname, format!("#!/bin/sh\necho '{machine}'\n")).unwrap();
        self.sh("chmod +x bin/uname");
    }

    /// A person's shell in that directory.
    fn sh(&self, script: &str) -> Output {
        let path = std::env::var("PATH").unwrap();
        Command::new("sh")
            .args(["-c", script])
            .current_dir(self.top.path())
            .env("PATH", format!("{}/bin:{path}", self.top.path().display()))
            .env("LC_ALL", "C.UTF-8")
            .output()
            .unwrap()
    }

    /// Whether the script left a program behind.
    fn has_program(&self) -> bool {
        self.top.path().join("hermes-install").exists()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

const X86: &str = "x86_64-unknown-linux-musl";

#[test]
fn the_script_runs_the_program_of_the_release() {
    let page = Page::new(X86, assert_cmd::cargo::cargo_bin!("hermes-install"));
    page.machine("Linux x86_64");
    let done = page.sh("sh install.sh --version");
    let version = format!("hermes-install {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!((done.status.code(), text(&done.stdout)), (Some(0), version));
    assert!(!page.has_program());
    let done = page.sh("sh install.sh && ./hermes-install --version");
    assert!(done.status.success() && page.has_program());
}

#[test]
fn the_script_takes_the_tarball_of_its_machine() {
    let shell = Path::new("/bin/sh");
    let page = Page::new("aarch64-unknown-linux-musl", shell);
    page.machine("Linux aarch64");
    let done = page.sh("sh install.sh -c 'exit 7'");
    assert_eq!(done.status.code(), Some(7), "the program's own status");
    // The other one is not in this release.
    page.machine("Linux x86_64");
    assert!(!page.sh("sh install.sh -c true").status.success());
    page.machine("Linux sparc64");
    let done = page.sh("sh install.sh");
    assert_eq!(done.status.code(), Some(1));
    assert!(text(&done.stderr).contains("no hermes-install for Linux sparc64"));
    assert!(!page.has_program());
}

#[test]
fn the_script_writes_into_nothing_that_somebody_else_left() {
    // As in /tmp, where others can leave files and links of that name.
    for planted in ["ln -s victim hermes-install", "ln victim hermes-install"] {
        let page = Page::new(X86, Path::new("/bin/true"));
        page.machine("Linux x86_64");
        let done = page.sh(&format!(
            "echo kept >victim && {planted} && sh install.sh && ./hermes-install && cat victim"
        ));
        assert!(done.status.success(), "{planted}: {}", text(&done.stderr));
        assert!(text(&done.stdout).ends_with("kept\n"), "{planted}");
        let placed = page.top.path().join("hermes-install");
        assert!(fs::symlink_metadata(placed).unwrap().is_file(), "{planted}");
    }
}

#[test]
fn the_script_refuses_what_the_release_did_not_have() {
    let page = Page::new(X86, Path::new("/bin/sh"));
    page.machine("Linux x86_64");
    page.sh(
        "mkdir other && cp files/*.tar.gz other/right.tar.gz && printf x >>$(ls files/*.tar.gz)",
    );
    let done = page.sh("sh install.sh");
    assert_eq!(done.status.code(), Some(1));
    assert!(text(&done.stderr).contains("is not the one of this release"));
    assert!(!page.has_program());
    // Whoever adds a digest of another name adds nothing.
    page.sh("cp other/right.tar.gz $(ls files/*.tar.gz) && sed -i s/^.*x86_64-unknown-linux-musl.tar.gz$/$(printf '%064d' 0)'  other'/ install.sh");
    assert!(!page.sh("sh install.sh").status.success());
    assert!(!page.has_program());
}
