//! install, upgrade and uninstall on an image: the whole pipeline without a manager.

use sha2::Digest as _;
use std::path::Path;
use std::process::Output;

use tempfile::TempDir;

use crate::tool::{program, told, tree};

/// An image with a hermes and a default profile.
fn image() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for directory in [
        "var/lib/hermes/profiles/coder",
        "opt/hermes/bin",
        "etc/systemd/system",
    ] {
        std::fs::create_dir_all(root.path().join(directory)).unwrap();
    }
    std::fs::write(root.path().join("opt/hermes/bin/hermes"), "").unwrap();
    root
}

fn run(root: &Path, args: &[&str]) -> Output {
    program()
        .args(args)
        .arg("--system")
        .arg("--root")
        .arg(root)
        .output()
        .unwrap()
}

fn ok(root: &Path, args: &[&str]) -> String {
    let output = run(root, args);
    assert!(
        output.status.success(),
        "{args:?}\n{}{}",
        told(&output),
        tree(root)
    );
    told(&output)
}

/// When each file was last changed: a run that writes nothing changes none.
fn times(root: &Path) -> Vec<(std::path::PathBuf, std::time::SystemTime)> {
    let mut found = Vec::new();
    let mut todo = vec![root.to_owned()];
    while let Some(directory) = todo.pop() {
        for entry in std::fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let meta = std::fs::symlink_metadata(&path).unwrap();
            if meta.is_dir() {
                todo.push(path.clone());
            }
            found.push((path, meta.modified().unwrap()));
        }
    }
    found.sort();
    found
}

#[test]
fn uninstall_leaves_an_image_byte_for_byte_as_it_was() {
    let root = image();
    let before = tree(root.path());
    ok(root.path(), &["--profile", "default", "--profile", "coder"]);
    assert!(
        root.path()
            .join("usr/local/lib/hermes-install/hermes-install")
            .exists()
    );
    ok(root.path(), &["uninstall", "--yes"]);
    assert_eq!(before, tree(root.path()));
    assert!(
        !root.path().join("usr").exists(),
        "directories that we made are gone too"
    );
    assert!(!root.path().join("var/lib/hermes-install").exists());
}

