"""A gateway that is killed comes back: at once the first three times, then after 5 s to a minute, said in the journal."""

import os
import re
import signal
import time

from check import check, equal, measured
from gateway import Profile
from installer import install
from systemd import Unit

SECONDS = 320
WAITS = ["5s", "10s", "20s", "40s", "1min", "1min"]


def run() -> None:
    default = Profile("default")
    equal("install ends with", install(default).code, 0)
    unit = Unit(default.unit)
    pauses = []
    for turn in range(9):
        pid = unit.pid
        died = time.monotonic()
        os.kill(pid, signal.SIGSEGV if turn % 2 else signal.SIGKILL)
        default.until_up(after=pid, seconds=150)
        pauses.append(round(time.monotonic() - died, 1))
        if not check(f"crash {turn + 1}: another process runs", unit.pid not in (0, pid), unit.pid):
            return
        equal(f"crash {turn + 1}: gateways", default.gateways(), [unit.pid])
    equal("automatic restarts", unit.restarts, 9)
    said = re.findall(r"next start in (\w+): \d+ starts in 10min", unit.journal())
    equal("waits that the journal tells", said, WAITS)
    measured("seconds from crash to running", pauses)
