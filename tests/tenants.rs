//! Who is a tenant: a new profile, and none that is there already. `tests/vm` plays the same with bots.

use crate::others::Image;
use crate::settings::{UNIT, WANTED, drop_in, of_alice};
use crate::tool::told;

/// An image where nobody has ever had a profile.
fn fresh() -> Image {
    let image = of_alice();
    for path in [UNIT, WANTED] {
        std::fs::remove_file(image.at(path)).unwrap();
    }
    for path in ["var/lib/hermes", "home/alice"] {
        std::fs::remove_dir_all(image.at(path)).unwrap();
    }
    image.write("opt/hermes/bin/hermes", "");
    image
}

fn is_tenant(image: &Image) -> bool {
    drop_in(image).contains("User=hermes-coder")
}

#[test]
fn a_new_profile_is_a_tenant_and_stays_one() {
    let image = fresh();
    let plan = told(&image.run(&["plan", "--profile", "coder"]));
    let line =
        "tenant    coder: account `hermes-coder` and root `/var/lib/hermes-tenants/coder/.hermes`";
    assert!(plan.contains(line), "{plan}");
    let said = image.ok(&["--profile", "coder"]);
    assert!(is_tenant(&image), "{said}");
    assert!(
        said.contains("  tenant account `hermes-coder`") && said.contains("--shared --create"),
        "{said}"
    );
    let shown = image.ok(&["show", "--profile", "coder"]);
    assert!(
        shown.contains("tenant            true  [the default of new profiles]"),
        "{shown}"
    );
    let first = drop_in(&image);
    image.write("var/lib/hermes/profiles/coder/config.yaml", "");
    image.ok(&["--profile", "coder"]);
    image.ok(&["upgrade", "--yes"]);
    assert_eq!(drop_in(&image), first);
    let refused = told(&image.run(&["--profile", "coder", "--shared"]));
    assert!(
        refused.contains("without its data") && refused.contains("--profile coder --tenant`"),
        "{refused}"
    );
    assert_eq!(drop_in(&image), first);
}

#[test]
fn who_shares_on_purpose_or_has_a_home_or_an_account_is_no_tenant() {
    let settings = "etc/hermes-install/config.toml";
    let none: fn(&Image) = |_| {};
    let home: fn(&Image) = |image| image.write("var/lib/hermes/profiles/coder/config.yaml", "");
    let configured: fn(&Image) = |image| {
        image.write("var/lib/hermes/config.yaml", "");
        image.write(
            "etc/hermes-install/config.toml",
            "[defaults]\ntenant = false\n",
        );
    };
    let account: fn(&Image) = |image| {
        image.write("home/alice/.hermes/profiles/coder/config.yaml", "");
        image.write(
            "etc/hermes-install/config.toml",
            "[defaults]\nrun-as = \"alice\"\n",
        );
    };
    for (prepare, flags, told_so) in [
        (none, &["--shared"][..], "profile `coder` does not exist"),
        (configured, &[], "profile `coder` does not exist"),
        (
            home,
            &[],
            "  shared account `hermes` and root `/var/lib/hermes`",
        ),
        (
            home,
            &["--shared"],
            "`hermes-install split coder` gives it its own",
        ),
        (
            account,
            &[],
            "  shared account `alice` and root `/home/alice/.hermes`",
        ),
        (
            none,
            &["--home", "/srv/h"],
            "there is no `/srv/h/profiles/coder`",
        ),
    ] {
        let image = fresh();
        prepare(&image);
        let args: Vec<&str> = ["--profile", "coder"]
            .iter()
            .chain(flags)
            .copied()
            .collect();
        let said = told(&image.run(&args));
        assert!(
            said.contains(told_so),
            "{flags:?} {}\n{said}",
            image.is_there(settings)
        );
        assert!(!is_tenant(&image), "{flags:?}\n{said}");
    }
}

#[test]
fn without_a_hermes_that_its_account_can_run_both_ways_on_are_named() {
    let image = fresh();
    std::fs::remove_dir_all(image.at("opt")).unwrap();
    image.write("var/lib/hermes/hermes-agent/venv/bin/hermes", "");
    let refused = told(&image.run(&["--profile", "coder"]));
    for part in [
        "no hermes executable that `hermes-coder` can run",
        "\n    useradd --system --create-home --key HOME_MODE=0700 --home-dir /var/lib/hermes-tenants/coder",
        "hermes-coder && curl -fsSL https://",
        "setsid --wait runuser -u hermes-coder -- env HOME=/var/lib/hermes-tenants/coder",
        "`hermes-install --profile coder --shared --create`",
    ] {
        assert!(refused.contains(part), "{part}\n{refused}");
    }
}

#[test]
fn between_two_homes_of_a_name_a_person_decides() {
    let image = fresh();
    image.write("var/lib/hermes/profiles/coder/config.yaml", "");
    image.write("var/lib/hermes-tenants/coder/.hermes/config.yaml", "");
    let refused = image.run(&["--profile", "coder"]);
    assert_eq!(refused.status.code(), Some(3), "{}", told(&refused));
    let text = told(&refused);
    assert!(
        text.contains("`--tenant` takes the first") && text.contains("`--shared` takes the second"),
        "{text}"
    );
    image.ok(&["--profile", "coder", "--shared"]);
    assert!(!is_tenant(&image));
    // The other one's data alone are a tenant's again.
    image.ok(&["uninstall", "--profile", "coder"]);
    std::fs::remove_dir_all(image.at("var/lib/hermes/profiles/coder")).unwrap();
    image.ok(&["--profile", "coder"]);
    assert!(is_tenant(&image));
}

