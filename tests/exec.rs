//! The launcher on a real kernel: record lock, liveness, exit statuses. The gateway is a stand-in that keeps a gateway's
//! command line and file protocol; the real one is driven under systemd in `tests/vm`.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::tool::{program, told};

/// Waits for a line on its standard input; with `hold` in its environment it takes upstream's lock first. It tells its
/// arguments and the variables that matter, so that a test knows that it runs.
const STAND_IN: &str = r#"#!/usr/bin/env python3
import fcntl, json, os, sys
home = os.environ["HERMES_HOME"]
name = sys.argv[sys.argv.index("--profile") + 1] if "--profile" in sys.argv else "default"
if name != "default":
    home = os.path.join(home, "profiles", name)
start = int(open("/proc/self/stat").read().split()[21])
record = {"pid": os.getpid(), "kind": "hermes-gateway", "argv": sys.argv, "start_time": start}
if "HOLD" in os.environ:
    lock = open(os.path.join(home, "gateway.lock"), "a+")
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    lock.truncate(0)
    lock.write(json.dumps(record))
    lock.flush()
    with open(os.path.join(home, "gateway.pid"), "w") as f:
        json.dump(record, f)
print(json.dumps({"argv": sys.argv, "home": os.environ["HERMES_HOME"], "cwd": os.getcwd(), "path": os.environ["PATH"]}), flush=True)
sys.stdin.readline()
"#;

struct Bench {
    top: TempDir,
}

impl Bench {
    fn new() -> Self {
        let top = tempfile::tempdir().unwrap();
        let bench = Self { top };
        std::fs::create_dir_all(bench.root().join("profiles/coder")).unwrap();
        std::fs::create_dir(bench.path("bin")).unwrap();
        bench.write("bin/hermes", STAND_IN, 0o755);
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.top.path().join(name)
    }

    fn root(&self) -> PathBuf {
        self.path("root")
    }

    fn home(&self) -> PathBuf {
        self.root().join("profiles/coder")
    }

    fn write(&self, name: &str, text: &str, mode: u32) {
        std::fs::write(self.path(name), text).unwrap();
        std::fs::set_permissions(self.path(name), PermissionsExt::from_mode(mode)).unwrap();
    }

    /// Make the stand-in one of this version, as pip records it.
    fn version(&self, version: &str) {
        let library = self.path("lib/python3/site-packages");
        let _ = std::fs::remove_dir_all(&library);
        std::fs::create_dir_all(library.join(format!("hermes_agent-{version}.dist-info"))).unwrap();
    }

    fn launcher(&self) -> Command {
        self.launcher_for("bin/hermes")
    }

    fn launcher_for(&self, hermes: &str) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("hermes-install"));
        command
            .args(["exec", "--profile", "coder", "--home"])
            .arg(self.root())
            .arg("--hermes")
            .arg(self.path(hermes))
            .env_remove("HERMES_HOME");
        command
    }

    /// The launcher's refusal, as text.
    fn refusal(&self) -> String {
        told(&self.launcher().stdin(Stdio::null()).output().unwrap())
    }

    fn gateway(&self, mut command: Command) -> Gateway {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        std::io::BufRead::read_line(
            &mut std::io::BufReader::new(child.stdout.take().unwrap()),
            &mut line,
        )
        .unwrap();
        Gateway { child, told: line }
    }

    /// A gateway that somebody started by hand.
    fn by_hand(&self, args: &[&str], hold: bool) -> Gateway {
        let mut command = Command::new(self.path("bin/hermes"));
        command.args(args).env("HERMES_HOME", self.root());
        if hold {
            command.env("HOLD", "1");
        }
        self.gateway(command)
    }
}

/// Ended when it goes out of scope, by closing its input.
struct Gateway {
    child: Child,
    told: String,
}

impl Gateway {
    fn pid(&self) -> String {
        self.child.id().to_string()
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if let Some(mut input) = self.child.stdin.take() {
            let _ = input.write_all(b"\n");
        }
        let _ = self.child.wait();
    }
}

