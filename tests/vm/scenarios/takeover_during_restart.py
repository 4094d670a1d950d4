"""A takeover during a planned restart: the old gateway exits 75, which forces a start, and the launcher declines."""

import time

from check import check, equal
from gateway import Profile
from installer import install
from systemd import Unit
from takeover import give_back, replace

HERMES = ["0.22.2"]
SECONDS = 130


def run() -> None:
    default = Profile("default")
    equal("install ends with", install(default).code, 0)
    unit = Unit(default.unit)
    default.make_busy(8642)
    config = default.home / "config.yaml"
    # A drain that is long enough for the takeover to fall into it.
    config.write_text(config.read_text() + "agent:\n  restart_drain_timeout: 30\n")
    unit.systemctl("restart")
    default.until_up()
    default.keep_busy()
    unit.systemctl("reload")
    time.sleep(1)
    check("it drains", default.state().get("gateway_state") == "draining", default.state())
    hand = replace(default, unit)
    check("our unit is down", unit.states[0] in ("failed", "inactive"), unit.states)
    give_back(default, unit, hand)
