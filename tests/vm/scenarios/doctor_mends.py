"""`doctor --fix` mends permissions, owners of files, stale files and lingering, and leaves a live gateway's files."""

import json
import os
import pwd
import signal
import subprocess
from pathlib import Path

import wait
from check import check, contains, equal
from gateway import Profile
from installer import hermes_install, install
from systemd import Unit

SECONDS = 90


def doctor(*args: str, user: str = "root") -> tuple[int, dict]:
    done = hermes_install("doctor", "--json", *args, user=user)
    return done.code, json.loads(done.out)


def rules(report: dict) -> list[str]:
    return sorted(finding["rule"] for finding in report["findings"])


def run() -> None:
    mine = Profile("coder", user="alice", root="/home/alice/.hermes").make()
    equal("install as alice ends with", install(mine, user="alice").code, 0)
    unit = Unit(mine.unit, user="alice")
    mine.until_up()

    # What somebody's hand does to a host.
    Path("/home/alice").chmod(0o755)
    mine.root.chmod(0o755)
    mine.home.parent.chmod(0o755)
    mine.home.chmod(0o755)
    (mine.home / ".env").write_text("TELEGRAM_BOT_TOKEN=1:x\n")
    (mine.home / ".env").chmod(0o644)
    (mine.home / "notes.db").write_text("of root")
    subprocess.run(["loginctl", "disable-linger", "alice"], check=True)
    wait.until("lingering to be off", lambda: not Path("/var/lib/systemd/linger/alice").exists())
    code, report = doctor()
    equal("doctor finds", (code, rules(report)), (1, ["foreign-files", "linger-off", "readable-secrets"]))
    as_alice = doctor(user="alice")[1]
    check("alice sees them too", set(rules(as_alice)) >= {"linger-off", "readable-secrets"}, rules(as_alice))
    shown = hermes_install("status", "--long", user="alice")
    equal("status without lingering ends with", shown.code, 1)
    contains("what it says", shown.out, "running (user scope, starts at login)", "lingering is off", "loginctl enable-linger alice")
    code, report = doctor("--fix", "--yes")
    equal("after --fix", (code, rules(report)), (0, []))
    env = (mine.home / ".env").stat()
    equal("the .env", (f"{env.st_mode & 0o777:o}", env.st_uid), ("640", pwd.getpwnam("alice").pw_uid))
    equal("the file of root's", (mine.home / "notes.db").stat().st_uid, pwd.getpwnam("alice").pw_uid)
    equal("its text", (mine.home / "notes.db").read_text(), "of root")
    check("lingering is on", Path("/var/lib/systemd/linger/alice").exists())
    a_directory_of_roots(mine)

    # Files of a gateway that runs are not touched; those of one that was killed are.
    if not mine.gateways():
        unit.systemctl("start")
    mine.until_up()
    (mine.home / ".gateway-planned-stop.json").write_text("{}")
    os.utime(mine.home / ".gateway-planned-stop.json", (0, 0))
    code, report = doctor("--fix", "--yes")
    equal("with an owner, stale files are", [r for r in rules(report) if r == "stale-files"], [])
    check("the PID file of the live gateway is there", (mine.home / "gateway.pid").exists())
    (mine.home / ".gateway-planned-stop.json").unlink(missing_ok=True)

    hold = Path("/run/user/{}/systemd/user/{}.d/hold.conf".format(pwd.getpwnam("alice").pw_uid, mine.unit))
    hold.parent.mkdir(parents=True)
    hold.write_text("[Service]\nRestart=no\n")
    unit_reload()
    os.kill(mine.gateways()[0], signal.SIGKILL)
    wait.until("the gateway to be gone", lambda: not mine.gateways())
    (mine.home / ".gateway-takeover.json").write_text("{}")
    os.utime(mine.home / ".gateway-takeover.json", (0, 0))
    link = mine.home / ".gateway-planned-stop.json"
    link.symlink_to("/etc/passwd")
    os.utime(link, (0, 0), follow_symlinks=False)
    code, report = doctor()
    check("without one they are a finding", "stale-files" in rules(report), rules(report))
    code, report = doctor("--fix", "--yes")
    check("and --fix takes them away", "stale-files" not in rules(report), rules(report))
    left = [*mine.home.glob(".gateway-*"), *mine.home.glob("gateway.pid")]
    equal("what is left of them", left, [])
    check("what a link led to is still there", Path("/etc/passwd").exists())
    backups = sorted(Path("/var/lib/hermes-install/backup").glob("*"))
    kept = [p.name for p in backups[-1].rglob("*") if p.is_symlink() or p.is_file()]
    contains("the backup", str(kept), "gateway.pid", ".gateway-takeover.json", "before.json")
    seen_too_late(mine)


