//! What doctor finds: each directory below `hosts-doctor/` is an image over `hosts-doctor/base`, with what is said beside
//! it. And that nothing, however broken, ends it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Output;

use crate::tool::{difference, program, told, tree};

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hosts-doctor")
}

/// The directories of the corpus.
fn cases() -> Vec<PathBuf> {
    let mut cases: Vec<_> = fs::read_dir(corpus())
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|path| !path.ends_with("base"))
        .collect();
    cases.sort();
    assert!(
        cases.len() >= 25,
        "cases are missing in {}",
        corpus().display()
    );
    cases
}

/// A host of the corpus as a root of its own.
fn host(case: &Path) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for layer in [corpus().join("base/."), case.join("before/.")] {
        let copied = std::process::Command::new("cp")
            .arg("-a")
            .arg(layer)
            .arg(root.path())
            .status()
            .unwrap();
        assert!(copied.success());
    }
    // Git keeps no modes but the executable bit; the host's top is open as `/` is.
    for entry in paths(root.path()) {
        let meta = fs::symlink_metadata(&entry).unwrap();
        let mode = match meta.permissions().mode() & 0o100 {
            0 => 0o644,
            _ => 0o755,
        };
        if !meta.is_symlink() {
            fs::set_permissions(&entry, fs::Permissions::from_mode(mode)).unwrap();
        }
    }
    for line in fs::read_to_string(case.join("modes"))
        .unwrap_or_default()
        .lines()
    {
        let (mode, path) = line.split_once(' ').unwrap();
        let mode = u32::from_str_radix(mode, 8).unwrap();
        fs::set_permissions(root.path().join(path), fs::Permissions::from_mode(mode)).unwrap();
    }
    root
}

/// Everything below a directory, itself first.
fn paths(top: &Path) -> Vec<PathBuf> {
    let mut found = vec![top.to_owned()];
    let mut at = 0;
    while at < found.len() {
        let path = found[at].clone();
        if fs::symlink_metadata(&path).unwrap().is_dir() {
            found.extend(fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()));
        }
        at += 1;
    }
    found
}

fn doctor(root: &Path, args: &[&str]) -> Output {
    program()
        .arg("doctor")
        .args(args)
        .arg("--root")
        .arg(root)
        // So wide that no sentence is in two lines.
        .env("COLUMNS", "1000")
        .output()
        .unwrap()
}

/// Run doctor with one second of processor time, which other work of the machine does not shorten.
fn doctor_within_a_second(root: &Path) -> Output {
    std::process::Command::new("/bin/sh")
        .args([
            "-c",
            "ulimit -t 1 && exec \"$0\" doctor --json --root \"$1\"",
        ])
        .arg(assert_cmd::cargo::cargo_bin!("hermes-install"))
        .arg(root)
        .output()
        .unwrap()
}

