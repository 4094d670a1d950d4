//! Debian's maintainer scripts, as far as a directory in the place of `/` shows them, and what README.Debian tells people
//! to type. On a running host `tests/vm` plays the whole life of the package (`deb_*`).

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use crate::tool::told;

const DROP_IN: &str = "50-hermes-install.conf";

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

#[test]
fn a_purge_does_not_fail_where_directories_are_links_to_another_disk() {
    let top = tempfile::tempdir().unwrap();
    let root = top.path();
    let lib = root.join("var/lib");
    let drop_ins = root.join("etc/systemd/system/hermes-gateway@coder.service.d");
    fs::create_dir_all(lib.join("hermes-install")).unwrap();
    fs::create_dir_all(drop_ins.parent().unwrap()).unwrap();
    for (link, target) in [
        (lib.join("hermes"), root.join("srv/hermes")),
        (lib.join("hermes-tenants"), root.join("srv/tenants")),
        (drop_ins.clone(), root.join("srv/drop-ins")),
    ] {
        fs::create_dir_all(&target).unwrap();
        symlink(target, link).unwrap();
    }
    fs::write(drop_ins.join(DROP_IN), "[Service]\n").unwrap();
    let digest = Command::new("sha256sum")
        .arg(drop_ins.join(DROP_IN))
        .output()
        .unwrap();
    fs::write(lib.join("hermes-install/receipt.json"), digest.stdout).unwrap();

    let done = Command::new("sh")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("debian/hermes-gateway.postrm"))
        .arg("purge")
        .env("DPKG_ROOT", root)
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", told(&done));
    assert!(!drop_ins.join(DROP_IN).exists(), "it is as it was written");
    assert!(!lib.join("hermes-install").exists());
    assert!(lib.join("hermes").is_symlink() && drop_ins.is_symlink());
    // The command that ends the data ends what the link leads to.
    let both = format!("rm -r {0}/srv/hermes {0}/var/lib/hermes", root.display());
    assert!(told(&done).contains(&both), "{}", told(&done));
}

#[test]
fn a_removal_that_is_called_off_starts_again_what_it_has_stopped() {
    let top = tempfile::tempdir().unwrap();
    let at = |name: &str| top.path().join(name);
    fs::create_dir_all(at("bin")).unwrap();
    let said = at("said");
    for program in ["systemctl", "deb-systemd-invoke"] {
        let text = format!("#!/bin/sh\necho {program} \"$@\" >>{}\n", said.display());
        fs::write(at("bin").join(program), text).unwrap();
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(at("bin").join(program), mode).unwrap();
    }
    // A host that was booted with systemd, wherever this runs.
    let booted = top.path().display().to_string();
    let script = read("debian/hermes-gateway.postinst").replace("/run/systemd/system", &booted);
    fs::write(at("postinst"), script).unwrap();
    let path = format!("{}:{}", at("bin").display(), std::env::var("PATH").unwrap());
    let starts = |how: &str| -> Vec<String> {
        fs::write(&said, "").unwrap();
        let mut run = Command::new("sh");
        run.arg(at("postinst")).args([how, "in-favour", "x", "1"]);
        let done = run.env("PATH", &path).output().unwrap();
        assert!(done.status.success(), "{how}: {}", told(&done));
        let text = fs::read_to_string(&said).unwrap();
        let starts = text.lines().filter(|line| line.contains(" start "));
        starts.map(str::to_owned).collect()
    };
    assert_eq!(
        starts("abort-remove"),
        [
            "deb-systemd-invoke start hermes-gateway.target",
            "deb-systemd-invoke --user start hermes-gateway.target",
        ]
    );
    let restarts = |names: &str, code: u8| -> Vec<String> {
        let text = format!("#!/bin/sh\nprintf '{names}'\nexit {code}\n");
        fs::write(at("bin/hermes-install"), text).unwrap();
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(at("bin/hermes-install"), mode).unwrap();
        starts("configure");
        let text = fs::read_to_string(&said).unwrap();
        let restarts = text.lines().filter(|line| line.contains("try-restart"));
        restarts.map(str::to_owned).collect()
    };
    let two = r"hermes-gateway@a.service\nhermes-gateway@b.service\n";
    let call = "deb-systemd-invoke try-restart hermes-gateway@";
    assert_eq!(
        restarts(two, 0),
        [format!("{call}a.service hermes-gateway@b.service")]
    );
    assert_eq!(restarts("", 0), Vec::<String>::new(), "none could start");
    assert_eq!(restarts("", 2), [format!("{call}*.service")], "not known");
    // The prerm has stopped nothing.
    for how in ["abort-upgrade", "abort-deconfigure"] {
        assert_eq!(starts(how), Vec::<String>::new(), "{how}");
    }
}

#[test]
fn readme_debian_installs_hermes_as_the_page_for_every_day_does() {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let page = read("docs/everyday.md");
    let command = page.lines().find(|line| line.starts_with("curl "));
    let readme = words(&read("debian/hermes-gateway.README.Debian").replace("\\\n", " "));
    assert!(readme.contains(&words(command.unwrap())), "{readme}");
}
