"""Hermes' own unit under a shield: taken over by hand it stays down, its rewriting of its file changes nothing, `--remove` does."""

import time
from pathlib import Path

from cell import Cell
from check import check, contains, equal
from installer import difference, hermes_install, snapshot
from systemd import Unit, systemctl
from watch import Watch

HERMES = ["0.22.2", "0.15.2"]
SECONDS = 200
DATA = "home/alice/.hermes"
# Longer than every restart delay of the units.
OBSERVED = 30


def run() -> None:
    play("system", Cell("upstream-system"), Path("/etc/systemd/system"))
    play("user", Cell("upstream-user"), Path("/home/alice/.config/systemd/user"))


def play(name: str, cell: Cell, directory: Path) -> None:
    unit, profile = cell.unit, cell.profile
    user = unit.user or "root"
    profile.make()
    cell.begin()
    pid, kind = unit.pid, unit.show()["Type"]
    before = snapshot(DATA)

    # Nobody to ask: it is put up, and the gateway runs on.
    done = hermes_install("shield", "--profile", "default", user=user)
    equal(f"{name}: shield ends with", done.code, 0)
    contains(f"{name}: it says", done.err, f"restart {unit.name}`")
    equal(f"{name}: gateways after it", profile.gateways(), [pid])
    equal(f"{name}: restart policy after it", unit.show()["Restart"], "on-failure")
    equal(f"{name}: shield --remove ends with", hermes_install("shield", "--remove", user=user).code, 0)
    equal(f"{name}: what is left of it", difference(before, snapshot(DATA)), [])
    equal(f"{name}: restart policy without it", unit.show()["Restart"], "always")
    equal(f"{name}: gateways without it", profile.gateways(), [pid])

    equal(f"{name}: shield --yes ends with", hermes_install("shield", "--yes", user=user).code, 0)
    check(f"{name}: it was restarted", unit.pid not in (0, pid), unit.pid)
    equal(f"{name}: gateways under it", profile.gateways(), [unit.pid])
    check(f"{name}: the launcher's lock is there", (profile.home / ".hermes-install.lock").exists())
    equal(f"{name}: the unit's type", unit.show()["Type"], kind)
    again = hermes_install("shield", "--yes", user=user)
    contains(f"{name}: a second shield", again.err, "nothing was changed")
    pid = unit.pid
    unit.systemctl("reload")
    profile.until_up(after=pid)
    equal(f"{name}: gateways after a planned restart", profile.gateways(), [unit.pid])
    text = hermes_install("status", "--long", user=user).out
    check(f"{name}: status sees no drift", "drift" not in text, text)

    rewritten(name, cell, directory)
    taken_over(name, cell)

    equal(f"{name}: shield --remove ends with", hermes_install("shield", "--remove", user=user).code, 0)
    # hermes writes its own unit anew at starts, with the PATH of whoever starts it.
    left = [line for line in difference(before, snapshot(DATA)) if f"/{unit.name}: " not in line]
    equal(f"{name}: what is left of it all", left, [])
    equal(f"{name}: restart policy at last", unit.show()["Restart"], "always")
    unit.systemctl("stop")
    unit.systemctl("disable")


def rewritten(name: str, cell: Cell, directory: Path) -> None:
    """Hermes writes its unit anew: at each start in the user's scope, at `gateway start` in the system's."""
    unit, file = cell.unit, directory / cell.unit.name
    text = file.read_text()
    file.write_text(text.replace("RestartSec=5", "RestartSec=7"))
    reload(unit)
    unit.systemctl("restart")
    cell.profile.until_up()
    if unit.user:
        equal(f"{name}: the file after a start", file.read_text(), text)
    else:
        file.write_text(text)
        reload(unit)
    shown = unit.show()
    equal(f"{name}: the policy under the rewritten file", shown["Restart"], "on-failure")
    contains(f"{name}: what it starts", shown["ExecStart"], "hermes-install exec --profile default")
    equal(f"{name}: gateways under the rewritten file", cell.profile.gateways(), [unit.pid])


def taken_over(name: str, cell: Cell) -> None:
    """`gateway run --replace` by hand wins, and the unit stays down."""
    unit, profile = cell.unit, cell.profile
    before = unit.starts()
    with Watch(profile) as watch:
        cell.replace()
        hand = cell.hand
        assert hand
        profile.until_up(hand.pid)
        time.sleep(OBSERVED)
    check(f"{name}: never two that hold the lock", watch.most_owners <= 1, watch.owners)
    equal(f"{name}: gateways after a takeover", profile.gateways(), [hand.pid])
    check(f"{name}: starts since", unit.starts() - before <= 1, unit.starts() - before)
    check(f"{name}: the unit is down", unit.show()["SubState"] in ("dead", "failed"), unit.states)
    hand.end()
    time.sleep(12)  # Longer than a restart delay: nothing may bring the unit back by itself.
    equal(f"{name}: gateways after the hand's end", profile.gateways(), [])
    unit.systemctl("reset-failed", check=False)
    unit.systemctl("start")
    profile.until_up()
    equal(f"{name}: gateways after a start", profile.gateways(), [unit.pid])


def reload(unit: Unit) -> None:
    systemctl("daemon-reload", user=unit.user)
