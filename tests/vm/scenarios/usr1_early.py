"""SIGUSR1 in the first seconds of a start, when hermes has no handler for it yet, does not end the gateway."""

import os
import signal
import time
from functools import partial
from pathlib import Path

import wait
from check import check, equal
from gateway import Profile
from installer import install
from systemd import Unit

HERMES = ["0.22.2"]
SECONDS = 90

# Seconds after hermes' own start at which it comes.
MOMENTS = (0.0, 0.3, 1.0)


def run() -> None:
    default = Profile("default")
    equal("install ends with", install(default).code, 0)
    unit = Unit(default.unit)
    for after in MOMENTS:
        unit.systemctl("restart")
        pid = unit.pid
        wait.until("hermes to be executed", partial(executed, pid), every=0.01)
        time.sleep(after)
        early = not listens(pid)
        os.kill(pid, signal.SIGUSR1)
        default.until_up()
        wait.until("it to settle", lambda: default.gateways() == [unit.pid] and default.is_up(unit.pid), 60)
        equal(f"{after} s after its start: state", unit.states[0], "active")
        check(f"{after} s after its start: it goes on", unit.pid == pid or not early, unit.pid)
    # Once it listens, that is a planned restart as ever.
    pid = unit.pid
    os.kill(pid, signal.SIGUSR1)
    after = default.until_up(after=pid)
    equal("the gateway of", after, unit.pid)


def executed(pid: int) -> bool:
    """Is this hermes now, and not the launcher any more?"""
    return b"gateway\0run" in Path(f"/proc/{pid}/cmdline").read_bytes()


def listens(pid: int) -> bool:
    """Has it a handler for SIGUSR1 (proc(5), `SigCgt`)?"""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return bool(int(status["SigCgt"], 16) & 1 << signal.SIGUSR1 - 1)
