"""A hermes that asks for a restart before it was up, every time, is not started for ever."""

import os
from pathlib import Path

import wait
from check import check, contains, equal
from gateway import Profile
from installer import install
from systemd import Unit, systemctl

HERMES = ["0.22.2"]
SECONDS = 200

# What 0.21.4 and later do when another gateway serves the profile, but for a reason that never passes.
STUBBORN = "#!/bin/sh\necho nothing to start >&2\nexit 75\n"


def run() -> None:
    default = Profile("default")
    equal("install ends with", install(default).code, 0)
    unit = Unit(default.unit)
    hermes = Path("/opt/stubborn/hermes")
    hermes.parent.mkdir()
    hermes.write_text(STUBBORN)
    hermes.chmod(0o755)
    unit.systemctl("stop")
    drop_in = Path(f"/run/systemd/system/{default.unit}.d/99-stubborn.conf")
    os.makedirs(drop_in.parent)
    drop_in.write_text(f"[Service]\nEnvironment=HERMES_INSTALL_HERMES={hermes}\n")
    systemctl("daemon-reload")
    before = unit.starts()
    unit.systemctl("start", check=False)
    wait.until("the unit to give up", lambda: unit.show()["ActiveState"] == "failed", 150)
    equal("exit status of the last start", unit.show()["ExecMainStatus"], "69")
    starts = unit.starts() - before
    check("it was started a few times only", starts <= 8, starts)
    contains("journal", unit.journal(), "ended with exit status 75 6 times before it was up")

    drop_in.unlink()
    systemctl("daemon-reload")
    unit.systemctl("start")
    equal("a start by hand", default.until_up(), unit.pid)
