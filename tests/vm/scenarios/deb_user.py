"""The Debian package in a user's own manager: its units are used in place, an upgrade leaves them alone, a removal stops them."""

from pathlib import Path

import lifecycle
import wait
from check import check, equal
from gateway import HERMES, Profile
from installer import hermes_install
from package import Apt
from systemd import Unit, systemctl

PACKAGES = ["deb"]
SECONDS = 40


def run() -> None:
    apt = Apt()
    apt.set_up()
    lifecycle.first_install(apt, apt.versions.before)
    coder = Profile("coder", user="alice", root="/home/alice/.hermes").make()
    unit = Unit(coder.unit, user="alice")
    equal("install ends with", hermes_install("--profile", "coder", "--hermes", HERMES, user="alice").code, 0)
    pid = coder.until_up()
    equal("unit", unit.show()["FragmentPath"], f"/usr/lib/systemd/user/{lifecycle.TEMPLATE}")
    equal("the launcher", unit.show()["ExecStart"].split(" ; ")[0], "{ path=/usr/bin/hermes-install")
    check("no launcher of her own", not Path("/home/alice/.local/lib").exists())
    check("no user unit is enabled for everybody", not list(Path("/etc/systemd/user").rglob("*hermes*")))

    apt.install(apt.versions.new)
    equal("after an upgrade: main process", unit.pid, pid)
    apt.remove()
    wait.until("her gateway to end", lambda: not coder.gateways(), 5)
    systemctl("daemon-reload", user="alice")
    equal("failed units of hers", systemctl("list-units", "--failed", "--plain", "--no-legend", user="alice"), "")
    apt.install(apt.versions.new)
    systemctl("daemon-reload", user="alice")
    unit.systemctl("start")
    coder.until_up()
    equal("gateways on her profile", coder.gateways(), [unit.pid])
