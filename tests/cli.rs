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
fn a_word_that_is_no_utf_8_is_wrong_usage() {
    use std::os::unix::ffi::OsStrExt as _;
    let word = std::ffi::OsStr::from_bytes(b"--profile=\xff");
    let output = program().arg("status").arg(word).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", told(&output));
}

#[test]
fn a_wait_may_be_longer_than_any_clock_goes() {
    let root = tempfile::tempdir().unwrap();
    let wait = u64::MAX.to_string();
    let arguments = ["uninstall", "--system", "--wait", &wait, "--root"];
    let output = program().args(arguments).arg(root.path()).output().unwrap();
    assert!(output.status.success(), "{}", told(&output));
}

/// The commands that `--help` lists.
pub(crate) fn commands() -> Vec<String> {
    let text = run(&["--help"]);
    let (list, _) = text.split_once("\nExamples:\n").unwrap();
    let names = list
        .lines()
        .filter(|l| l.starts_with("  ") && !l.starts_with("   "));
    let names: Vec<String> = names
        .map(|line| line.split_whitespace().next().unwrap().to_owned())
        .collect();
    assert!(names.len() > 8, "{names:?}");
    names
}

/// Commands that only units call.
const OF_UNITS: [&str; 5] = [
    "exec",
    "before-start",
    "planned-stop",
    "planned-restart",
    "post-stop",
];

#[test]
fn help_names_the_first_command_to_try_and_hides_what_units_call() {
    let text = run(&["--help"]);
    assert!(text.starts_with("exit 0"), "{text}");
    assert!(text.contains("hermes-install --profile default"), "{text}");
    for hidden in OF_UNITS {
        assert!(!commands().contains(&hidden.to_owned()), "{text}");
        assert!(run(&[hidden, "--help"]).starts_with("exit 0"), "{hidden}");
    }
}

#[test]
fn the_help_of_a_command_begins_with_what_the_list_says() {
    let list = run(&["--help"]);
    for command in commands() {
        let line = list
            .lines()
            .find(|l| l.trim_start().starts_with(&format!("{command} ")));
        let (_, what) = line.unwrap().trim().split_once(' ').unwrap();
        for help in [run(&[&command, "--help"]), run(&[&command, "-h"])] {
            assert!(
                help.contains(&format!("\n{}\n", what.trim())),
                "{what}: {help}"
            );
        }
    }
}

#[test]
fn install_is_a_command_and_what_happens_without_one() {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(root.path().join("var/lib")).unwrap();
    let root = root.path().to_str().unwrap();
    let arguments = ["--root", root, "--system", "--profile", "coder", "--shared"];
    let named = run(&[&["install"], &arguments[..]].concat());
    assert_eq!(named, run(&arguments));
    assert!(named.contains("profile `coder` does not exist"), "{named}");
    assert!(!named.contains("unrecognized"), "{named}");
}

#[test]
fn without_a_profile_it_says_which_there_are_and_where() {
    let root = tempfile::tempdir().unwrap();
    let home = root.path().join("var/lib/hermes");
    std::fs::create_dir_all(root.path().join("var/lib")).unwrap();
    let arguments = ["--root", root.path().to_str().unwrap(), "--system"];
    let none = run(&arguments);
    assert!(
        none.contains("`/var/lib/hermes` has no profile yet"),
        "{none}"
    );
    std::fs::create_dir_all(home.join("profiles/coder")).unwrap();
    std::fs::write(home.join("config.yaml"), "").unwrap();
    let some = run(&arguments);
    assert!(some.contains("has `default`, `coder`"), "{some}");
    let plan = run(&[&["plan"], &arguments[..], &["--migrate"]].concat());
    let line = format!(
        "`hermes-install plan --system --root {} --migrate --profile default`",
        arguments[1]
    );
    assert!(plan.contains(&line), "{plan}");
}

