"""A gateway that was started by hand from the installation of install.sh comes under its unit; root's installation, too."""

import subprocess

from check import check, equal
from gateway import Profile
from installer import hermes_install
from store import Store
from systemd import Unit

HERMES = ["0.22.2-store"]
SECONDS = 120


def run() -> None:
    for user in ("alice", "root"):
        store = Store(user).place()
        default = Profile("default", user, str(store.root)).make()
        # From a shell: what runs in a unit of somebody's is not adopted.
        command = ["su", "--shell=/bin/sh", user, "--command", f"cd /tmp && exec {store.hermes} gateway run"]
        subprocess.Popen(command, stdin=subprocess.DEVNULL)
        hand = default.until_up()
        done = hermes_install("adopt", "--profile", "default", "--yes")
        equal(f"{user}: adopt ends with", done.code, 0)
        unit = Unit(default.unit)
        equal(f"{user}: gateways", default.gateways(), [unit.pid])
        check(f"{user}: it is another one", unit.pid != hand, hand)
        equal(f"{user}: the unit runs as", unit.show()["User"], user)
        hermes_install("uninstall", "--yes")
        equal(f"{user}: gateways after uninstall", default.gateways(), [])
