//! Settings that were chosen or inherited stay until something says otherwise. `tests/vm` plays the same with a bot.

use std::os::unix::process::ExitStatusExt as _;

use crate::others::Image;
use crate::tool::told;

pub(crate) const DROP_IN: &str =
    "etc/systemd/system/hermes-gateway@coder.service.d/50-hermes-install.conf";
pub(crate) const UNIT: &str = "etc/systemd/system/hermes-gateway-coder.service";
pub(crate) const WANTED: &str =
    "etc/systemd/system/multi-user.target.wants/hermes-gateway-coder.service";
const RECEIPT: &str = "var/lib/hermes-install/receipt.json";

/// An image where hermes' own unit runs the profile of alice, in her home directory.
pub(crate) fn of_alice() -> Image {
    let image = Image::new();
    image.write(
        "etc/passwd",
        "hermes:x:999:999::/var/lib/hermes:/usr/sbin/nologin\nalice:x:1000:1000::/home/alice:/bin/sh\n",
    );
    image.write("etc/group", "hermes:x:999:\nalice:x:1000:\n");
    image.write("home/alice/.hermes/profiles/coder/config.yaml", "");
    image.write(
        UNIT,
        "[Service]\nUser=alice\nExecStart=/opt/h/bin/hermes --profile coder gateway run\n\
         Environment=HERMES_HOME=/home/alice/.hermes/profiles/coder\nRestart=always\n",
    );
    image
}

pub(crate) fn drop_in(image: &Image) -> String {
    std::fs::read_to_string(image.at(DROP_IN)).unwrap_or_default()
}

#[test]
fn what_was_inherited_stays_whatever_is_typed_next() {
    let image = of_alice();
    image.ok(&["--profile", "coder", "--migrate"]);
    let first = drop_in(&image);
    assert!(first.contains("User=alice"), "{first}");
    assert!(first.contains("/home/alice/.hermes"), "{first}");
    for again in [
        &["--profile", "coder", "--migrate"][..],
        &["--profile", "coder"],
    ] {
        let text = image.ok(again);
        assert_eq!(drop_in(&image), first, "{again:?}\n{text}");
    }
    image.ok(&["upgrade", "--yes"]);
    assert_eq!(drop_in(&image), first);
}

#[test]
fn flags_stay_and_reset_takes_them_back() {
    let image = of_alice();
    for path in [UNIT, WANTED] {
        std::fs::remove_file(image.at(path)).unwrap();
    }
    image.write("etc/bot.env", "");
    image.ok(&[
        "--profile",
        "coder",
        "--hermes",
        "/opt/h/bin/hermes",
        "--run-as",
        "alice",
        "--environment-file",
        "/etc/bot.env",
        "--drain-timeout",
        "77",
        "--no-enable",
    ]);
    let first = drop_in(&image);
    for part in ["User=alice", "/etc/bot.env", "/opt/h/bin/hermes", "77"] {
        assert!(first.contains(part), "{part}: {first}");
    }
    let link = "etc/systemd/system/multi-user.target.wants/hermes-gateway@coder.service";
    image.ok(&["--profile", "coder"]);
    assert_eq!(drop_in(&image), first);
    assert!(!image.is_there(link), "--no-enable has gone");

    let shown = image.ok(&["show"]);
    for line in [
        "run-as            alice  [--run-as]",
        "drain-timeout     1min 17s  [--drain-timeout]",
        "[--no-enable]",
        "[default]",
    ] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    image.ok(&[
        "--profile",
        "coder",
        "--reset",
        "drain-timeout",
        "--reset",
        "enable",
    ]);
    assert!(!drop_in(&image).contains("77"), "{}", drop_in(&image));
    assert!(
        drop_in(&image).contains("User=alice"),
        "{}",
        drop_in(&image)
    );
    assert!(image.is_there(link), "not enabled again");

    let typo = image.run(&["--profile", "coder", "--reset", "drain"]);
    assert_eq!(typo.status.code(), Some(2), "{}", told(&typo));
    assert!(
        told(&typo).contains("did you mean `drain-timeout`?"),
        "{}",
        told(&typo)
    );
}

