"""Upstream's own unit under the installation of install.sh: doctor sees it, a shield covers it, `--migrate` takes its place."""

import json
from pathlib import Path

from cell import Cell
from check import check, contains, equal
from installer import hermes_install
from store import Store
from systemd import Unit

HERMES: list[str] = []  # 0.22.2-store, as soon as the program knows its command line
SECONDS = 150


def run() -> None:
    store = Store("alice").place()
    play("user", Cell("upstream-user"), Path("/home/alice/.config/systemd/user"), store)
    play("system", Cell("upstream-system"), Path("/etc/systemd/system"), store)


def play(name: str, cell: Cell, directory: Path, store: Store) -> None:
    cell.profile.make()
    cell.hermes = str(store.hermes)
    # Root's own data root has no dependencies for this installation.
    cell.environment = {"HERMES_HOME": str(store.root)}
    cell.begin()
    unit, user = cell.unit, cell.unit.user or "root"
    print((directory / unit.name).read_text(), flush=True)
    doctor = hermes_install("doctor", user=user)
    contains(f"{name}: what doctor looked at", doctor.out, "1 running gateway")

    done = hermes_install("shield", "--profile", "default", "--yes", user=user)
    equal(f"{name}: shield ends with", done.code, 0)
    equal(f"{name}: gateways under it", cell.profile.gateways(), [unit.pid])
    contains(f"{name}: what it starts", unit.show()["ExecStart"], "hermes-install exec --profile default")
    equal(f"{name}: shield --remove ends with", hermes_install("shield", "--remove", user=user).code, 0)

    new = Unit(cell.profile.unit, user=unit.user)
    done = hermes_install("--profile", "default", "--migrate", "--json", user=user)
    equal(f"{name}: migration ends with", done.code, 0)
    equal(f"{name}: gateways after it", cell.profile.gateways(), [new.pid])
    check(f"{name}: the old file is gone", not (directory / unit.name).exists())
    if done.code == 0:
        check(f"{name}: seconds without a gateway", json.loads(done.out)["profiles"][0]["seconds_without_gateway"] < 20, done.out)
    hermes_install("uninstall", "--yes", user=user)
