//! Units of others on an image: migrated to ours, or shielded. On a running host `tests/vm` plays the same.

use std::path::{Path, PathBuf};
use std::process::Output;

use tempfile::TempDir;

use crate::tool::{program, told, tree};

const UNIT: &str = "etc/systemd/system/hermes-gateway-coder.service";
const WANTED: &str = "etc/systemd/system/multi-user.target.wants/hermes-gateway-coder.service";
const DROP_IN: &str =
    "etc/systemd/system/hermes-gateway-coder.service.d/50-hermes-install-shield.conf";
const LAUNCHER: &str = "usr/local/lib/hermes-install/hermes-install";
const TEXT: &str = "[Service]\nUser=hermes\n\
                    ExecStart=/opt/h/bin/python -m hermes_cli.main --profile coder gateway run\n\
                    Environment=\"HERMES_HOME=/var/lib/hermes/profiles/coder\"\nRestart=always\n";

/// An image with a profile, hermes at a place of its own, and the unit that hermes made for it, enabled.
pub(crate) struct Image {
    top: TempDir,
}

impl Image {
    pub(crate) fn new() -> Self {
        let image = Self {
            top: tempfile::tempdir().unwrap(),
        };
        for directory in ["var/lib/hermes/profiles/coder", "usr/lib/systemd/system"] {
            std::fs::create_dir_all(image.at(directory)).unwrap();
        }
        image.write(
            "etc/passwd",
            "hermes:x:999:999::/var/lib/hermes:/usr/sbin/nologin\n",
        );
        image.write("opt/h/bin/hermes", "");
        image.write(UNIT, TEXT);
        image.link(WANTED, "/etc/systemd/system/hermes-gateway-coder.service");
        image
    }

    pub(crate) fn at(&self, path: &str) -> PathBuf {
        self.top.path().join(path)
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        std::fs::create_dir_all(self.at(path).parent().unwrap()).unwrap();
        std::fs::write(self.at(path), text).unwrap();
    }

    pub(crate) fn link(&self, path: &str, target: &str) {
        std::fs::create_dir_all(self.at(path).parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(target, self.at(path)).unwrap();
    }

    pub(crate) fn is_there(&self, path: &str) -> bool {
        std::fs::symlink_metadata(self.at(path)).is_ok()
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        let root = ["--system", "--root"];
        let mut program = program();
        program.args(args).args(root).arg(self.top.path());
        program.output().unwrap()
    }

    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(
            output.status.success(),
            "{args:?}\n{}{}",
            told(&output),
            self.tree()
        );
        told(&output)
    }

    fn tree(&self) -> String {
        tree(self.top.path())
    }

    /// The only backup directory.
    fn backup(&self) -> PathBuf {
        let all = std::fs::read_dir(self.at("var/lib/hermes-install/backup")).unwrap();
        let all: Vec<PathBuf> = all.map(|e| e.unwrap().path()).collect();
        assert_eq!(all.len(), 1, "{all:?}");
        all[0].clone()
    }
}

#[test]
fn migration_moves_a_unit_with_its_links_and_drop_ins_to_the_backup() {
    let image = Image::new();
    let own = "etc/systemd/system/hermes-gateway-coder.service.d/override.conf";
    image.write(own, "[Service]\nNice=5\n");
    image.link(
        "etc/systemd/system/agent.service",
        "hermes-gateway-coder.service",
    );
    let text = image.ok(&["--profile", "coder", "--migrate"]);
    for path in [UNIT, WANTED, own, "etc/systemd/system/agent.service"] {
        assert!(!image.is_there(path), "{path}\n{text}");
        assert!(
            std::fs::symlink_metadata(image.backup().join(path)).is_ok(),
            "{path}"
        );
    }
    assert_eq!(
        std::fs::read_to_string(image.backup().join(UNIT)).unwrap(),
        TEXT
    );
    // hermes is where the old unit ran it.
    let settings = "etc/systemd/system/hermes-gateway@coder.service.d/50-hermes-install.conf";
    let settings = std::fs::read_to_string(image.at(settings)).unwrap();
    assert!(
        settings.contains("\nEnvironment=HERMES_INSTALL_HERMES=/opt/h/bin/hermes\n"),
        "{settings}"
    );
    image.ok(&["--profile", "coder", "--hermes", "/opt/h/bin/hermes"]);
    image.ok(&["uninstall", "--yes"]);
    assert_eq!(
        std::fs::read_to_string(image.backup().join(UNIT)).unwrap(),
        TEXT
    );
}

#[test]
fn a_failed_migration_puts_the_old_unit_back() {
    let image = Image::new();
    // The link's directory cannot be made: a file is in its place.
    image.write(
        "etc/systemd/system/hermes-gateway.target.wants",
        "in the way",
    );
    let before = image.tree();
    let output = image.run(&["--profile", "coder", "--migrate"]);
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    assert!(told(&output).contains("everything is as it was before"));
    assert_eq!(before, image.tree());
}