#[test]
fn a_new_profile_of_a_root_runs_the_hermes_that_was_named_for_its_default_profile() {
    let image = of_alice();
    for path in [UNIT, WANTED] {
        std::fs::remove_file(image.at(path)).unwrap();
    }
    image.write("home/alice/.hermes/config.yaml", "");
    image.write("opt/hermes/bin/hermes", "");
    image.write("srv/venv/bin/hermes", "");
    let alice = |profile| ["--profile", profile, "--run-as", "alice"];
    let named = ["--hermes", "/srv/venv/bin/hermes"];
    image.ok(&[&alice("default")[..], &named].concat());
    image.ok(&[&alice("coder")[..], &["--reset", "hermes"]].concat());
    assert!(!drop_in(&image).contains("venv"), "{}", drop_in(&image));
    // One that is installed keeps what it has.
    image.ok(&alice("coder"));
    assert!(!drop_in(&image).contains("venv"), "{}", drop_in(&image));

    image.ok(&["uninstall", "--profile", "coder"]);
    image.ok(&alice("coder"));
    let first = drop_in(&image);
    assert!(first.contains("/srv/venv/bin/hermes"), "{first}");
    let shown = image.ok(&["show", "--profile", "coder"]);
    let line = "hermes            /srv/venv/bin/hermes  [profile `default`]";
    assert!(shown.contains(line), "{shown}");
    image.ok(&["--profile", "coder"]);
    assert_eq!(drop_in(&image), first);
    // A tenant has a root of its own.
    image.ok(&["--profile", "apart", "--tenant"]);
    let tenant = std::fs::read_to_string(image.at(&DROP_IN.replace("coder", "apart"))).unwrap();
    assert!(!tenant.contains("venv"), "{tenant}");
}

#[test]
fn the_configuration_counts_more_than_what_was_chosen() {
    let image = of_alice();
    image.ok(&["--profile", "coder", "--migrate"]);
    image.write(
        "etc/hermes-install/config.toml",
        "[profiles.coder]\nrun-as = \"hermes\"\nhome = \"/var/lib/hermes\"\n",
    );
    image.ok(&["--profile", "coder"]);
    assert!(!drop_in(&image).contains("alice"), "{}", drop_in(&image));
    let shown = image.ok(&["show", "--profile", "coder"]);
    assert!(shown.contains("hermes  [configuration]"), "{shown}");
}

#[test]
fn what_was_inherited_outlives_a_run_that_was_killed() {
    let image = of_alice();
    // The launcher is larger than that, the receipt is smaller: the kernel kills it half-way.
    let killed = std::process::Command::new("sh")
        .args(["-c", "ulimit -c 0; ulimit -f 128; exec \"$@\"", "sh"])
        .arg(assert_cmd::cargo::cargo_bin!("hermes-install"))
        .args(["--profile", "coder", "--migrate", "--system", "--root"])
        .arg(image.at(""))
        .output()
        .unwrap();
    assert_eq!(
        killed.status.signal(),
        Some(25),
        "SIGXFSZ: {}",
        told(&killed)
    );
    assert!(image.is_there(RECEIPT), "{}", told(&killed));
    // Somebody takes the old unit away, so that nobody can tell any more.
    for path in [UNIT, WANTED] {
        let _ = std::fs::remove_file(image.at(path));
    }
    image.ok(&["--profile", "coder"]);
    assert!(
        drop_in(&image).contains("User=alice"),
        "{}",
        drop_in(&image)
    );
}

#[test]
fn the_receipt_of_an_older_version_keeps_its_settings() {
    let image = of_alice();
    image.ok(&["--profile", "coder", "--migrate"]);
    let first = drop_in(&image);
    let text = std::fs::read_to_string(image.at(RECEIPT)).unwrap();
    let mut receipt: serde_json::Value = serde_json::from_str(&text).unwrap();
    receipt["version"] = 2.into();
    receipt.as_object_mut().unwrap().remove("settings");
    image.write(RECEIPT, &receipt.to_string());
    image.ok(&["--profile", "coder"]);
    assert_eq!(drop_in(&image), first);
}

#[test]
fn a_profile_that_was_removed_leaves_no_settings() {
    let image = of_alice();
    image.ok(&["--profile", "coder", "--migrate"]);
    image.ok(&["uninstall", "--profile", "coder"]);
    image.ok(&["--profile", "coder", "--hermes", "/opt/h/bin/hermes"]);
    assert!(!drop_in(&image).contains("alice"), "{}", drop_in(&image));
}

#[test]
fn limits_are_settings_and_one_that_systemd_passes_over_is_refused() {
    let image = of_alice();
    let config = |weight: &str| {
        let text = format!("[profiles.coder]\ntasks-max = 500\ncpu-weight = {weight}\n");
        image.write("etc/hermes-install/config.toml", &text);
    };
    config("50");
    image.ok(&["--profile", "coder", "--migrate"]);
    let unit = drop_in(&image);
    for line in ["TasksMax=500", "CPUWeight=50"] {
        assert!(unit.lines().any(|l| l == line), "{line}\n{unit}");
    }
    for (weight, part) in [("10001", "a number from 1 to 10000"), ("0", "config.toml")] {
        config(weight);
        let refused = image.run(&["--profile", "coder"]);
        let text = told(&refused);
        assert_eq!(refused.status.code(), Some(2), "{text}");
        assert!(text.contains("cpu-weight") && text.contains(part), "{text}");
        assert_eq!(drop_in(&image), unit);
    }
}

