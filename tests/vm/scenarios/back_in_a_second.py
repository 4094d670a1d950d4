"""Planned restarts never wait, however many; a wait after crashes shows as `activating` and ends with a stop at once."""

import os
import re
import signal
import time

import wait
from check import check, contains, equal, measured
from gateway import Profile
from installer import hermes_install, install
from systemd import Unit

HERMES = ["0.19.0"]
SECONDS = 240


def run() -> None:
    default = Profile("default")
    equal("install ends with", install(default).code, 0)
    unit = Unit(default.unit)
    seconds = []
    for turn in range(10):
        pid = unit.pid
        unit.systemctl("reload")
        wait.until(f"planned restart {turn + 1} to begin", lambda pid=pid: not default.is_up(pid), 60)
        down = time.monotonic()
        default.until_up(after=pid, seconds=60)
        seconds.append(round(time.monotonic() - down, 1))
    equal("automatic restarts", unit.restarts, 10)
    check("no planned restart waited", "next start in" not in unit.journal(), unit.journal())
    measured("seconds without a gateway, ten planned restarts", seconds)

    crash_until_it_waits(default, unit)
    equal("while it waits", unit.show()["SubState"], "start-pre")
    shown = hermes_install("status").out
    contains("what status says of it", shown, "next start in ", "starts in 10min", "hermes-install why ")
    check("it does not say that it ended well", "success" not in shown, shown)
    equal("nobody runs while it waits", default.gateways(), [])
    begin = time.monotonic()
    unit.systemctl("stop")
    took = time.monotonic() - begin
    equal("after a stop in the wait", unit.states, ("inactive", "success"))
    announced = [int(word) for word in re.findall(r"next start in (\d+)s", unit.journal())]
    check("the stop did not sit out the wait", took < announced[-1], (took, announced))
    begin = time.monotonic()
    unit.systemctl("start")
    default.until_up(seconds=60)
    measured("seconds from a start by hand to running", round(time.monotonic() - begin, 1))
    waits = unit.journal().count("next start in")
    equal("waits after a start by hand", waits, 1)

    crash_until_it_waits(default, unit)
    unit.systemctl("restart")
    default.until_up(seconds=60)
    os.kill(unit.pid, signal.SIGKILL)
    pid = unit.pid
    default.until_up(after=pid, seconds=60)
    equal("a restart by hand in the wait forgets the crashes", unit.journal().count("next start in"), 2)
    unit.systemctl("restart")
    default.until_up(seconds=60)
    equal("gateways at the end", default.gateways(), [unit.pid])


def crash_until_it_waits(default: Profile, unit: Unit) -> None:
    """Kill the gateway until its next start waits."""
    before = unit.journal().count("next start in")
    for _ in range(4):
        pid = unit.pid
        os.kill(pid, signal.SIGKILL)
        wait.until(
            "the next gateway or a wait",
            lambda pid=pid: unit.journal().count("next start in") > before or default.is_up(unit.pid) and unit.pid != pid,
            60,
        )
        if unit.journal().count("next start in") > before:
            return
    check("the fourth restart waits", False, unit.journal())