#[test]
fn every_command_that_reports_takes_the_same_options() {
    for command in commands() {
        if ["render", "generate"].contains(&command.as_str()) {
            continue; // their output is the result itself
        }
        let text = run(&[&command, "--help"]);
        for option in [
            "--json",
            "-q, --quiet",
            "--system",
            "--user",
            "--root <DIR>",
        ] {
            assert!(text.contains(option), "{command} has no {option}:\n{text}");
        }
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
fn a_word_in_the_place_of_another_command_s_leads_on() {
    let cases: [(&[&str], &str); 3] = [
        (&["--user", "status"], "hermes-install status --user"),
        (
            &["uninstall", "coder"],
            "hermes-install uninstall --profile coder",
        ),
        (&["logs", "--profile", "coder"], "hermes-install logs coder"),
    ];
    for (typed, works) in cases {
        let text = run(typed);
        assert!(text.starts_with("exit 2"), "{text}");
        assert!(
            text.contains(&format!("tip: did you mean `{works}`?")),
            "{text}"
        );
        let output = program().args(typed).arg("--json").output().unwrap();
        let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let hint = format!("did you mean `{works} --json`?");
        assert_eq!(value["error"]["hints"][0], hint, "{value}");
    }
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
        "hint: did you mean `hermes`?",
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
fn the_man_page_names_every_command() {
    let page = run(&["generate", "man"]);
    for command in commands().iter().map(String::as_str).chain(OF_UNITS) {
        let heading = format!(".TP\n\\fB{}\\fR", command.replace('-', "\\-"));
        assert!(page.contains(&heading), "{command} in the man page");
    }
}

#[test]
fn every_flag_of_a_setting_and_every_key_is_in_the_manual() {
    let page = run(&["generate", "man", "hermes-install.toml"]).replace("\\-", "-");
    let (_, keys) = page.split_once("\n.SH KEYS\n").unwrap();
    let (keys, _) = keys.split_once("\n.SH ").unwrap();
    let keys: Vec<&str> = keys
        .lines()
        .filter_map(|line| line.strip_prefix("\\fB")?.split_once("\\fR = "))
        .map(|(key, _)| key)
        .collect();
    assert!(keys.len() > 10 && keys.contains(&"credentials"), "{page}");
    // The keys are those that the program names when it meets another.
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("c.toml");
    std::fs::write(&file, "[defaults]\nqqqq = 1\n").unwrap();
    let text = run(&["render", "--config", file.to_str().unwrap()]);
    assert!(
        text.contains(&format!("hint: there are {}\n", keys.join(", "))),
        "{text}"
    );
    let help = run(&["render", "--help"]);
    let (_, help) = help.split_once("Options:").unwrap();
    let (help, _) = help.split_once("--- stderr").unwrap();
    // The profiles that are meant, and how they are rendered, are no settings; `--shared` is `tenant = false`.
    let others = "shared profile config layout scope systemd hermes-version prefix output help";
    for option in help.lines().filter_map(|l| l.trim_start().split_once("--")) {
        let name = option.1.split([' ', ',']).next().unwrap();
        if option.0.is_empty() || option.0.starts_with('-') {
            let is_setting = keys.contains(&name) || keys.contains(&&*format!("{name}s"));
            assert!(
                is_setting || others.split(' ').any(|o| o == name),
                "--{name}"
            );
        }
    }
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

#[test]
fn an_error_is_an_object_where_json_was_asked_for() {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(root.path().join("var/lib")).unwrap();
    let root = root.path().to_str().unwrap();
    let cases: [(&str, i32, &[&str]); 4] = [
        (
            "refused",
            3,
            &["adopt", "--profile", "default", "--root", root],
        ),
        ("trouble", 2, &["plan", "--root", root, "--system"]),
        ("usage", 2, &["status", "--no-such-flag"]),
        ("usage", 2, &["plan", "--profile", "No Name"]),
    ];
    for (kind, status, arguments) in cases {
        let output = program().args(arguments).arg("--json").output().unwrap();
        let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let error = &value["error"];
        assert_eq!(output.status.code(), Some(status), "{}", told(&output));
        assert_eq!(error["kind"], kind, "{value}");
        assert!(!error["message"].as_str().unwrap().is_empty(), "{value}");
        assert!(!error["hints"].as_array().unwrap().is_empty(), "{value}");
    }
}

#[test]
fn an_error_is_a_sentence_and_its_hints_stand_below_it() {
    let root = tempfile::tempdir().unwrap();
    let text = run(&[
        "status",
        "--root",
        root.path().to_str().unwrap(),
        "--profile",
        "x",
    ]);
    let lines: Vec<&str> = text.lines().skip(3).collect();
    assert!(
        lines[0].starts_with("error: profile `x` is neither"),
        "{text}"
    );
    assert_eq!(
        lines[1..],
        ["hint: to see every profile: `hermes-install status`"]
    );
}

#[test]
fn every_command_that_looks_at_the_host_says_in_one_sentence_that_it_has_no_systemd() {
    let is_booted = std::path::Path::new("/run/systemd/system").is_dir();
    for command in commands() {
        if ["render", "generate"].contains(&command.as_str()) {
            let text = run(&[&command, "--help"]);
            assert!(!text.contains("booted"), "{text}");
            continue;
        }
        // On a host that has systemd, only what changes nothing may run.
        let asks_only = ["status", "doctor"].contains(&command.as_str());
        if !is_booted || asks_only {
            let needs_profile = ["run", "split"].contains(&command.as_str());
            let what: &[&str] = if needs_profile { &["x"] } else { &[] };
            let text = run(&[&[&*command], what].concat());
            let said = text.contains("error: this host was not booted with systemd (PID 1 is");
            assert_eq!(said, !is_booted, "{command}: {text}");
            assert!(
                is_booted || text.starts_with("exit 2\n"),
                "{command}: {text}"
            );
        }
    }
    assert!(run(&["doctor", "--list"]).starts_with("exit 0"));
    assert!(run(&["render"]).starts_with("exit 0"));
}

#[test]
fn quiet_says_nothing_and_keeps_the_exit_status() {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(root.path().join("var/lib/hermes")).unwrap();
    let root = root.path().to_str().unwrap();
    for command in ["status", "doctor"] {
        let arguments = [command, "--root", root];
        let loud = run(&arguments);
        let quiet = run(&[&arguments[..], &["--quiet"]].concat());
        assert_eq!(loud.lines().next(), quiet.lines().next());
        assert_ne!(loud, quiet, "{command}");
        assert!(
            quiet.ends_with("--- stdout\n--- stderr\n") || quiet.contains("error:"),
            "{quiet}"
        );
    }
}

/// What a shell makes of a command line whose standard output goes there.
fn told_to(arguments: &str, place: &str) -> String {
    let mut shell = assert_cmd::Command::new("sh");
    let program = assert_cmd::cargo::cargo_bin!("hermes-install").display();
    shell.args(["-c", &format!("{program} {arguments} {place}")]);
    told(&shell.output().unwrap())
}

#[test]
fn what_cannot_be_written_is_trouble_and_a_reader_that_went_away_is_not() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path().display();
    let looks = [
        "--help".to_owned(),
        "doctor --list".to_owned(),
        "generate man".to_owned(),
        format!("status --root {root}"),
        format!("doctor --json --root {root}"),
    ];
    for look in &looks {
        for (place, why) in [
            (">/dev/full", "No space left on device"),
            (">&-", "Bad file descriptor"),
            ("1</dev/null", "Bad file descriptor"),
        ] {
            let said = told_to(look, place);
            assert!(said.starts_with("exit 2"), "{look} {place}: {said}");
            assert!(said.contains(why), "{look} {place}: {said}");
        }
        for place in [">/dev/null", "1<>/dev/null"] {
            let said = told_to(look, place);
            assert_eq!(said, "exit 0\n--- stdout\n--- stderr\n", "{look} {place}");
        }
    }
    let (reader, writer) = std::os::unix::net::UnixStream::pair().unwrap();
    drop(reader);
    let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin!("hermes-install"));
    command
        .arg("--help")
        .stdout(std::os::fd::OwnedFd::from(writer));
    let gone = command.output().unwrap();
    assert_eq!(told(&gone), "exit 0\n--- stdout\n--- stderr\n");
}
