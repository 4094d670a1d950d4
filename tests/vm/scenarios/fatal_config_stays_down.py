"""A configuration that the gateway calls fatal (exit 78) stays down, visibly, and is not tried again."""

import time

from check import check, contains, equal
from gateway import IDLE, KEY, Profile, port_owner
from installer import hermes_install, install, status
from systemd import Unit

SECONDS = 60


def run() -> None:
    default = Profile("default")
    equal("install ends with", install(default).code, 0)
    unit = Unit(default.unit)
    unit.systemctl("stop")
    # The only platform cannot have its port: the one configuration error that this gateway reports with 78.
    taken = port_owner(8642)
    default.make(IDLE, f"API_SERVER_ENABLED=true\nAPI_SERVER_KEY={KEY}\nAPI_SERVER_PORT=8642\nAPI_SERVER_HOST=127.0.0.1\n")
    unit.systemctl("start")
    unit.until_active_state("failed", 60)
    shown = unit.show()
    equal("exit status", shown["ExecMainStatus"], "78")
    time.sleep(40)  # The behaviour under test is that nothing happens.
    equal("state and result later", unit.states, ("failed", "exit-code"))
    equal("automatic restarts", unit.restarts, 0)
    equal("starts in all", unit.starts(), 2)
    seen = status(default)
    equal("state in status", seen["state"], "failed")
    equal("exit status in status", seen["last_end"]["exit_status"], 78)
    contains("the hint", seen["hint"], "78", "journalctl")
    equal("status ends with", hermes_install("status").code, 1)

    taken.server_close()
    unit.systemctl("start")
    default.until_up()
    check("mended, it runs again", unit.states[0] == "active", unit.states)