#[test]
fn a_package_s_unit_is_masked_until_uninstall() {
    let image = Image::new();
    std::fs::rename(
        image.at(UNIT),
        image.at("usr/lib/systemd/system/hermes-gateway-coder.service"),
    )
    .unwrap();
    image.ok(&["--profile", "coder", "--migrate"]);
    let is_masked =
        || std::fs::read_link(image.at(UNIT)).is_ok_and(|target| target == Path::new("/dev/null"));
    assert!(is_masked() && !image.is_there(WANTED));
    image.ok(&["upgrade", "--yes"]);
    image.ok(&["--profile", "coder", "--hermes", "/opt/h/bin/hermes"]);
    assert!(is_masked());
    image.ok(&["uninstall", "--yes"]);
    assert!(!image.is_there(UNIT));
    assert!(image.is_there("usr/lib/systemd/system/hermes-gateway-coder.service"));
}

#[test]
fn a_shield_comes_and_goes_without_a_trace() {
    let image = Image::new();
    let before = image.tree();
    image.ok(&["shield", "--profile", "coder"]);
    let text = std::fs::read_to_string(image.at(DROP_IN)).unwrap();
    for line in [
        "ExecStart=\n",
        "ExecStart=/usr/local/lib/hermes-install/hermes-install exec --profile coder\n",
        "Environment=HERMES_HOME=/var/lib/hermes\n",
        "Environment=HERMES_INSTALL_HERMES=/opt/h/bin/hermes\n",
        "Restart=on-failure\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
    assert!(image.is_there(LAUNCHER));
    assert!(
        !image.is_there("etc/systemd/system/hermes-gateway@.service"),
        "none of our own units is needed"
    );
    let shielded = image.tree();
    for again in [
        &["shield"][..],
        &["shield", "--unit", "hermes-gateway-coder"],
        &["upgrade", "--yes"],
    ] {
        image.ok(again);
        assert_eq!(shielded, image.tree(), "{again:?}");
    }
    let status = image.ok(&["status", "--long"]);
    assert!(
        status.contains("shield   hermes-gateway-coder.service,") && !status.contains("drift"),
        "{status}"
    );
    image.ok(&["shield", "--remove"]);
    assert_eq!(before, image.tree());
    image.ok(&["shield"]);
    image.ok(&["uninstall", "--yes"]);
    assert_eq!(before, image.tree());
}

#[test]
fn a_shield_outlives_the_uninstall_of_other_profiles_and_ends_with_a_migration() {
    let image = Image::new();
    image.ok(&["shield"]);
    image.ok(&["--profile", "default", "--hermes", "/opt/h/bin/hermes"]);
    image.ok(&["uninstall", "--profile", "default"]);
    assert!(image.is_there(DROP_IN) && image.is_there(LAUNCHER));
    image.ok(&["--profile", "coder", "--migrate"]);
    assert!(!image.is_there(DROP_IN) && !image.is_there(UNIT));
    assert!(
        image
            .ok(&["shield", "--remove"])
            .contains("nothing was changed")
    );
}

#[test]
fn an_edited_shield_is_kept() {
    let image = Image::new();
    image.ok(&["shield"]);
    image.write(DROP_IN, "[Service]\nNice=5\n");
    let status = told(&image.run(&["status", "--long"]));
    // Wherever a line of it ends.
    let words: Vec<&str> = status.split_whitespace().collect();
    assert!(
        words
            .join(" ")
            .contains("50-hermes-install-shield.conf` was edited"),
        "{status}"
    );
    let output = image.run(&["shield"]);
    assert_eq!(output.status.code(), Some(3), "{}", told(&output));
    let text = image.ok(&["shield", "--remove"]);
    assert!(
        text.contains("was changed after it was installed and stays"),
        "{text}"
    );
    assert!(image.is_there(DROP_IN) && !image.is_there(LAUNCHER));
}

#[test]
fn what_cannot_be_shielded_or_adopted_is_refused_with_a_way_out() {
    let image = Image::new();
    let before = image.tree();
    for (args, way_out) in [
        (&["shield", "--profile", "other"][..], "`--unit UNIT`"),
        (&["shield", "--unit", "ssh"], "`ssh.service` is no unit"),
        (
            &["adopt", "--profile", "coder", "--yes"],
            "leave out `--root`",
        ),
    ] {
        let output = image.run(args);
        assert_eq!(output.status.code(), Some(3), "{}", told(&output));
        assert!(told(&output).contains(way_out), "{}", told(&output));
    }
    image.write(
        UNIT,
        "[Service]\nExecStart=docker exec agent hermes gateway run\n",
    );
    let output = image.run(&["shield", "--unit", "hermes-gateway-coder"]);
    assert_eq!(output.status.code(), Some(3), "{}", told(&output));
    image.write(UNIT, TEXT);
    assert_eq!(before, image.tree());
}
