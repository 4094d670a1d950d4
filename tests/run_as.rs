//! Programs of accounts: what `run-as` leaves them.

use std::process::Command;

use assert_cmd::cargo::cargo_bin;

/// Run a line of shell through `run-as` as an account without a name, or as ourselves when we are nobody's root.
fn run(script: &str) -> String {
    let own = nix_id("-u");
    let uid = if own == "0" { "64321" } else { &own };
    let done = Command::new(cargo_bin!("hermes-install"))
        .args(["run-as", "--uid", uid, "--gid", uid, "--groups", uid])
        .args(["--", "/bin/sh", "-c", script])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{script}: {said}");
    String::from_utf8(done.stdout).unwrap()
}

fn nix_id(flag: &str) -> String {
    let done = Command::new("id").arg(flag).output().unwrap();
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

#[test]
fn a_program_has_no_rights_and_no_way_to_any() {
    let status = run("cat /proc/self/status");
    let value = |key: &str| {
        let line = status.lines().find_map(|l| l.strip_prefix(key)).unwrap();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let own = nix_id("-u");
    let uid = if own == "0" { "64321" } else { &own };
    assert_eq!(value("Uid:"), [uid; 4].join(" "));
    for set in ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"] {
        assert_eq!(value(set), "0000000000000000", "{set}");
    }
    assert_eq!(value("NoNewPrivs:"), "1");
    if own == "0" {
        assert_eq!(value("CapBnd:"), "0000000000000000");
        assert_eq!(value("Groups:"), uid);
    }
}

#[test]
fn a_program_leads_a_session_without_a_terminal() {
    // Process, name, state, parent, group, session, terminal: proc_pid_stat(5).
    let stat = run("read -r stat </proc/self/stat; echo $stat");
    let fields: Vec<&str> = stat.split_whitespace().collect();
    assert_eq!(fields[5], fields[0], "its session, in {stat}");
    assert_eq!(fields[6], "0", "its terminal, in {stat}");
}

#[test]
fn a_program_has_no_file_but_its_three() {
    // ls(1) opens the directory that it lists.
    let open = run("exec ls /proc/self/fd");
    assert_eq!(
        open.split_whitespace().collect::<Vec<_>>(),
        ["0", "1", "2", "3"]
    );
}
