"""The Debian package guards hermes' own units in both scopes, those that are there and those to come, and takes the guard along."""

from pathlib import Path

import wait
from cell import UPSTREAM, USER, Cell
from check import check, contains, equal
from installer import hermes_install
from package import Apt
from systemd import Unit

PACKAGES = ["deb"]
SECONDS = 60


def run() -> None:
    cell, user = Cell("upstream-system"), Unit(UPSTREAM, user=USER)
    system, profile = cell.unit, cell.profile
    profile.make()
    cell.begin()
    pid = system.pid
    apt = Apt()
    apt.set_up()
    apt.install(apt.versions.new)
    equal("gateways after the installation", profile.gateways(), [pid])
    guarded("the unit that was there", system)
    system.systemctl("restart")
    pid = profile.until_up(after=pid)
    check("the launcher's lock is there", (profile.home / ".hermes-install.lock").exists())
    contains("what status says as root", hermes_install("status").out, f"{UPSTREAM} (active, guarded)")
    # hermes' own cleanup after a stop is a note.
    check("doctor has nothing against it", "0 errors, 0 warnings" in (text := hermes_install("doctor").text), text)

    Cell("upstream-user", profile).put(user)
    guarded("the unit that came", user)
    user.systemctl("start", check=False)
    user.until_active_state("failed")
    contains("what it says", user.journal(), f"then start `{UPSTREAM}`")
    equal("gateways beside it", profile.gateways(), [pid])

    equal("guard --remove ends with", hermes_install("guard", "--remove").code, 0)
    free("masked", system)
    wait.until("her unit to be free", lambda: user.show()["Restart"] == "always", 20)
    equal("guard ends with", hermes_install("guard").code, 0)
    guarded("again", system)
    equal("what it left in /etc", [str(p) for p in Path("/etc/systemd").rglob("*hermes-install*")], [])

    apt.remove()
    equal("gateways after the removal", profile.gateways(), [pid])
    free("without the package", system)
    wait.until("her unit to be free again", lambda: user.show()["Restart"] == "always", 20)
    system.systemctl("restart")
    profile.until_up(after=pid)


def guarded(name: str, unit: Unit) -> None:
    """The package's drop-in is in force."""
    wait.until(f"{name}: the manager to know", lambda: unit.show()["Restart"] == "on-failure", 20)
    contains(f"{name}: drop-ins", unit.show()["DropInPaths"], f"/lib/systemd/{'user' if unit.user else 'system'}/{UPSTREAM}.d/")
    contains(f"{name}: what it starts", unit.show()["ExecStart"], "path=/usr/bin/hermes-install")


def free(name: str, unit: Unit) -> None:
    """The unit is as hermes wrote it."""
    shown = unit.show()
    equal(f"{name}: restart policy", shown["Restart"], "always")
    check(f"{name}: what it starts", "hermes-install" not in shown["ExecStart"], shown["ExecStart"])