#[test]
fn a_profile_that_hermes_would_serve_has_no_unit_of_its_own_in_an_image() {
    let root = image();
    let write = |path: &str, text: &str| {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let is_installed = |profile: &str| {
        let wants = "etc/systemd/system/hermes-gateway.target.wants";
        let link = root
            .path()
            .join(wants)
            .join(format!("hermes-gateway@{profile}.service"));
        link.symlink_metadata().is_ok()
    };
    write("opt/hermes/bin/hermes", "#!/opt/hermes/bin/python3\n");
    write(
        "opt/hermes/lib/python3.14/site-packages/hermes_agent-0.22.2.dist-info/RECORD",
        "",
    );
    let said = ok(root.path(), &["--profile", "coder"]);
    assert!(said.contains("no unit of its own in the image"), "{said}");
    assert!(is_installed("default") && !is_installed("coder"));
    let shown = ok(root.path(), &["status"]);
    assert!(
        shown.contains("the gateway of `default` serves it"),
        "{shown}"
    );

    let refused = told(&run(root.path(), &["--profile", "coder", "--standalone"]));
    assert!(
        refused.contains("`gateway: {standalone: true}`"),
        "{refused}"
    );
    write(
        "var/lib/hermes/profiles/coder/config.yaml",
        "gateway: {standalone: true}\n",
    );
    ok(root.path(), &["--profile", "coder"]);
    assert!(is_installed("coder"));

    // hermes renames it.
    let profiles = root.path().join("var/lib/hermes/profiles");
    std::fs::rename(profiles.join("coder"), profiles.join("writer")).unwrap();
    write(
        "var/lib/hermes/profiles/writer/profile.yaml",
        "previous_names: [coder]\n",
    );
    let shown = ok(root.path(), &["status"]);
    assert!(shown.contains("it is called `writer` now"), "{shown}");
}

#[test]
fn a_second_run_writes_nothing() {
    let root = image();
    ok(root.path(), &["--profile", "coder"]);
    let before = times(root.path());
    ok(root.path(), &["--profile", "coder"]);
    ok(root.path(), &["upgrade", "--yes"]);
    assert_eq!(before, times(root.path()));
}

#[test]
fn profiles_come_and_go_one_by_one() {
    let root = image();
    ok(root.path(), &["--profile", "default"]);
    let one = tree(root.path());
    ok(
        root.path(),
        &["--profile", "coder", "--drain-timeout", "300"],
    );
    let drop_in = root
        .path()
        .join("etc/systemd/system/hermes-gateway@coder.service.d/50-hermes-install.conf");
    let text = std::fs::read_to_string(&drop_in).unwrap();
    assert!(text.contains("\nTimeoutStopSec=330\n"), "{text}");
    ok(root.path(), &["uninstall", "--profile", "coder"]);
    assert!(!drop_in.parent().unwrap().exists());
    let without_receipt = |text: String| {
        text.split("==> var/lib/hermes-install")
            .next()
            .unwrap()
            .to_owned()
    };
    assert_eq!(without_receipt(one), without_receipt(tree(root.path())));
}

/// A bot that has moved to another host would be started here, too.
#[test]
fn a_section_that_brings_a_removed_profile_back_is_told() {
    let root = image();
    let config = root.path().join("etc/hermes-install");
    std::fs::create_dir_all(&config).unwrap();
    std::fs::write(
        config.join("config.toml"),
        "[profiles.coder]\ndrain-timeout = 9\n",
    )
    .unwrap();
    ok(root.path(), &["--profile", "default"]);
    ok(root.path(), &["--profile", "coder"]);
    let text = ok(root.path(), &["uninstall", "--profile", "default"]);
    assert!(!text.contains("take that section out"), "{text}");
    let text = ok(root.path(), &["uninstall", "--profile", "coder"]);
    assert!(text.contains("`[profiles.coder]` of `"), "{text}");
    assert!(text.contains("take that section out"), "{text}");
    ok(root.path(), &[]);
    let drop_in = "etc/systemd/system/hermes-gateway@coder.service.d/50-hermes-install.conf";
    assert!(root.path().join(drop_in).exists(), "it is as was told");
}

#[test]
fn an_edited_unit_is_kept_and_force_keeps_a_backup() {
    let root = image();
    ok(root.path(), &["--profile", "coder"]);
    let unit = root
        .path()
        .join("etc/systemd/system/hermes-gateway@.service");
    let original = std::fs::read_to_string(&unit).unwrap();
    let edited = format!("{original}# mine\n");
    std::fs::write(&unit, &edited).unwrap();
    for args in [&["--profile", "coder"][..], &["upgrade", "--yes"]] {
        let output = run(root.path(), args);
        let text = told(&output);
        assert_eq!(output.status.code(), Some(3), "{text}");
        assert!(
            text.contains("hermes-gateway@.service.d/60-local.conf"),
            "{text}"
        );
        assert!(text.contains("-# mine"), "the diff is shown: {text}");
        assert_eq!(std::fs::read_to_string(&unit).unwrap(), edited);
    }
    ok(root.path(), &["upgrade", "--yes", "--force"]);
    assert_eq!(std::fs::read_to_string(&unit).unwrap(), original);
    assert!(tree(&root.path().join("var/lib/hermes-install/backup")).contains("# mine"));
}

#[test]
fn uninstall_leaves_what_was_edited_and_says_so() {
    let root = image();
    ok(root.path(), &["--profile", "coder", "--drain-timeout", "9"]);
    let drop_in = root
        .path()
        .join("etc/systemd/system/hermes-gateway@coder.service.d/50-hermes-install.conf");
    std::fs::write(&drop_in, "[Service]\nNice=5\n").unwrap();
    let text = ok(root.path(), &["uninstall", "--yes"]);
    assert!(
        text.contains("50-hermes-install.conf` was changed after it was installed and stays"),
        "{text}"
    );
    assert!(drop_in.exists());
}

#[test]
fn uninstall_of_everything_wants_a_yes() {
    let root = image();
    ok(root.path(), &["--profile", "coder"]);
    let before = tree(root.path());
    let output = run(root.path(), &["uninstall"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(told(&output).contains("`--yes`"));
    assert_eq!(before, tree(root.path()));
}

#[test]
fn a_run_that_was_cut_short_is_repaired_by_the_next_with_other_settings() {
    let root = image();
    ok(root.path(), &["--profile", "coder", "--drain-timeout", "9"]);
    // As a run killed before its end leaves it: new file, receipt with the old one and the new one pending.
    let drop_in = "etc/systemd/system/hermes-gateway@coder.service.d/50-hermes-install.conf";
    let receipt = root.path().join("var/lib/hermes-install/receipt.json");
    let old = std::fs::read_to_string(&receipt).unwrap();
    let half = "[Service]\n# half of a change\n";
    std::fs::write(root.path().join(drop_in), half).unwrap();
    let mut value: serde_json::Value = serde_json::from_str(&old).unwrap();
    let sum = format!("{:x}", sha2::Sha256::digest(half));
    value["pending"] = serde_json::json!({ drop_in: { "sha256": sum, "mode": "0644" } });
    std::fs::write(&receipt, value.to_string()).unwrap();
    let left = root.path().join("etc/systemd/system/hermes-gateway@coder.service.d/.50-hermes-install.conf.hermes-install-tmp");
    std::fs::write(&left, "[Serv").unwrap();

    let seen = run(root.path(), &["status"]);
    assert_eq!(seen.status.code(), Some(1), "{}", told(&seen));
    let way_out = "`hermes-install --profile coder`";
    assert!(told(&seen).contains(way_out), "{}", told(&seen));
    ok(root.path(), &["--profile", "coder", "--drain-timeout", "7"]);
    let text = std::fs::read_to_string(root.path().join(drop_in)).unwrap();
    assert!(text.contains("HERMES_RESTART_DRAIN_TIMEOUT=7"), "{text}");
    assert!(!left.exists());
    assert!(
        !std::fs::read_to_string(&receipt)
            .unwrap()
            .contains("pending")
    );
}

#[test]
fn what_a_first_run_that_was_cut_short_began_is_told_and_can_be_removed() {
    let root = image();
    let before = tree(root.path());
    let both = ["--profile", "coder", "--profile", "default"];
    ok(root.path(), &both);
    // As a run leaves it that was killed while it waited for its gateways.
    let receipt = root.path().join("var/lib/hermes-install/receipt.json");
    let text = std::fs::read_to_string(&receipt).unwrap();
    let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
    value["pending"] = value["files"].take();
    value["files"] = serde_json::json!({});
    value["instances"] = serde_json::json!([]);
    std::fs::write(&receipt, value.to_string()).unwrap();
    let complete = "hermes-install --profile coder --profile default";

    let status = run(root.path(), &["status"]);
    assert_eq!(status.status.code(), Some(1));
    let said = told(&status);
    assert!(said.contains(&format!("`{complete}`")), "{said}");
    // Of one that was made anew, or has another root, there is no row.
    std::fs::rename(
        root.path().join("var/lib/hermes"),
        root.path().join("hermes"),
    )
    .unwrap();
    let status = run(root.path(), &["status"]);
    assert_eq!(status.status.code(), Some(1));
    let said = told(&status);
    assert!(said.contains(&format!("`{complete}`")), "{said}");
    std::fs::rename(
        root.path().join("hermes"),
        root.path().join("var/lib/hermes"),
    )
    .unwrap();
    let doctor = run(root.path(), &["doctor"]);
    assert_eq!(doctor.status.code(), Some(1));
    assert!(told(&doctor).contains(complete), "{}", told(&doctor));

    let half = run(root.path(), &["uninstall", "--profile", "coder"]);
    assert_eq!(half.status.code(), Some(3));
    let said = told(&half);
    for way_out in [
        complete,
        "hermes-install uninstall --profile coder --profile default",
    ] {
        assert!(said.contains(way_out), "{said}");
    }
    let said = ok(root.path(), &[&["uninstall"][..], &both].concat());
    let what = "removed hermes-gateway@coder.service, hermes-gateway@default.service;";
    assert!(said.contains(what), "{said}");
    assert_eq!(before, tree(root.path()));
}

#[test]
fn units_whose_receipt_is_lost_are_not_nothing() {
    let root = image();
    let install = ["--profile", "coder", "--drain-timeout", "9"];
    ok(root.path(), &install);
    ok(root.path(), &["--profile", "default"]);
    std::fs::remove_dir_all(root.path().join("var/lib/hermes-install")).unwrap();
    for command in [&["uninstall", "--yes"][..], &["upgrade"]] {
        let refused = run(root.path(), command);
        let said = told(&refused);
        assert_eq!(refused.status.code(), Some(3), "{said}");
        for part in [
            "`/var/lib/hermes-install/receipt.json`",
            "`hermes-install --profile coder --profile default`",
            "disable --now hermes-gateway@coder.service hermes-gateway@default.service`",
        ] {
            assert!(said.contains(part), "{said}");
        }
    }
    let doctor = run(root.path(), &["doctor"]);
    assert_eq!(doctor.status.code(), Some(1));
    let said = told(&doctor);
    assert!(
        said.contains("hermes-install --profile coder --profile default"),
        "{said}"
    );

    // The way out.
    ok(root.path(), &install);
    ok(root.path(), &["--profile", "default"]);
    let doctor = told(&run(root.path(), &["doctor"]));
    assert!(!doctor.contains("drifted"), "{doctor}");
    ok(root.path(), &["uninstall", "--yes"]);
    assert!(!tree(root.path()).contains("hermes-gateway@"));
}

#[test]
fn the_receipt_of_an_account_follows_its_home() {
    let root = tempfile::tempdir().unwrap();
    let at = |path: &str| root.path().join(path);
    for directory in ["etc", "home/old/.hermes", "opt/hermes/bin"] {
        std::fs::create_dir_all(at(directory)).unwrap();
    }
    std::fs::write(at("opt/hermes/bin/hermes"), "").unwrap();
    let me = nix::unistd::User::from_uid(nix::unistd::geteuid())
        .unwrap()
        .unwrap();
    let lives_in = |home: &str| {
        let line = format!(
            "{}:x:{}:{}::/home/{home}:/bin/sh\n",
            me.name, me.uid, me.gid
        );
        std::fs::write(at("etc/passwd"), line).unwrap();
    };
    let user = |args: &[&str]| {
        let done = program()
            .args(args)
            .args(["--user", "--root"])
            .arg(root.path())
            .output();
        let done = done.unwrap();
        assert!(
            done.status.success(),
            "{args:?}\n{}{}",
            told(&done),
            tree(root.path())
        );
        told(&done)
    };
    lives_in("old");
    let before = tree(root.path()).replace("home/old", "home/new");
    user(&["--profile", "default", "--hermes", "/opt/hermes/bin/hermes"]);
    std::fs::rename(at("home/old"), at("home/new")).unwrap();
    lives_in("new");
    let said = user(&["uninstall", "--yes"]);
    assert!(
        said.contains("removed hermes-gateway@default.service"),
        "{said}"
    );
    assert_eq!(before, tree(root.path()));

    // The receipt alone came along.
    user(&["--profile", "default", "--hermes", "/opt/hermes/bin/hermes"]);
    for path in [".config", ".local/lib", ".local/bin"] {
        std::fs::remove_dir_all(at("home/new").join(path)).unwrap();
    }
    let said = user(&["uninstall", "--yes"]);
    assert!(!said.contains("removed hermes"), "{said}");
    assert!(said.contains("is recorded no more"), "{said}");
}

#[test]
fn an_instance_that_a_forced_run_began_is_no_sibling_of_somebody_s_template() {
    let root = image();
    ok(root.path(), &["--profile", "coder"]);
    // As a run that was killed before it came to the template leaves it.
    let path = root.path().join("var/lib/hermes-install/receipt.json");
    let receipt: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let template = "etc/systemd/system/hermes-gateway@.service";
    std::fs::write(root.path().join(template), "# mine\n").unwrap();
    let left = |pending: &serde_json::Value| {
        let mut left = receipt.clone();
        left["files"] = serde_json::json!({});
        left["instances"] = serde_json::json!([]);
        left["pending"] = pending.clone();
        std::fs::write(&path, left.to_string()).unwrap();
    };
    let forced = ["--profile", "coder", "--force"];

    left(&serde_json::json!({}));
    let output = run(root.path(), &forced);
    assert_eq!(output.status.code(), Some(3));
    assert!(
        told(&output).contains("somebody's own template"),
        "{}",
        told(&output)
    );

    left(&receipt["files"]);
    ok(root.path(), &forced);
    let text = std::fs::read_to_string(root.path().join(template)).unwrap();
    assert!(text.contains("hermes-install exec"), "{text}");
}

#[test]
fn an_unreadable_receipt_stops_everything() {
    let root = image();
    std::fs::create_dir_all(root.path().join("var/lib/hermes-install")).unwrap();
    std::fs::write(root.path().join("var/lib/hermes-install/receipt.json"), "{").unwrap();
    let before = tree(root.path());
    for args in [
        &["--profile", "coder"][..],
        &["status"],
        &["upgrade"],
        &["uninstall", "--yes"],
    ] {
        let output = run(root.path(), args);
        assert_eq!(output.status.code(), Some(2), "{}", told(&output));
        assert!(told(&output).contains("/var/lib/hermes-install/receipt.json"));
    }
    assert_eq!(before, tree(root.path()));
}

#[test]
fn links_in_an_image_never_lead_out_of_it() {
    let root = image();
    let outside = tempfile::tempdir().unwrap();
    std::fs::remove_dir(root.path().join("etc/systemd/system")).unwrap();
    // In the image this link names a directory of the image.
    let inside = root.path().join(outside.path().strip_prefix("/").unwrap());
    std::fs::create_dir_all(&inside).unwrap();
    std::os::unix::fs::symlink(outside.path(), root.path().join("etc/systemd/system")).unwrap();
    ok(root.path(), &["--profile", "coder"]);
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
    assert!(inside.join("hermes-gateway@.service").exists());
}

#[test]
fn what_an_image_has_behind_absolute_links_is_found_in_it() {
    let root = tempfile::tempdir().unwrap();
    let at = |path: &str| root.path().join(path);
    // On this host none of these leads anywhere.
    for (link, target) in [
        ("etc/passwd", "gaps/passwd"),
        ("etc/hermes-install", "gaps/config"),
        ("home", "gaps/home"),
        ("var/lib/hermes", "gaps/hermes"),
        ("gaps/hermes/profiles", "gaps/profiles"),
        ("gaps/profiles/poet", "gaps/poet"),
        ("var/lib/hermes-tenants", "gaps/tenants"),
    ] {
        for above in [at(link), at(target)] {
            std::fs::create_dir_all(above.parent().unwrap()).unwrap();
        }
        std::os::unix::fs::symlink(Path::new("/").join(target), at(link)).unwrap();
    }
    let units = "gaps/home/alice/.config/systemd/user";
    for directory in [
        units,
        "gaps/config",
        "gaps/profiles",
        "gaps/poet",
        "gaps/tenants/painter/.hermes",
    ] {
        std::fs::create_dir_all(at(directory)).unwrap();
    }
    let passwd = "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n";
    std::fs::write(at("gaps/passwd"), passwd).unwrap();
    let unit = "[Service]\nExecStart=/usr/bin/hermes -p coder gateway run\n";
    std::fs::write(at(&format!("{units}/bot.service")), unit).unwrap();
    let said = told(&run(root.path(), &["status"]));
    assert!(said.contains("poet") && said.contains("painter"), "{said}");
    let doctor = program()
        .arg("doctor")
        .arg("--root")
        .arg(root.path())
        .output()
        .unwrap();
    assert!(
        told(&doctor).contains("user unit of `alice` `bot.service`"),
        "{}",
        told(&doctor)
    );
    std::fs::write(at("gaps/config/config.toml"), "no-such-section = 1\n").unwrap();
    let said = told(&run(root.path(), &["plan", "--profile", "default"]));
    assert!(said.contains("no-such-section"), "{said}");
}

#[test]
fn a_failure_half_way_puts_everything_back() {
    let root = image();
    // The link's directory cannot be made: a file is in its place.
    std::fs::write(
        root.path()
            .join("etc/systemd/system/multi-user.target.wants"),
        "in the way",
    )
    .unwrap();
    let before = tree(root.path());
    let output = run(root.path(), &["--profile", "coder"]);
    let text = told(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("everything is as it was before"), "{text}");
    assert_eq!(before, tree(root.path()));
}

#[test]
fn enablement_follows_the_flag_and_an_admin_s_disable_survives_an_upgrade() {
    let root = image();
    let link = root
        .path()
        .join("etc/systemd/system/multi-user.target.wants/hermes-gateway@coder.service");
    let second = root
        .path()
        .join("etc/systemd/system/hermes-gateway.target.wants/hermes-gateway@coder.service");
    ok(root.path(), &["--profile", "coder"]);
    assert_eq!(
        std::fs::read_link(&link).unwrap(),
        Path::new("/etc/systemd/system/hermes-gateway@.service")
    );
    for link in [&link, &second] {
        std::fs::remove_file(link).unwrap();
    }
    ok(root.path(), &["upgrade", "--yes"]);
    assert!(!link.exists() && std::fs::symlink_metadata(&link).is_err());
    ok(root.path(), &["--profile", "coder"]);
    assert!(std::fs::symlink_metadata(&link).is_ok());
    ok(root.path(), &["--profile", "coder", "--no-enable"]);
    assert!(std::fs::symlink_metadata(&link).is_err());
}

/// SELinux refuses the system's manager a program under a home, and no upgrade of a policy reaches it there.
#[test]
fn system_scope_writes_nothing_below_a_home() {
    let root = image();
    let at = |path: &str| root.path().join(path);
    std::fs::create_dir_all(at("home/alice/.hermes")).unwrap();
    let account = "alice:x:1000:1000::/home/alice:/bin/bash\n";
    std::fs::write(at("etc/passwd"), account).unwrap();
    std::fs::write(at("etc/group"), "alice:x:1000:\n").unwrap();
    let before = tree(&at("home"));
    ok(root.path(), &["--profile", "default", "--run-as", "alice"]);
    assert!(at("usr/local/lib/hermes-install/hermes-install").exists());
    assert_eq!(before, tree(&at("home")));
}

#[test]
fn an_image_with_an_old_systemd_is_refused_as_a_host_is() {
    let image = crate::others::Image::new();
    image.write("usr/lib/systemd/libsystemd-shared-249.so", "");
    let output = image.run(&["--profile", "coder", "--migrate"]);
    let text = told(&output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("systemd 249 is older than 252"), "{text}");
    image.write("usr/lib/systemd/libsystemd-shared-252.so", "");
    std::fs::remove_file(image.at("usr/lib/systemd/libsystemd-shared-249.so")).unwrap();
    image.ok(&["--profile", "coder", "--migrate"]);
}
