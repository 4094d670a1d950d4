"""`systemctl reload` is a planned restart: drained, and the gateway comes back, whatever status it ends with."""

from check import check, equal
from gateway import Profile
from installer import install
from systemd import Unit

HERMES = ["0.22.2", "0.16.0"]
SECONDS = 40


def run() -> None:
    default = Profile("default")
    equal("install ends with", install(default).code, 0)
    unit = Unit(default.unit)
    for turn in (1, 2):
        pid = unit.pid
        unit.systemctl("reload")
        default.until_up(after=pid, seconds=60)
        check(f"reload {turn}: another process runs", unit.pid not in (0, pid), unit.pid)
        equal(f"reload {turn}: state", unit.states[0], "active")
        equal(f"reload {turn}: gateways", default.gateways(), [unit.pid])
    equal("automatic restarts", unit.restarts, 2)
    unit.systemctl("stop")
    equal("after a stop", unit.states, ("inactive", "success"))
