"""Upgrade brings an older installation up to this version, restarts what runs, and leaves stopped units stopped."""

from pathlib import Path

import wait
from check import check, contains, equal
from gateway import Profile
from installer import hermes_install, install, make_older, status
from systemd import Unit, systemctl

SECONDS = 50
LAUNCHER = Path("/usr/local/lib/hermes-install/hermes-install")
UNIT = Path("/etc/systemd/system/hermes-gateway@.service")


def run() -> None:
    default, coder = Profile("default"), Profile("coder")
    equal("install of default ends with", install(default).code, 0)
    equal("install of coder ends with", install(coder.make()).code, 0)
    new = make_older()
    systemctl("daemon-reload")
    Unit(coder.unit).systemctl("stop")
    pid = Unit(default.unit).pid

    done = hermes_install("upgrade", "--yes")
    equal("upgrade ends with", done.code, 0)
    contains("the diff", done.out, "+OOMPolicy=continue")
    equal("the unit's text", UNIT.read_text(), new)
    check("the running one was restarted", Unit(default.unit).pid not in (0, pid), pid)
    equal("its gateways", default.gateways(), [Unit(default.unit).pid])
    equal("the stopped one is still stopped", Unit(coder.unit).states[0], "inactive")
    equal("drift", status(default)["drift"], [])
    again = hermes_install("upgrade", "--yes")
    contains("a second upgrade", again.err, "nothing was changed")

    restored(default)

    UNIT.write_text(new + "# edited\n")
    refused = hermes_install("upgrade", "--yes")
    equal("upgrade over an edit ends with", refused.code, 3)
    contains("its refusal", refused.err, "was edited after it was installed", "60-local.conf")
    equal("status with an edit ends with", hermes_install("status").code, 1)
    contains("drift in status", str(status(default)["drift"]), "hermes-gateway@.service` was edited")


def restored(default: Profile) -> None:
    """The launcher is deleted: doctor names the command that restores it, and that one says which units are down."""
    unit = Unit(default.unit)
    LAUNCHER.unlink()
    unit.systemctl("restart", check=False)
    wait.until("the unit to fail", lambda: unit.show()["ActiveState"] == "failed", 120)
    contains("doctor", hermes_install("doctor").text, f"`{LAUNCHER}`, which does not exist", "hermes-install upgrade")
    done = hermes_install("upgrade", "--yes")
    equal("upgrade ends with", done.code, 0)
    contains("what it says", done.err, "`hermes-gateway@default.service` has failed", "`hermes-install start default`")
    check("the launcher is back", LAUNCHER.exists())
    equal("start ends with", hermes_install("start", "default").code, 0)
    equal("its gateways", default.gateways(), [unit.pid])