#[test]
fn the_launcher_becomes_the_gateway_with_the_contract_s_command_line() {
    let bench = Bench::new();
    let gateway = bench.gateway(bench.launcher());
    let told: serde_json::Value = serde_json::from_str(&gateway.told).unwrap();
    let hermes = bench.path("bin/hermes");
    assert_eq!(
        told["argv"],
        serde_json::json!([hermes, "--profile", "coder", "gateway", "run"])
    );
    assert_eq!(told["home"], serde_json::json!(bench.root()));
    assert_eq!(
        told["cwd"],
        serde_json::json!(bench.home().canonicalize().unwrap())
    );
    let bin = bench.path("bin").display().to_string();
    assert!(told["path"].as_str().unwrap().split(':').any(|p| p == bin));
    // The same process: execve, no child.
    let cmdline = std::fs::read_to_string(format!("/proc/{}/cmdline", gateway.pid())).unwrap();
    assert!(cmdline.contains("gateway\0run"), "{cmdline:?}");
}

#[test]
fn a_second_launcher_is_refused_while_the_first_gateway_lives_and_starts_after_its_death() {
    let bench = Bench::new();
    let first = bench.gateway(bench.launcher());
    let text = bench.refusal();
    assert!(text.starts_with("exit 69"), "{text}");
    assert!(text.contains(&format!("pid {}", first.pid())), "{text}");
    assert!(
        text.contains(&format!("`kill -INT {}`", first.pid())) || text.contains("`systemctl"),
        "{text}"
    );
    assert_eq!(
        text.lines()
            .last()
            .unwrap()
            .matches("hermes-install:")
            .count(),
        1,
        "one sentence: {text}"
    );
    first.kill();
    bench.gateway(bench.launcher());
}

#[test]
fn a_hand_started_gateway_that_holds_upstream_s_lock_is_an_owner() {
    let bench = Bench::new();
    let owner = bench.by_hand(
        &["-p", "coder", "--profile", "coder", "gateway", "run"],
        true,
    );
    let text = bench.refusal();
    assert!(
        text.starts_with("exit 69") && text.contains(&format!("pid {}", owner.pid())),
        "{text}"
    );
    drop(owner);
    // Its lock file and pid file are still there, and nobody is behind them.
    assert!(
        bench.home().join("gateway.lock").exists() && bench.home().join("gateway.pid").exists()
    );
    bench.gateway(bench.launcher());
}

