"""Uninstall takes a host back byte for byte, data directories and the account that owns them apart."""

from pathlib import Path

import wait
from check import check, contains, equal
from gateway import Profile
from installer import difference, hermes_install, install, snapshot
from systemd import Unit, systemctl

SECONDS = 40
ACCOUNTS = {f"/etc/{name}" for name in ("passwd", "group", "shadow", "gshadow", "passwd-", "group-", "shadow-", "gshadow-")}


def run() -> None:
    before = snapshot("var/lib/hermes")
    # Names with a dash are the copies that useradd keeps of the state before.
    lines = {name: Path(name).read_text().splitlines() for name in ACCOUNTS if not name.endswith("-")}
    default, coder = Profile("default"), Profile("coder")
    equal("install of default ends with", install(default).code, 0)
    equal("install of coder ends with", install(coder.make()).code, 0)
    mine = Path("/etc/systemd/system/hermes-gateway@coder.service.d/60-mine.conf")
    mine.write_text("[Service]\nNice=5\n")

    asked = hermes_install("uninstall")
    equal("uninstall of everything without --yes ends with", asked.code, 3)
    equal("gateways after that", len(default.gateways() + coder.gateways()), 2)

    equal("uninstall of coder ends with", hermes_install("uninstall", "--profile", "coder").code, 0)
    equal("gateways of coder", coder.gateways(), [])
    equal("gateways of default", len(default.gateways()), 1)
    check("somebody else's drop-in stays", mine.exists())
    mine.unlink()
    mine.parent.rmdir()

    equal("uninstall ends with", hermes_install("uninstall", "--yes").code, 0)
    left = [d for d in difference(before, snapshot("var/lib/hermes")) if d.split(":")[0] not in ACCOUNTS]
    equal("what is left beside data and account", left, [])
    for name, old in lines.items():
        new = [line for line in Path(name).read_text().splitlines() if line not in old]
        check(f"{name}: only lines of the account came", all(line.startswith("hermes:") for line in new), new)
        gone = [line for line in old if line not in Path(name).read_text().splitlines()]
        equal(f"{name}: lines that went", gone, [])
    check("the data stays", (coder.home / "config.yaml").exists() and default.root.exists())
    # systemd collects units that nothing refers to any more in its own time.
    wait.until(
        "systemd to forget the units",
        lambda: not systemctl("list-units", "--all", "--plain", "--no-legend", "hermes*"),
        10,
    )
    equal("the unit", Unit(coder.unit).show()["LoadState"], "not-found")

    again = hermes_install("uninstall", "--yes")
    equal("uninstall of nothing ends with", again.code, 0)
    contains("what it says", again.err, "nothing is installed")
    equal("install again ends with", install(coder).code, 0)
