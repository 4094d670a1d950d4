//! What people see: help, refusals and exit statuses.

use crate::tool::{program, told};

fn run(args: &[&str]) -> String {
    told(&program().args(args).output().unwrap())
}

#[test]
fn the_version_is_the_crate_s() {
    assert_eq!(
        run(&["--version"]),
        format!(
            "exit 0\n--- stdout\nhermes-install {}\n--- stderr\n",
            env!("CARGO_PKG_VERSION")
        )
    );
}

#[test]
fn help_names_the_first_command_to_try_and_every_verb() {
    let text = run(&["--help"]);
    assert!(text.starts_with("exit 0"), "{text}");
    for word in [
        "hermes-install --profile default",
        "plan",
        "status",
        "upgrade",
        "uninstall",
        "render",
        "exec",
        "generate",
    ] {
        assert!(text.contains(word), "{word} is missing in:\n{text}");
    }
}

#[test]
fn a_bad_profile_name_is_usage_and_says_what_is_good() {
    for name in ["Coder", "../x", "a b", ""] {
        let text = run(&["plan", "--profile", name]);
        assert!(text.starts_with("exit 2"), "{text}");
        assert!(text.contains("lower-case letters, digits"), "{text}");
    }
    assert!(run(&["plan", "--profile", "root"]).contains("reserves"));
}

#[test]
fn contradicting_scopes_are_usage() {
    assert!(run(&["plan", "--system", "--user", "--profile", "x"]).starts_with("exit 2"));
}

#[test]
fn a_profile_given_twice_is_refused_by_name() {
    let text = run(&["render", "--profile", "x", "--profile", "x"]);
    assert!(text.contains("profile `x` is given twice"), "{text}");
    assert!(text.starts_with("exit 2"), "{text}");
}

#[test]
fn an_unknown_key_names_file_section_and_the_nearest_key() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("c.toml");
    std::fs::write(&file, "[profiles.coder]\nhermess = \"/x\"\n").unwrap();
    let text = run(&["render", "--config", file.to_str().unwrap()]);
    assert!(text.starts_with("exit 2"), "{text}");
    for part in [
        "c.toml",
        "`hermess`",
        "[profiles.coder]",
        "did you mean `hermes`?",
    ] {
        assert!(text.contains(part), "{part} is missing in:\n{text}");
    }
}

#[test]
fn a_value_that_no_unit_can_hold_is_refused_with_the_setting_s_name() {
    for (flag, setting) in [
        ("--home", "home"),
        ("--hermes", "hermes"),
        ("--environment-file", "environment-file"),
    ] {
        let text = run(&["render", "--profile", "x", flag, "/a\nExecStart=/bin/evil"]);
        assert!(text.starts_with("exit 2"), "{text}");
        assert!(text.contains(&format!("`{setting}`")), "{text}");
        assert!(!text.contains("[Service]"), "{text}");
    }
    let climbing = run(&["render", "--profile", "x", "--home", "/a/../b"]);
    assert!(climbing.contains("without `..`"), "{climbing}");
}

#[test]
fn a_systemd_below_the_floor_is_refused() {
    let text = run(&["render", "--systemd", "251"]);
    assert!(text.starts_with("exit 2") && text.contains("252"), "{text}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let binary = assert_cmd::cargo::cargo_bin!("hermes-install");
    let script = format!(
        "{} render | head -n 1; echo ${{PIPESTATUS[0]}}",
        binary.display()
    );
    let output = std::process::Command::new("bash")
        .args(["-c", &script])
        .output()
        .unwrap();
    let text = told(&output);
    assert!(
        text.contains("\n0\n") && !text.contains("panicked"),
        "{text}"
    );
}

#[test]
fn man_page_and_completions_name_every_command() {
    let page = run(&["generate", "man"]);
    let bash = run(&["generate", "completions", "bash"]);
    for verb in ["plan", "status", "upgrade", "uninstall", "render", "exec"] {
        assert!(
            page.contains(&format!("hermes\\-install {verb}")),
            "{verb} in the man page"
        );
        assert!(bash.contains(verb), "{verb} in the completions");
    }
    assert!(page.contains(".TP\n78\n"));
}

#[test]
fn json_is_valid_and_alone_on_standard_output() {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(root.path().join("var/lib/hermes")).unwrap();
    let output = program()
        .args(["status", "--system", "--json", "--root"])
        .arg(root.path())
        .output()
        .unwrap();
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        value["profiles"][0]["profile"],
        "default",
        "{}",
        told(&output)
    );
}