def seen_too_late(mine: Profile) -> None:
    """A home that is mounted at login: its units are not there when its manager begins, and nobody starts them."""
    config, away = Path("/home/alice/.config"), Path("/home/alice/away")
    manager = Unit(f"user@{pwd.getpwnam('alice').pw_uid}.service")
    manager.systemctl("stop")
    config.rename(away)
    manager.systemctl("start")
    away.rename(config)
    shown = hermes_install("status", user="alice")
    equal("status of a unit that was seen too late ends with", shown.code, 1)
    contains("what it says", shown.out, "stopped", "knows of no start since", "systemctl --user daemon-reload && hermes-install start --user coder")
    unit_reload()
    equal("start ends with", hermes_install("start", "--user", "coder", user="alice").code, 0)
    mine.until_up()
    equal("stop ends with", hermes_install("stop", "--user", "coder", user="alice").code, 0)
    equal("status of one that somebody stopped ends with", hermes_install("status", user="alice").code, 0)
    # As long as she is logged in, her manager leaves its directory behind when it is stopped.
    subprocess.run(["systemd-run", "--unit=login", "-p", "PAMName=login", "-p", "User=alice", "sleep", "infinity"], check=True)
    manager.systemctl("stop")
    check("her manager's directory is there", Path(f"/run/user/{pwd.getpwnam('alice').pw_uid}/systemd").exists())
    code, report = doctor()
    equal("without her manager doctor finds", (code, rules(report)), (1, ["manager-down"]))
    contains("status of root's", hermes_install("status").out, "(enabled) would run the gateway")
    equal("who only looks starts no manager", manager.states[0], "inactive")
    subprocess.run(["sh", "-c", report["findings"][0]["hint"]], check=True)
    mine.until_up()


def a_directory_of_roots(mine: Profile) -> None:
    """What only root can read is no gateway's for sure: `--fix` leaves it and says so, and the hint gives it back."""
    (mine.home / "notebook").mkdir(mode=0o700)
    (mine.home / "notebook/today.md").write_text("of root")
    code, report = doctor()
    equal("a directory of root's is found", (code, rules(report)), (1, ["foreign-files"]))
    (found,) = report["findings"]
    contains("what is said of it", found["what"], "notebook` in a home of `alice` belong to `root`", "look at the rest first")
    left = hermes_install("doctor", "--fix", "--yes")
    equal("--fix with nothing to do ends with", left.code, 1)
    contains("what it says", left.err, "nothing was changed: what is found here is for a person to mend")
    subprocess.run(["sh", "-c", found["hint"]], check=True)
    owners = {path.stat().st_uid for path in (mine.home / "notebook", mine.home / "notebook/today.md")}
    equal("after the hint it is", owners, {pwd.getpwnam("alice").pw_uid})
    equal("and doctor finds", doctor(), (0, {**report, "findings": [], "errors": 0, "warnings": 0}))


def unit_reload() -> None:
    subprocess.run(["systemctl", "--user", "-M", "alice@", "daemon-reload"], check=True)