#[test]
fn a_lock_held_by_somebody_unknown_is_an_owner_too() {
    let bench = Bench::new();
    let lock = bench.home().join("gateway.lock");
    std::fs::write(&lock, "").unwrap();
    let mut holder = Command::new("flock")
        .arg(&lock)
        .args(["cat"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    wait_for("flock(1) to hold the lock", || {
        Command::new("flock")
            .args(["-n", lock.to_str().unwrap(), "true"])
            .status()
            .unwrap()
            .code()
            == Some(1)
    });
    let text = bench.refusal();
    assert!(
        text.starts_with("exit 69") && text.contains("cannot be seen"),
        "{text}"
    );
    drop(holder.stdin.take());
    holder.wait().unwrap();
    bench.gateway(bench.launcher());
}

#[test]
fn a_replacement_on_its_way_is_an_owner_though_it_holds_no_lock_yet() {
    let bench = Bench::new();
    let replacer = bench.by_hand(
        &["--profile", "coder", "gateway", "run", "--replace"],
        false,
    );
    let text = bench.refusal();
    assert!(
        text.starts_with("exit 69") && text.contains("taking it over"),
        "{text}"
    );
    assert!(text.contains(&format!("pid {}", replacer.pid())), "{text}");
}

#[test]
fn a_restart_by_the_command_line_is_a_takeover_up_to_0_21_3_and_waits_for_its_unit_after() {
    let bench = Bench::new();
    bench.version("0.21.3.post1");
    let command = bench.by_hand(&["--profile", "coder", "gateway", "restart"], false);
    let text = bench.refusal();
    assert!(
        text.starts_with("exit 69") && text.contains(&command.pid()),
        "{text}"
    );
    bench.version("0.21.4");
    bench.gateway(bench.launcher());
    bench.version("0.23.1");
    bench.gateway(bench.launcher());
}

#[test]
fn a_profile_that_another_gateway_of_its_root_serves_is_refused_until_it_is_let_go() {
    let bench = Bench::new();
    bench.version("0.22.2");
    let state = |gateway: &Gateway, served: &str| {
        let text = format!(
            r#"{{"pid": {}, "gateway_state": "running", "served_profiles": [{served}]}}"#,
            gateway.pid()
        );
        std::fs::write(bench.root().join("gateway_state.json"), text).unwrap();
    };
    let host = bench.by_hand(&["gateway", "run"], true);
    state(&host, r#""default", "coder""#);
    let text = bench.refusal();
    assert!(
        text.starts_with("exit 69") && text.contains("served by the gateway of profile `default`"),
        "{text}"
    );
    assert!(text.contains("--profile coder --standalone"), "{text}");
    state(&host, "");
    bench.gateway(bench.launcher());
    // What a gateway that is gone has served, it serves no more.
    state(&host, r#""default", "coder""#);
    host.kill();
    bench.gateway(bench.launcher());
}

#[test]
fn the_default_profile_is_named_only_where_that_does_not_keep_others_from_taking_it_over() {
    let bench = Bench::new();
    let is_named = |version: &str| {
        bench.version(version);
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("hermes-install"));
        command
            .args(["exec", "--profile", "default", "--home"])
            .arg(bench.root())
            .arg("--hermes")
            .arg(bench.path("bin/hermes"))
            .env_remove("HERMES_HOME");
        bench.gateway(command).told.contains("--profile")
    };
    let active = bench.root().join("active_profile");
    for (version, alone, beside) in [
        ("0.20.4", true, true),
        ("0.20.6", false, true),
        ("0.21.3", false, false),
        ("0.22.2", false, false),
        ("0.23.0", false, false),
        ("strange", false, true),
    ] {
        let _ = std::fs::remove_file(&active);
        assert_eq!(is_named(version), alone, "{version}");
        std::fs::write(&active, "coder\n").unwrap();
        assert_eq!(is_named(version), beside, "{version}");
    }
}

/// What the helper of 0.16 and 0.17 says after a clean exit: 1 asks systemd for another start.
fn post_stop(bench: &Bench) -> Child {
    Command::new(assert_cmd::cargo::cargo_bin!("hermes-install"))
        .args(["post-stop", "--profile", "coder"])
        .env("HERMES_HOME", bench.root())
        .env("SERVICE_RESULT", "success")
        .env("EXIT_STATUS", "0")
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Wait until a process is in the pause between two looks (proc_pid_syscall(5)).
fn until_it_pauses(child: &Child, what: &str) {
    let pauses =
        [nix::libc::SYS_nanosleep, nix::libc::SYS_clock_nanosleep].map(|number| number.to_string());
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let call = std::fs::read_to_string(format!("/proc/{}/syscall", child.id())).expect(what);
        let number = call.split_whitespace().next().unwrap_or_default();
        if pauses.iter().any(|pause| pause == number) {
            return;
        }
        assert!(
            !number.is_empty() && Instant::now() < deadline,
            "{what}: {call}"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_clean_exit_asks_for_a_start_when_a_restart_was_planned_or_a_takeover_never_arrived() {
    let bench = Bench::new();
    bench.version("0.17.0");
    let code = |mut child: Child| child.wait().unwrap().code();
    assert_eq!(code(post_stop(&bench)), Some(0), "an ordinary stop");

    let replacer = bench.by_hand(&["--profile", "coder", "gateway", "restart"], false);
    let helper = post_stop(&bench);
    until_it_pauses(&helper, "it waits for the takeover");
    replacer.kill();
    assert_eq!(code(helper), Some(1), "a takeover that never arrived");

    let arrived = bench.by_hand(&["--profile", "coder", "gateway", "run", "--replace"], true);
    let state = |pid: &str, text: &str| {
        let text =
            format!(r#"{{"pid": {pid}, "restart_requested": true, "gateway_state": "{text}"}}"#);
        std::fs::write(bench.home().join("gateway_state.json"), text).unwrap();
    };
    state(&arrived.pid(), "running");
    assert_eq!(code(post_stop(&bench)), Some(0), "a takeover");
    arrived.kill();

    state("4194300", "stopped");
    assert_eq!(code(post_stop(&bench)), Some(1), "a planned restart");
}

#[test]
fn a_replacement_of_another_profile_is_none() {
    let bench = Bench::new();
    let _other = bench.by_hand(
        &["--profile", "default", "gateway", "run", "--replace"],
        false,
    );
    bench.gateway(bench.launcher());
}

#[test]
fn stale_and_reused_pids_do_not_fool_the_launcher() {
    let bench = Bench::new();
    let mut other = Command::new("sleep").arg("600").spawn().unwrap();
    let start = |pid: u32| -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        stat.split_whitespace().nth(21).unwrap().parse().unwrap()
    };
    let own = std::process::id();
    for record in [
        "garbage".to_owned(),
        r#"{"pid": 4194303, "start_time": 5}"#.to_owned(),
        // Another program under the recorded PID, with the recorded start even.
        format!(
            r#"{{"pid": {}, "start_time": {}}}"#,
            other.id(),
            start(other.id())
        ),
        format!(r#"{{"pid": {own}, "start_time": null}}"#),
    ] {
        std::fs::write(bench.home().join("gateway.pid"), &record).unwrap();
        std::fs::write(bench.home().join("gateway.lock"), &record).unwrap();
        std::fs::write(
            bench.home().join("gateway_state.json"),
            record.replace('}', r#", "gateway_state": "running"}"#),
        )
        .unwrap();
        bench.gateway(bench.launcher());
    }
    other.kill().unwrap();
    other.wait().unwrap();
}

#[test]
fn what_cannot_run_is_78_with_a_way_out() {
    let bench = Bench::new();
    let refused = |hermes: &str| told(&bench.launcher_for(hermes).output().unwrap());
    bench.write("bin/.hermes-wrapped", STAND_IN, 0o755);
    std::fs::create_dir_all(bench.path("broken")).unwrap();
    bench.write("broken/hermes", "#!/nonexistent/python\n", 0o755);
    std::fs::create_dir_all(bench.path("plain")).unwrap();
    bench.write("plain/hermes", "", 0o644);
    for (hermes, said) in [
        ("nowhere/hermes", "does not exist"),
        ("bin/.hermes-wrapped", "is not called `hermes`"),
        ("broken/hermes", "interpreter is gone"),
        ("plain/hermes", "cannot be executed"),
    ] {
        let text = refused(hermes);
        assert!(
            text.starts_with("exit 78") && text.contains(said),
            "{hermes}: {text}"
        );
    }
}

#[test]
fn a_home_that_cannot_be_used_is_78_with_a_way_out() {
    let bench = Bench::new();
    std::fs::remove_dir(bench.home()).unwrap();
    let text = bench.refusal();
    assert!(
        text.starts_with("exit 78") && text.contains("`hermes profile create coder`"),
        "{text}"
    );
    let renamed = bench.root().join("profiles/writer");
    std::fs::create_dir(&renamed).unwrap();
    std::fs::write(renamed.join("profile.yaml"), "previous_names: [coder]\n").unwrap();
    let text = bench.refusal();
    assert!(
        text.starts_with("exit 78") && text.contains("it is called `writer` now"),
        "{text}"
    );
    std::fs::write(bench.home(), "").unwrap();
    let text = bench.refusal();
    assert!(
        text.starts_with("exit 78") && text.contains("not a directory"),
        "{text}"
    );
}

#[test]
fn a_profile_that_hermes_parked_is_refused_where_one_gateway_serves_all() {
    let bench = Bench::new();
    std::fs::write(bench.home().join("gateway.parked"), "").unwrap();
    bench.version("0.22.2");
    let text = bench.refusal();
    assert!(
        text.starts_with("exit 78") && text.contains("`hermes-install run coder gateway start`"),
        "{text}"
    );
    let config = bench.home().join("config.yaml");
    std::fs::write(&config, "gateway: {standalone: true}\n").unwrap();
    drop(bench.gateway(bench.launcher()));
    std::fs::remove_file(config).unwrap();
    bench.version("0.19.0");
    drop(bench.gateway(bench.launcher()));
}

#[test]
fn a_restart_that_is_asked_for_before_hermes_listens_does_not_end_it() {
    let bench = Bench::new();
    let gateway = bench.gateway(bench.launcher());
    let usr1 = Command::new("kill")
        .args(["-USR1", &gateway.pid()])
        .status()
        .unwrap();
    assert!(usr1.success());
    let text = bench.refusal();
    assert!(text.starts_with("exit 69"), "it runs on: {text}");
}

#[test]
fn a_usage_error_is_2_which_systemd_does_not_restart() {
    let output = program()
        .args(["exec", "--profile", "No Name"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
}

/// Until a condition holds; a deadline, not a pause, decides.
fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < deadline, "timed out waiting for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
