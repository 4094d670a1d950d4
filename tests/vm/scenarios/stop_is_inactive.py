"""`systemctl stop` leaves `inactive`, never `failed`: an idle gateway, a busy one that hangs in its exit, a frozen one."""

import os
import signal
import time

from check import contains, equal, measured
from gateway import Profile
from installer import install
from systemd import Unit

HERMES = ["0.22.2", "0.16.0"]
SECONDS = 110


def run() -> None:
    default = Profile("default")
    equal("install ends with", install(default).code, 0)
    unit = Unit(default.unit)

    stop(unit, default, "idle")

    default.make_busy(8642)
    unit.systemctl("start")
    default.until_up()
    default.keep_busy()
    # 0.16 drains for 180 s by default; the rest of the test would be longer than that.
    if default.state().get("gateway_state") and "0.16" in os.environ["VMCHECK_HERMES"]:
        config = default.home / "config.yaml"
        config.write_text(config.read_text() + "agent:\n  restart_drain_timeout: 15\n")
        unit.systemctl("restart")
        default.until_up()
        default.keep_busy()
    stop(unit, default, "busy")

    default.make()
    unit.systemctl("start")
    pid = default.until_up()
    os.kill(pid, signal.SIGSTOP)
    stop(unit, default, "frozen")
    contains("the journal", unit.journal(), "SIGHUP: it did not hear the signal")

    unit.systemctl("start")
    default.until_up()
    equal("it starts again: gateways", default.gateways(), [unit.pid])


def stop(unit: Unit, profile: Profile, kind: str) -> None:
    begin = time.monotonic()
    unit.systemctl("stop")
    seconds = round(time.monotonic() - begin, 1)
    measured(f"seconds to stop a gateway that is {kind}", seconds)
    equal(f"{kind}: state and result", unit.states, ("inactive", "success"))
    equal(f"{kind}: gateways", profile.gateways(), [])
