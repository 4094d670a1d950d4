"""A gateway killed by SIGSEGV and SIGKILL comes back, ten times in a row, with pauses that make no storm."""

import os
import signal
import time

from check import check, equal, measured
from gateway import Profile
from installer import install
from systemd import Unit

SECONDS = 460


def run() -> None:
    default = Profile("default")
    equal("install ends with", install(default).code, 0)
    unit = Unit(default.unit)
    pauses = []
    for turn in range(10):
        pid = unit.pid
        died = time.monotonic()
        os.kill(pid, signal.SIGSEGV if turn % 2 else signal.SIGKILL)
        default.until_up(after=pid, seconds=120)
        pauses.append(round(time.monotonic() - died, 1))
        if not check(f"crash {turn + 1}: another process runs", unit.pid not in (0, pid), unit.pid):
            return
        equal(f"crash {turn + 1}: gateways", default.gateways(), [unit.pid])
    equal("automatic restarts", unit.restarts, 10)
    check("every pause is at least 5 s long", min(pauses) >= 5, pauses)
    check("every pause is at most 75 s long", max(pauses) <= 75, pauses)
    measured("seconds from crash to running", pauses)