#[test]
fn a_hermes_that_needs_more_of_its_unit_than_the_one_before_is_told() {
    let image = of_alice();
    for path in [UNIT, WANTED] {
        std::fs::remove_file(image.at(path)).unwrap();
    }
    let library = "opt/h/lib/python3.11/site-packages";
    let hermes = |version: &str| {
        let _ = std::fs::remove_dir_all(image.at(library));
        let record = format!("{library}/hermes_agent-{version}.dist-info/RECORD");
        image.write(&record, "");
    };
    image.write("opt/h/bin/hermes", "#!/opt/h/bin/python3\n");
    let install = ["--profile", "coder", "--hermes", "/opt/h/bin/hermes"];
    hermes("0.19.0");
    image.ok(&[&install[..], &["--run-as", "alice"]].concat());
    let changed = || told(&image.run(&["doctor"])).contains("than 0.17.0 on disk");
    assert!(!changed());
    hermes("0.17.0");
    let said = told(&image.run(&["doctor"]));
    assert!(changed(), "{said}");
    assert!(said.contains("hermes-install --profile coder"), "{said}");
    image.ok(&["--profile", "coder"]);
    assert!(!changed());
}

#[test]
fn a_second_owner_of_a_name_is_refused_with_the_ways_out() {
    let image = of_alice();
    image.ok(&["--profile", "coder", "--migrate"]);
    let first = drop_in(&image);
    image.write(
        "etc/passwd",
        "alice:x:1000:1000::/home/alice:/bin/sh\nbob:x:1001:1001::/home/bob:/bin/sh\n",
    );
    image.write("etc/group", "alice:x:1000:\nbob:x:1001:\n");
    image.write("home/bob/.hermes/profiles/coder/config.yaml", "");
    image.write(
        "etc/systemd/system/bobs.service",
        "[Service]\nUser=bob\nExecStart=/opt/h/bin/hermes --profile coder gateway run\n\
         Environment=HERMES_HOME=/home/bob/.hermes/profiles/coder\n[Install]\nWantedBy=multi-user.target\n",
    );
    image.link(
        "etc/systemd/system/multi-user.target.wants/bobs.service",
        "/etc/systemd/system/bobs.service",
    );
    for home in [&[][..], &["--home", "/home/bob/.hermes"]] {
        let refused = image.run(
            &[
                &["--profile", "coder", "--run-as", "bob", "--migrate"],
                home,
            ]
            .concat(),
        );
        let said = told(&refused);
        assert_eq!(refused.status.code(), Some(3), "{said}");
        for part in [
            "runs profile `coder` of `/home/alice/.hermes/profiles/coder`",
            // Of the system's manager, of which bob's own takes over nothing.
            "system unit `bobs.service` may stay, and is safe with a drop-in",
            "hermes-install shield --unit bobs.service",
            "hermes-install uninstall --profile coder",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert!(
            !said.contains("chown") && !said.contains("runuser"),
            "{said}"
        );
        assert_eq!(drop_in(&image), first);
    }
}

#[test]
fn a_plan_is_made_of_a_configuration_on_standard_input() {
    let image = of_alice();
    image.ok(&["--profile", "coder", "--migrate"]);
    let plan = |text: &str| {
        let mut program = crate::tool::program();
        program.args(["plan", "--json", "--config", "-", "--system", "--root"]);
        program
            .arg(image.at(""))
            .write_stdin(text)
            .output()
            .unwrap()
    };
    let as_it_is = plan("[profiles.coder]\n");
    assert_eq!(as_it_is.status.code(), Some(0), "{}", told(&as_it_is));
    let other = plan("[profiles.coder]\nmemory-high = \"3G\"\n");
    assert_eq!(other.status.code(), Some(1), "{}", told(&other));
    assert!(told(&other).contains("MemoryHigh=3G"), "{}", told(&other));
    assert!(
        !drop_in(&image).contains("MemoryHigh"),
        "a plan changes nothing"
    );
    let typo = plan("[profiles.coder]\nmemory-hihg = \"3G\"\n");
    assert_eq!(typo.status.code(), Some(2), "{}", told(&typo));
    let named = "configuration `standard input`: unknown key `memory-hihg`";
    assert!(told(&typo).contains(named), "{}", told(&typo));
    let large = plan(&"#".repeat((1 << 20) + 1));
    assert!(told(&large).contains("larger than"), "{}", told(&large));
}
