"""A configuration that the gateway calls fatal (exit 78) stays down, visibly, and is not tried again. One that crashes again
and again is restarted by `hermes-install restart` at once, and the outcome is told."""

import time
from pathlib import Path

import wait
from check import check, contains, equal
from gateway import IDLE, KEY, Profile, port_owner
from installer import hermes_install, install, status
from systemd import Unit, systemctl

SECONDS = 90


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
    crashes_again_and_again(default, unit)


def crashes_again_and_again(default: Profile, unit: Unit) -> None:
    """Between two crashes nothing has turns to wait for."""
    hermes = Path("/opt/crash/hermes")
    hermes.parent.mkdir()
    hermes.write_text("#!/bin/sh\nsleep 10\nexit 1\n")
    hermes.chmod(0o755)
    drop_in = Path(f"/run/systemd/system/{unit.name}.d/99-crash.conf")
    drop_in.parent.mkdir(parents=True)
    drop_in.write_text(f"[Service]\nEnvironment=HERMES_INSTALL_HERMES={hermes}\n")
    systemctl("daemon-reload")
    unit.systemctl("restart", check=False)
    wait.until("it to be up between two crashes", lambda: unit.restarts > 0 and unit.pid, 60)
    failed = hermes_install("restart", "default")
    equal("restart between two crashes ends with", failed.code, 1)
    contains("what it says", failed.err, f"systemctl restart {unit.name}", "ended: exit status 1")
    check("nothing is asked to reload", "systemctl reload" not in failed.err, failed.err)
    drop_in.unlink()
    systemctl("daemon-reload")
    equal("mended, a restart ends with", hermes_install("restart", "default").code, 0)
    equal("its gateways", default.gateways(), [unit.pid])
