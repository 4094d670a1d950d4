//! The rendered trees, byte for byte, for every layout, scope and systemd level: what packages ship.

use std::path::{Path, PathBuf};

use crate::tool::{program, same_as_file};

const LAYOUTS: [&str; 4] = ["host", "deb", "rpm", "nix"];
const SCOPES: [&str; 2] = ["system", "user"];
const LEVELS: [&str; 2] = ["252", "257"];
/// Stands for the store path of the package in the Nix layout.
const PREFIX: &str = "/nix/store/00000000000000000000000000000000-hermes-install";

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn files(top: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(top).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn compare(name: &str, args: &[&str]) {
    let expected = golden().join(name);
    let out = tempfile::tempdir().unwrap();
    let output = program()
        .arg("render")
        .args(args)
        .arg("--output")
        .arg(out.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", crate::tool::told(&output));
    let rendered = files(out.path());
    assert!(!rendered.is_empty());
    for path in &rendered {
        let relative = path.strip_prefix(out.path()).unwrap();
        same_as_file(
            &expected.join(relative),
            &std::fs::read_to_string(path).unwrap(),
        );
    }
    let relative = |top: &Path| -> Vec<PathBuf> {
        files(top)
            .iter()
            .map(|f| f.strip_prefix(top).unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        relative(&expected),
        relative(out.path()),
        "{name}: the list of files"
    );
}

/// A layout's tree of one scope for one systemd, beside the committed one of a level.
fn compare_level(layout: &str, scope: &str, level: &str, committed: &str) {
    let place = ["--layout", layout, "--scope", scope];
    let options = ["--systemd", level, "--prefix", PREFIX];
    compare(
        &format!("{layout}/{scope}-{committed}"),
        &[place, options].concat(),
    );
}

#[test]
fn every_layout_scope_and_level_is_as_committed() {
    for layout in LAYOUTS {
        for scope in SCOPES {
            for level in LEVELS {
                compare_level(layout, scope, level, level);
            }
        }
    }
}

// Nothing in the templates needs more than 254. Debian 13 has 257, nixpkgs of 2026 has 260, and 262 is the last that was
// booted (tests/vm/README.md).
#[test]
fn from_254_to_262_the_units_are_those_of_257() {
    for layout in LAYOUTS {
        for scope in SCOPES {
            for level in 254..=262 {
                compare_level(layout, scope, &level.to_string(), "257");
            }
        }
    }
}

#[test]
fn hostile_settings_are_escaped_in_drop_ins() {
    let config = golden().join("hostile.toml");
    for scope in SCOPES {
        let name = format!("hostile/{scope}");
        compare(
            &name,
            &["--scope", scope, "--config", config.to_str().unwrap()],
        );
    }
}

#[test]
fn both_scopes_are_rendered_when_none_is_named() {
    let text = |args: &[&str]| {
        let output = program()
            .args(["render", "--layout", "deb"])
            .args(args)
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let both = text(&[]);
    assert!(both.contains("# usr/lib/systemd/system/hermes-gateway@.service\n"));
    assert!(both.contains("# usr/lib/systemd/user/hermes-gateway@.service\n"));
}

#[test]
fn units_of_other_layouts_differ_from_those_of_packages_in_launcher_and_declining_alone() {
    let unit = |layout: &str, scope: &str| {
        let file = format!("{layout}/{scope}-252");
        let found = files(&golden().join(file));
        let path = found
            .iter()
            .find(|f| f.ends_with("hermes-gateway@.service"))
            .unwrap();
        std::fs::read_to_string(path).unwrap()
    };
    for scope in SCOPES {
        let deb = unit("deb", scope);
        // A switch of NixOS must not fail because somebody took a profile over.
        let nix = unit("nix", scope)
            .replace(&format!("{PREFIX}/bin/"), "/usr/bin/")
            .replace("\nSuccessExitStatus=69 75\n", "\nSuccessExitStatus=75\n");
        assert_eq!(deb, nix);
        let launcher = match scope {
            "system" => "/usr/local/lib/hermes-install/hermes-install",
            _ => "%h/.local/lib/hermes-install/hermes-install",
        };
        assert_eq!(
            deb,
            unit("host", scope).replace(launcher, "/usr/bin/hermes-install")
        );
    }
}

#[test]
fn deb_and_rpm_ship_the_same_bytes_under_the_same_paths() {
    let tree = |layout: &str| -> Vec<(PathBuf, String)> {
        let top = golden().join(layout);
        files(&top)
            .iter()
            .map(|f| {
                let text = std::fs::read_to_string(f).unwrap();
                (f.strip_prefix(&top).unwrap().to_owned(), text)
            })
            .collect()
    };
    let (deb, rpm) = (tree("deb"), tree("rpm"));
    assert!(!deb.is_empty());
    let paths =
        |tree: &[(PathBuf, String)]| tree.iter().map(|(p, _)| p.clone()).collect::<Vec<_>>();
    assert_eq!(paths(&deb), paths(&rpm));
    let differ: String = deb
        .iter()
        .zip(&rpm)
        .filter(|(deb, rpm)| deb.1 != rpm.1)
        .map(|(deb, rpm)| {
            let diff = similar::TextDiff::from_lines(&deb.1, &rpm.1);
            format!("{}\n{}", deb.0.display(), diff.unified_diff())
        })
        .collect();
    // No line may differ: both packages have the launcher in /usr/bin and the units in /usr/lib.
    assert!(differ.is_empty(), "lines that differ:\n{differ}");
}

#[test]
fn no_unit_contains_what_started_this_project() {
    for file in files(&golden())
        .iter()
        .filter(|f| f.extension().is_some_and(|e| e == "service"))
    {
        let text = std::fs::read_to_string(file).unwrap();
        assert!(!text.contains("--replace"), "{}", file.display());
        assert!(!text.contains("Restart=always"), "{}", file.display());
        assert!(
            text.contains("\nRestart=on-failure\n"),
            "{}",
            file.display()
        );
        assert!(
            text.contains("\nRestartPreventExitStatus=2 69 78 203\n"),
            "{}",
            file.display()
        );
    }
}
