"""The hostile account: an ordinary one without rights, and what she can do with a shell."""

import os
import pwd
import shlex
import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import wait

# A gateway that anybody can write: it takes the lock, says that it runs, and ends at SIGINT. A copy for each who needs one.
STAND_IN = """#!/usr/bin/python3
import fcntl, json, os, signal, sys
if "--version" in sys.argv:
    print("Hermes Agent v0.19.0 (2026.7.20)")
    sys.exit()
home = os.environ["HERMES_HOME"]
if "--profile" in sys.argv:
    name = sys.argv[sys.argv.index("--profile") + 1]
    home += "" if name == "default" else "/profiles/" + name
lock = open(home + "/gateway.lock", "a+")
fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
start = int(open("/proc/self/stat").read().split()[21])
record = {"pid": os.getpid(), "kind": "hermes-gateway", "argv": sys.argv, "start_time": start}
for name, more in (("gateway.pid", {}), ("gateway_state.json", {"gateway_state": "running"})):
    with open(home + "/" + name, "w") as file:
        json.dump({**record, **more}, file)
signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
while True:
    signal.pause()
"""


class Account:
    """An account and its shell."""

    def __init__(self, name: str) -> None:
        self.name = name
        subprocess.run(["useradd", "--create-home", "--shell=/bin/sh", name], check=True)
        entry = pwd.getpwnam(name)
        self.uid, self.gid, self.home = entry.pw_uid, entry.pw_gid, Path(entry.pw_dir)

    def start(self, *command: str, env: dict[str, str] | None = None, **more: Any) -> subprocess.Popen:
        """Start a command of hers with exactly this environment."""
        return subprocess.Popen(
            command, user=self.uid, group=self.gid, extra_groups=[], cwd=more.pop("cwd", self.home), start_new_session=True,
            env={"PATH": "/usr/bin:/bin"} if env is None else env, **more,
        )

    def serve(self, source: str, *args: str) -> subprocess.Popen:
        """Start a server in Python that prints a line when it is ready."""
        process = self.start("python3", "-c", source, *args, stdout=subprocess.PIPE, text=True)
        line = process.stdout.readline() if process.stdout else ""
        if line.strip() != "ready":
            raise RuntimeError(f"a server of {self.name} did not start: {line!r}")
        return process

    def run(self, script: str) -> str:
        """Run a line of shell as her; its output."""
        done = self.start("sh", "-ec", script, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        said, _ = done.communicate(timeout=120)
        if done.returncode != 0:
            raise RuntimeError(f"{script} as {self.name} ended with {done.returncode}: {said}")
        return said

    def write(self, path: str, text: str, mode: int = 0o755) -> Path:
        """A file of hers, below her home where the path is relative."""
        place = self.home / path
        self.run(f"mkdir -p {shlex.quote(str(place.parent))}")
        place.write_text(text)
        os.chown(place, self.uid, self.gid)
        place.chmod(mode)
        return place

    def manager(self) -> None:
        """Her own systemd, as after a login."""
        subprocess.run(["loginctl", "enable-linger", self.name], check=True)
        self.bus = Path(f"/run/user/{self.uid}/bus")
        wait.until(f"the manager of {self.name}", lambda: self.systemctl("is-system-running", check=False) in UP)

    def systemctl(self, *args: str, check: bool = True) -> str:
        """systemctl of her own manager."""
        variables = {"PATH": "/usr/bin:/bin", "XDG_RUNTIME_DIR": f"/run/user/{self.uid}"}
        done = self.start("systemctl", "--user", *args, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        said, errors = done.communicate(timeout=120)
        if check and done.returncode != 0:
            raise RuntimeError(f"systemctl {' '.join(args)} as {self.name}: {errors}")
        return said.strip()


UP = ("running", "degraded")


def mallory() -> Account:
    return Account("mallory")


def planted(home: Path, names: Iterable[str], plants: dict[str, Callable[[Path], object]]) -> Iterator[tuple[Path, str]]:
    """Each of these files of a home as each of the plants, which its account makes; at last it is what it was."""
    owner = home.stat().st_uid
    for path in (home / name for name in names):
        kept = path.read_bytes() if path.exists() else None
        for how, plant in plants.items():
            path.unlink(missing_ok=True)
            plant(path)
            os.chown(path, owner, -1, follow_symlinks=False)
            yield path, how
        path.unlink(missing_ok=True)
        if kept is not None:
            path.write_bytes(kept)
            os.chown(path, owner, -1)


def is_running(pid: int) -> bool:
    """Whether there is such a process, other than a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
