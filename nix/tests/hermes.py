"""A stand-in for hermes: the gateway's files, signals and exit statuses, and nothing else.

It speaks the protocol of hermes-agent 0.19: `gateway.lock` (flock), `gateway.pid`, `gateway_state.json` and
`.gateway-takeover.json` (gateway/status.py), SIGINT for a planned stop, SIGTERM for one that nobody planned unless the
takeover names us, SIGUSR1 for a planned restart (gateway/run.py).
"""

import fcntl
import json
import os
import re
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn


def start_time(pid: int) -> int | None:
    """When a process started, in ticks; None when it is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[19])


def is_gateway(pid: int) -> bool:
    """Whether a process is known for a gateway by its command line."""
    try:
        argv = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:
        return False
    return any(a.rsplit("/", 1)[-1] == "hermes" for a in argv) and "gateway" in argv and "run" in argv


def read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


class Gateway:
    """One gateway on one home."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.pid_file = home / "gateway.pid"
        self.takeover = home / ".gateway-takeover.json"
        self.record = {
            "pid": os.getpid(),
            "kind": "hermes-gateway",
            "argv": sys.argv,
            "start_time": start_time(os.getpid()),
        }
        self.lock = (home / "gateway.lock").open("a+")

    def run(self, replace: bool) -> NoReturn:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
            signal.signal(number, self.on_signal)
        if not self.locked():
            if not replace:
                sys.exit(f"Gateway already running (PID {self.owner()})")
            self.end(self.owner())
            if not self.locked():
                sys.exit("the lock is still held")
        self.lock.truncate(0)
        self.lock.write(json.dumps(self.record))
        self.lock.flush()
        self.pid_file.unlink(missing_ok=True)
        with os.fdopen(os.open(self.pid_file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644), "w") as file:
            file.write(json.dumps(self.record))
        self.say("running")
        while True:
            signal.pause()

    def locked(self) -> bool:
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def owner(self) -> int:
        """The live gateway that the files name."""
        for path in (self.pid_file, self.home / "gateway.lock"):
            record = read(path)
            pid = int(record.get("pid") or 0)
            if pid and start_time(pid) == record.get("start_time") and is_gateway(pid):
                return pid
        sys.exit("somebody holds the lock whom nobody knows")

    def end(self, pid: int) -> None:
        """Announce a takeover, ask, and after ten seconds kill."""
        marker = {
            "target_pid": pid,
            "target_start_time": start_time(pid),
            "replacer_pid": os.getpid(),
            "replacer_hermes_home": str(self.home),
            "written_at": datetime.now(UTC).isoformat(),
        }
        with os.fdopen(os.open(self.takeover, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w") as file:
            file.write(json.dumps(marker))
        os.kill(pid, signal.SIGTERM)
        for _ in range(20):
            if start_time(pid) is None:
                break
            time.sleep(0.5)
        else:
            os.kill(pid, signal.SIGKILL)
            while start_time(pid) is not None:
                time.sleep(0.1)
        self.takeover.unlink(missing_ok=True)

    def on_signal(self, number: int, _frame: FrameType | None) -> NoReturn:
        marker = read(self.takeover)
        meant = marker.get("target_pid") == os.getpid() and marker.get("replacer_hermes_home") == str(self.home)
        if number == signal.SIGUSR1:
            status = 75
        elif number == signal.SIGTERM and not meant:
            status = 1
        else:
            status = 0
        self.say("stopped", restart=status == 75)
        if read(self.pid_file).get("pid") == os.getpid():
            self.pid_file.unlink()
        os._exit(status)

    def say(self, state: str, restart: bool = False) -> None:
        """Write the state file, whole or not at all."""
        text = self.record | {
            "gateway_state": state,
            "exit_reason": None,
            "restart_requested": restart,
            "active_agents": 0,
            "platforms": {},
            "updated_at": datetime.now(UTC).isoformat(),
        }
        new = self.home / f".gateway_state.{os.getpid()}"
        new.write_text(json.dumps(text))
        new.chmod(0o600)
        new.rename(self.home / "gateway_state.json")


def main() -> None:
    arguments = sys.argv[1:]
    if arguments == ["--version"]:
        print("Hermes Agent v0.19.0")
        return
    profile = None
    if arguments[:1] in (["--profile"], ["-p"]):
        profile, arguments = arguments[1], arguments[2:]
    if arguments[:2] != ["gateway", "run"] or not set(arguments[2:]) <= {"--replace"}:
        print("usage: hermes [--profile NAME] gateway run [--replace]", file=sys.stderr)
        sys.exit(2)
    root = Path(os.environ.get("HERMES_HOME") or Path.home() / ".hermes")
    if profile is None:
        active = root / "active_profile"
        profile = active.read_text().strip() if active.exists() else "default"
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", profile):
        sys.exit(f"bad profile name {profile}")
    home = root if profile == "default" else root / "profiles" / profile
    if not home.is_dir():
        sys.exit(f"profile {profile} does not exist")
    Gateway(home).run("--replace" in arguments)


if __name__ == "__main__":
    main()
