"""Install a profile as an ordinary user: lingering is switched on and remembered, and uninstall takes all of it back."""

from pathlib import Path

from check import check, contains, equal
from gateway import Profile
from installer import difference, hermes_install, install, snapshot, status
from systemd import Unit

SECONDS = 40


def run() -> None:
    coder = Profile("coder", user="alice", root="/home/alice/.hermes")
    refused = install(coder, user="alice")
    equal("installing a missing profile ends with", refused.code, 3)
    coder.make()
    before = snapshot("home/alice/.hermes")

    first = install(coder, user="alice")
    equal("install as alice ends with", first.code, 0)
    unit = Unit(coder.unit, user="alice")
    check("lingering is on", Path("/var/lib/systemd/linger/alice").exists())
    shown = status(coder, user="alice")
    equal("state", shown["state"], "running")
    equal("scope", shown["scope"], "user")
    equal("gateways on the profile", coder.gateways(), [unit.pid])
    equal("enablement", unit.show()["UnitFileState"], "enabled")
    contains("ExecStart", unit.show()["ExecStart"], "/home/alice/.local/lib/hermes-install/hermes-install")
    pid = unit.pid
    again = install(coder, user="alice")
    equal("second run ends with", again.code, 0)
    contains("the second run", again.err, "nothing was changed")
    equal("main process after the second run", unit.pid, pid)

    equal("uninstall ends with", hermes_install("uninstall", "--yes", user="alice").code, 0)
    equal("gateways after uninstall", coder.gateways(), [])
    check("lingering is off again", not Path("/var/lib/systemd/linger/alice").exists())
    equal("what is left of it all", difference(before, snapshot("home/alice/.hermes")), [])
    check("the profile's data stays", (coder.home / "config.yaml").exists())
