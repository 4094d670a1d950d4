"""A pid file, a lock file and a state file steer nobody: adopt stops only a gateway that the kernel shows on that home."""

import json
from pathlib import Path

import wait
from check import check
from gateway import fresh_account
from installer import hermes_install
from mallory import STAND_IN, Account, is_running, mallory

SECONDS = 60


def run() -> None:
    fresh_account()
    her, other = mallory(), Account("victim")
    theirs = other.write(".hermes/config.yaml", "", 0o600).parent
    program = other.write("bin/hermes", STAND_IN)
    victim = other.start(str(program), "gateway", "run", env={"HERMES_HOME": str(theirs), "HOME": str(other.home)})
    wait.until("the victim's gateway", lambda: (theirs / "gateway_state.json").exists())
    start = int(Path(f"/proc/{victim.pid}/stat").read_text().split()[21])

    her.write("bin/hermes", STAND_IN)
    home = her.write(".hermes/profiles/x/config.yaml", "", 0o600).parent
    record = {"pid": victim.pid, "kind": "hermes-gateway", "argv": ["hermes", "gateway", "run"]}
    for text in (record, {**record, "start_time": start}):
        for name in ("gateway.pid", "gateway.lock", "gateway_state.json"):
            her.write(str(home / name), json.dumps({**text, "gateway_state": "running"}), 0o644)
        attempt(victim, "a record of hers")
    # With the lock held by a process of hers.
    holder = her.start("flock", str(home / "gateway.lock"), "sleep", "infinity")
    wait.until("the lock", lambda: Path(f"/proc/{holder.pid}/task").exists() and locked(home / "gateway.lock"))
    attempt(victim, "a record and a held lock")
    her.run(f"kill -- -{holder.pid}")

    # A profile of hers that is the other's directory.
    her.run(f"rm -r {home} && ln -s {theirs} {home}")
    attempt(victim, "a link to the home")
    victim.kill()


def attempt(victim, how: str) -> None:
    done = hermes_install("adopt", "--profile", "x", "--run-as", "mallory", "--hermes", "/home/mallory/bin/hermes", "--yes")
    check(f"{how}: adopt does not do it", done.code in (1, 2, 3), done.text)
    check(f"{how}: the victim's gateway lives", is_running(victim.pid))


def locked(path: Path) -> bool:
    import fcntl

    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
    return False
