"""Stale pid files (dead, reused), a leftover lock and state after SIGKILL do not keep a gateway from starting."""

import os
import signal
import subprocess
from pathlib import Path

from check import check, equal
from gateway import Profile
from installer import install
from systemd import Unit

HERMES = ["0.19.0"]
SECONDS = 60


def run() -> None:
    default = Profile("default")
    equal("install ends with", install(default).code, 0)
    unit = Unit(default.unit)

    # Killed together with its unit: nothing restarts it, everything of its files is left.
    pid = unit.pid
    unit.systemctl("mask")
    os.kill(pid, signal.SIGKILL)
    unit.systemctl("stop", check=False)
    unit.systemctl("unmask")
    left = {name: (default.home / name).exists() for name in ("gateway.pid", "gateway.lock", "gateway_state.json")}
    check("SIGKILL left pid file, lock and state", all(left.values()), left)
    start(unit, default, "after SIGKILL")

    unit.systemctl("stop")
    default.record(4194300, 5)
    start(unit, default, "with a pid file of a dead process")

    unit.systemctl("stop")
    other = subprocess.Popen(["sleep", "600"])
    started = int(Path(f"/proc/{other.pid}/stat").read_text().split()[21])
    default.record(other.pid, started)
    start(unit, default, "with a pid file of another program, its start time even")
    check("the other program is untouched", other.poll() is None)
    other.kill()


def start(unit: Unit, profile: Profile, how: str) -> None:
    unit.systemctl("reset-failed", check=False)
    unit.systemctl("start")
    profile.until_up(unit.pid)
    equal(f"{how}: state", unit.states, ("active", "success"))
    equal(f"{how}: gateways", profile.gateways(), [unit.pid])
    equal(f"{how}: automatic restarts", unit.restarts, 0)