#[test]
fn every_host_has_the_findings_that_are_written_beside_it() {
    let mut wrong = Vec::new();
    for case in cases() {
        let root = host(&case);
        let before = tree(root.path());
        let output = doctor(root.path(), &[]);
        wrong.extend(difference(&case.join("expected"), &told(&output)));
        if before != tree(root.path()) {
            wrong.push(format!("{}: doctor wrote something", case.display()));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} hosts are wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn findings_as_json_are_those_of_the_text() {
    let root = host(&corpus().join("incident"));
    let value: serde_json::Value =
        serde_json::from_slice(&doctor(root.path(), &["--json"]).stdout).unwrap();
    let first = &value["findings"][0];
    assert_eq!(first["rule"], "duplicate-owners");
    assert_eq!(first["severity"], "error");
    assert_eq!(first["fix"]["do"], "keep-one");
    assert_eq!(value["errors"], 3);
    let place = &value["findings"][1]["place"];
    assert_eq!(place["line"], 19);
    assert_eq!(place["directive"], "Restart=always");
    assert_eq!(place["drop_in"], false);
}

#[test]
fn under_a_systemd_that_is_too_old_no_installation_is_named() {
    let root = host(&corpus().join("upstream-0.19.0-system"));
    let library = |version: &str| {
        root.path()
            .join(format!("usr/lib/systemd/libsystemd-shared-{version}.so"))
    };
    let named = |root: &Path| told(&doctor(root, &[])).contains("hermes-install --profile");
    assert!(named(root.path()));
    fs::rename(library("252"), library("249")).unwrap();
    let text = told(&doctor(root.path(), &[]));
    assert!(
        text.contains("systemctl edit hermes-gateway.service"),
        "{text}"
    );
    assert!(!named(root.path()), "{text}");
}

#[test]
fn a_secret_is_named_and_never_shown() {
    let root = host(&corpus().join("secrets"));
    for args in [&[][..], &["--json"]] {
        let text = told(&doctor(root.path(), args));
        assert!(text.contains("TELEGRAM_BOT_TOKEN"), "{text}");
        assert!(!text.contains("not-for-you"), "{text}");
    }
}

#[test]
fn a_profile_s_findings_can_be_had_alone() {
    let root = host(&corpus().join("active-profile"));
    let text = told(&doctor(root.path(), &["--profile", "default"]));
    assert!(text.contains("nothing is wrong"), "{text}");
    let text = told(&doctor(root.path(), &["--profile", "coder"]));
    assert!(text.contains("duplicate-owners"), "{text}");
}

#[test]
fn the_list_of_rules_is_the_same_as_text_and_as_json() {
    let list = |more: &[&str]| {
        let output = program().args(["doctor", "--list"]).args(more).output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    let value: serde_json::Value = serde_json::from_str(&list(&["--json"])).unwrap();
    let rules = value["rules"].as_array().unwrap();
    let text = list(&[]);
    assert_eq!(text.lines().count(), rules.len());
    for (line, rule) in text.lines().zip(rules) {
        let mut words = line.split_whitespace();
        assert_eq!(words.next(), rule["id"].as_str());
        assert_eq!(words.next(), rule["severity"].as_str());
        let about = rule["about"].as_str().unwrap();
        let sentence = words.collect::<Vec<_>>().join(" ");
        assert!(
            !sentence.is_empty() && about.starts_with(&sentence),
            "{line}"
        );
    }
}

#[test]
fn every_rule_is_explained_and_an_unknown_one_refused_with_the_list() {
    let list = program().args(["doctor", "--list"]).output().unwrap();
    let list = String::from_utf8(list.stdout).unwrap();
    let ids: Vec<&str> = list.lines().filter_map(|l| l.split(' ').next()).collect();
    assert!(ids.len() > 30, "{list}");
    for id in &ids {
        let output = program()
            .args(["doctor", "--explain", id])
            .env("COLUMNS", "80")
            .output()
            .unwrap();
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(
            text.starts_with(id) && text.contains("\nsource  "),
            "{text}"
        );
        // A command is never cut.
        let is_long = |line: &&str| line.len() > 80 && line.trim().contains(' ');
        let long = text.lines().find(|l| is_long(l) && !l.contains('`'));
        assert_eq!(long, None, "{text}");
        assert_eq!(
            ids.iter().filter(|other| other == &id).count(),
            1,
            "{id} is there twice"
        );
    }
    let output = program()
        .args(["doctor", "--explain", "nothing"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        told(&output).contains("restart-always-replace"),
        "{}",
        told(&output)
    );
}

#[test]
fn our_own_install_has_no_finding_with_any_harmless_drop_in() {
    let root = host(&corpus().join("nothing-starts-it"));
    fs::remove_file(
        root.path()
            .join("etc/systemd/system/hermes-gateway.service"),
    )
    .unwrap();
    fs::create_dir_all(root.path().join("var/lib/hermes/profiles/coder")).unwrap();
    for args in [
        &[
            "--profile",
            "default",
            "--hermes",
            "/opt/hermes/0.15.2/bin/hermes",
        ][..],
        &["--profile", "coder", "--drain-timeout", "300"],
    ] {
        let output = program()
            .args(args)
            .arg("--system")
            .arg("--root")
            .arg(root.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", told(&output));
    }
    let drop_in = root
        .path()
        .join("etc/systemd/system/hermes-gateway@.service.d/override.conf");
    fs::create_dir_all(drop_in.parent().unwrap()).unwrap();
    fs::write(
        &drop_in,
        "[Service]\nNice=5\nMemoryMax=2G\nEnvironment=LANG=C.UTF-8\nX-Note=mine\n",
    )
    .unwrap();
    let output = doctor(root.path(), &[]);
    let text = told(&output);
    assert!(
        text.contains(
            "this host\n  shared-account  note\n    `hermes-gateway@coder.service`, `hermes-gateway@default.service` share account"
        ) && text.contains("0 errors, 0 warnings, 1 note"),
        "{text}"
    );
    assert!(text.starts_with("exit 0\n"), "{text}");
    fs::write(&drop_in, "[Service]\nRestart=always\n").unwrap();
    let text = told(&doctor(root.path(), &[]));
    assert!(
        text.contains(
            "at  /etc/systemd/system/hermes-gateway@.service.d/override.conf:2: Restart=always"
        ),
        "{text}"
    );
}

#[test]
fn a_shield_makes_upstream_s_unit_one_without_errors() {
    for case in ["upstream-0.15.2-system", "upstream-0.17.0-system"] {
        let root = host(&corpus().join(case));
        assert_eq!(doctor(root.path(), &[]).status.code(), Some(1));
        let output = program()
            .args([
                "shield",
                "--unit",
                "hermes-gateway.service",
                "--system",
                "--yes",
                "--root",
            ])
            .arg(root.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", told(&output));
        let output = doctor(root.path(), &[]);
        assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    }
}

#[test]
fn an_edited_file_of_ours_is_a_finding() {
    let root = host(&corpus().join("other-programs"));
    fs::create_dir_all(root.path().join("var/lib/hermes")).unwrap();
    let output = program()
        .args(["--profile", "default", "--system", "--root"])
        .arg(root.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", told(&output));
    let unit = root
        .path()
        .join("etc/systemd/system/hermes-gateway@.service");
    let text = fs::read_to_string(&unit).unwrap();
    fs::write(&unit, text.replace("Restart=on-failure", "Restart=always")).unwrap();
    let text = told(&doctor(root.path(), &[]));
    assert!(
        text.contains("  drifted  ") && text.contains("was edited"),
        "{text}"
    );
    assert!(text.contains("  restart-always  "), "{text}");
}

#[test]
fn a_broken_receipt_is_a_finding_among_others() {
    let root = host(&corpus().join("timer"));
    let receipt = root.path().join("var/lib/hermes-install/receipt.json");
    fs::create_dir_all(receipt.parent().unwrap()).unwrap();
    for (text, way_out) in [
        ("{", "move it away"),
        ("{\"version\": 99}", "use the newer hermes-install"),
    ] {
        fs::write(&receipt, text).unwrap();
        let text = told(&doctor(root.path(), &[]));
        assert!(text.starts_with("exit 1\n"), "{text}");
        for part in [
            "  drifted  ",
            "receipt `/var/lib/hermes-install/receipt.json` ",
            way_out,
            "  stop-timeout  ",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}

/// Enough of a random number generator to change bytes the same way in every run (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }
}

/// Pieces that parsers stumble over.
const PIECES: [&[u8]; 22] = [
    b"\\\n",
    b"\n",
    b"=",
    b"\"",
    b"'",
    b"%",
    b"%i",
    b"${",
    b"$",
    b"\0",
    b"\xff\xfe",
    b"[Service]\n",
    b"ExecStart=",
    b"\\",
    b"TimeoutStopSec=",
    b"1e999",
    b"-p",
    b"[[[[[[[[",
    b"\xc2\xb5s",
    b"gateway run --replace",
    b"User=",
    b"; ",
];

fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(6) {
        let at = random.below(bytes.len() + 1);
        match random.below(5) {
            0 if !bytes.is_empty() => bytes.truncate(at),
            1 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            2 => {
                let end = (at + random.below(40)).min(bytes.len());
                bytes.drain(at..end);
            }
            3 => {
                let end = (at + random.below(400)).min(bytes.len());
                let copy: Vec<u8> = bytes[at..end].repeat(1 + random.below(20));
                bytes.splice(at..at, copy);
            }
            _ => {
                let piece = PIECES[random.below(PIECES.len())];
                bytes.splice(at..at, piece.repeat(1 + random.below(3)));
            }
        }
    }
}

#[test]
fn no_input_ends_doctor_or_takes_it_long() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for case in cases() {
        let root = host(&case);
        let files: Vec<(PathBuf, Vec<u8>)> = paths(root.path())
            .into_iter()
            .filter(|path| fs::symlink_metadata(path).unwrap().is_file())
            .map(|path| (path.clone(), fs::read(&path).unwrap()))
            .collect();
        for round in 0..4 {
            for (path, bytes) in &files {
                let mut changed = bytes.clone();
                if random.below(3) > 0 {
                    mutate(&mut changed, &mut random);
                }
                fs::write(path, changed).unwrap();
            }
            let output = doctor_within_a_second(root.path());
            let ended = matches!(output.status.code(), Some(0 | 1));
            let kept = || keep(root.path()).display().to_string();
            assert!(
                ended,
                "{} round {round}: {}, kept in {}",
                case.display(),
                told(&output),
                kept()
            );
        }
    }
}

/// A copy of a host that outlives the test.
fn keep(root: &Path) -> PathBuf {
    let kept = std::env::temp_dir().join("hermes-install-doctor-failed");
    let _ = std::process::Command::new("cp")
        .arg("-a")
        .arg(root)
        .arg(&kept)
        .status();
    kept
}

#[test]
fn endless_lines_pipes_and_deep_nesting_are_read_in_part() {
    let root = host(&corpus().join("hostile"));
    let units = root.path().join("etc/systemd/system");
    let long = format!(
        "[Service]\nExecStart=/opt/hermes/bin/hermes gateway run {}\n",
        "x ".repeat(1 << 19)
    );
    fs::write(units.join("hermes-gateway-long.service"), long).unwrap();
    fs::write(
        units.join("hermes-quotes.service"),
        format!("[Service]\nExecStart=sh -c {}hermes", "\"'".repeat(1 << 19)),
    )
    .unwrap();
    fs::write(
        units.join("hermes-lines.service"),
        format!(
            "[Service]\n{}ExecStart=hermes gateway run",
            "ExecStart=\\\n".repeat(1 << 16)
        ),
    )
    .unwrap();
    fs::write(
        units.join("hermes-percent.service"),
        format!("[Service]\nExecStart=/{}hermes", "%h".repeat(1 << 18)),
    )
    .unwrap();
    nix::unistd::mkfifo(
        &units.join("hermes-pipe.service"),
        nix::sys::stat::Mode::S_IRWXU,
    )
    .unwrap();
    let home = root.path().join("home/alice/.hermes");
    fs::write(home.join("config.yaml"), "[".repeat(1 << 20)).unwrap();
    fs::write(home.join("active_profile"), "x".repeat(1 << 20)).unwrap();
    let output = doctor_within_a_second(root.path());
    assert!(
        matches!(output.status.code(), Some(0 | 1)),
        "{}",
        told(&output)
    );
    assert!(
        output.stdout.len() < 1 << 20,
        "it says {} bytes",
        output.stdout.len()
    );
}
