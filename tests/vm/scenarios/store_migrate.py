"""Upstream's own unit under the installation of install.sh: doctor sees it, a shield covers it, `--migrate` takes its place."""

import json
from pathlib import Path

from cell import Cell
from check import check, contains, equal, measured
from installer import hermes_install
from store import Store
from systemd import Unit

HERMES = ["0.22.2-store"]
SECONDS = 150


def run() -> None:
    store = Store("alice").place()
    cell = Cell("upstream-user")
    cell.profile.make()
    cell.hermes = str(store.hermes)
    cell.begin()
    old, new = cell.unit, Unit(cell.profile.unit, user="alice")
    file = Path("/home/alice/.config/systemd/user") / old.name
    print(file.read_text(), flush=True)
    doctor = hermes_install("doctor", user="alice")
    contains("what doctor looked at", doctor.out, "1 running gateway")

    done = hermes_install("shield", "--profile", "default", "--yes", user="alice")
    equal("shield ends with", done.code, 0)
    equal("gateways under it", cell.profile.gateways(), [old.pid])
    contains("what it starts", old.show()["ExecStart"], "hermes-install exec --profile default")
    equal("shield --remove ends with", hermes_install("shield", "--remove", user="alice").code, 0)

    done = hermes_install("--profile", "default", "--migrate", "--json", user="alice")
    equal("migration ends with", done.code, 0)
    equal("gateways after it", cell.profile.gateways(), [new.pid])
    check("the old file is gone", not file.exists())
    measured("seconds without a gateway", json.loads(done.out)["profiles"][0]["seconds_without_gateway"])