#[test]
fn a_gateway_of_that_name_elsewhere_is_asked_about_first() {
    let image = of_alice();
    std::fs::remove_dir_all(image.at("var/lib/hermes")).unwrap();
    let refused = told(&image.run(&["--profile", "coder"]));
    assert!(
        refused.contains("which `coder` is meant?") && refused.contains("--tenant`"),
        "{refused}"
    );
    image.ok(&["--profile", "coder", "--migrate"]);
    assert!(drop_in(&image).contains("User=alice"));
}

#[test]
fn a_tenant_has_an_account_and_a_root_of_its_own_and_keeps_them() {
    let image = of_alice();
    for path in [UNIT, WANTED] {
        std::fs::remove_file(image.at(path)).unwrap();
    }
    let told = image.ok(&[
        "--profile",
        "coder",
        "--tenant",
        "--hermes",
        "/opt/h/bin/hermes",
    ]);
    let first = drop_in(&image);
    for line in [
        "User=hermes-coder",
        "Environment=HERMES_HOME=/var/lib/hermes-tenants/coder/.hermes",
        "TemporaryFileSystem=/var/lib/hermes-tenants:ro",
        "InaccessiblePaths=-/var/lib/hermes",
        "ProtectProc=invisible",
    ] {
        assert!(first.lines().any(|l| l == line), "{line}\n{first}\n{told}");
    }
    let writable: Vec<&str> = first
        .lines()
        .filter(|l| l.starts_with("ReadWritePaths="))
        .collect();
    assert_eq!(
        writable,
        [
            "ReadWritePaths=",
            "ReadWritePaths=-/var/lib/hermes-tenants/coder"
        ]
    );
    let declared = [
        "etc/sysusers.d/hermes-tenant-coder.conf",
        "etc/tmpfiles.d/hermes-tenant-coder.conf",
    ];
    for path in declared {
        assert!(image.is_there(path), "{path}");
        assert!(
            std::fs::read_to_string(image.at(path))
                .unwrap()
                .contains("hermes-coder")
        );
    }
    assert!(
        !image.is_there("etc/sysusers.d/hermes-gateway.conf"),
        "nobody needs the account `hermes`"
    );
    // An account that is there by now changes nothing.
    image.write(
        "etc/passwd",
        "hermes-coder:x:998:998::/var/lib/hermes-tenants/coder:/usr/sbin/nologin\n",
    );
    image.write("etc/group", "hermes-coder:x:998:\n");
    std::fs::create_dir_all(image.at("var/lib/hermes-tenants/coder/.hermes")).unwrap();
    image.ok(&["--profile", "coder"]);
    assert_eq!(drop_in(&image), first);
    image.ok(&["uninstall", "--profile", "coder"]);
    assert!(!declared.iter().any(|path| image.is_there(path)));
}

#[test]
fn a_tenant_s_account_and_root_are_no_settings_and_nobody_becomes_one_without_their_data() {
    let image = of_alice();
    for path in [UNIT, WANTED] {
        std::fs::remove_file(image.at(path)).unwrap();
    }
    let refused = |args: &[&str], parts: &[&str]| {
        let output = image.run(args);
        let text = told(&output);
        assert_eq!(output.status.code(), Some(3), "{args:?}\n{text}");
        for part in parts {
            assert!(text.contains(part), "{part}\n{text}");
        }
    };
    let tenant = [
        "--profile",
        "coder",
        "--tenant",
        "--hermes",
        "/opt/h/bin/hermes",
    ];
    image.write(
        "etc/hermes-install/config.toml",
        "[profiles.coder]\nrun-as = \"alice\"\n",
    );
    refused(
        &tenant,
        &[
            "is a tenant (`--tenant`)",
            "`run-as` is set, too",
            "/etc/hermes-install/config.toml",
        ],
    );
    std::fs::remove_file(image.at("etc/hermes-install/config.toml")).unwrap();
    let long = "a".repeat(25);
    refused(&["--profile", &long, "--tenant"], &["at most 24 letters"]);
    let passwd = std::fs::read_to_string(image.at("etc/passwd")).unwrap();
    image.write(
        "etc/passwd",
        &format!("{passwd}hermes-coder:x:1001:1001::/home/coder:/bin/sh\n"),
    );
    refused(
        &tenant,
        &["account `hermes-coder` is there already", "/home/coder"],
    );
    image.write("etc/passwd", &passwd);

    // One that is installed below the shared root would be an empty bot.
    std::fs::create_dir_all(image.at("var/lib/hermes/profiles/coder")).unwrap();
    image.ok(&["--profile", "coder", "--hermes", "/opt/h/bin/hermes"]);
    let before = drop_in(&image);
    refused(&tenant, &["without its data", "hermes-install split coder"]);
    assert_eq!(drop_in(&image), before);
}
