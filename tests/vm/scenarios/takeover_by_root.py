"""Root replaces the gateway: the old one exits 1, the launcher declines, and the lock that root leaves is named. 0.22 ends well."""

import signal

from check import check, contains, equal
from gateway import Profile, at_least, own
from installer import TREE, install
from systemd import Unit
from takeover import down, replace

SECONDS = 120


def run() -> None:
    default = Profile("default")
    equal("install of default ends with", install(default).code, 0)
    coder = Profile("coder").make()
    equal("install ends with", install(coder).code, 0)
    unit = Unit(coder.unit)
    hand = replace(coder, unit, user="root")
    shown = unit.show()
    if at_least(0, 22):
        equal("the unit", unit.states, ("inactive", "success"))
    else:
        status = shown["ExecMainStatus"]
        check("it declined (69), or named the lock that it cannot open (78)", status in ("69", "78"), status)
        equal("the unit's state", shown["ActiveState"], down() if status == "69" else "failed")

    # Asked to end, 0.22 may take its lock away.
    hand.end(signal.SIGKILL if at_least(0, 22) else signal.SIGINT)
    unit.systemctl("start", check=False)
    unit.until_active_state("failed")
    equal("exit status beside root's lock", unit.show()["ExecMainStatus"], "78")
    contains("the journal", unit.journal(), "gateway.lock` belongs to `root`", f"cd {coder.home} && ", "chown -h hermes ./gateway.lock")
    if not TREE.exists():
        refused = install(coder, "--drain-timeout", "9")
        contains("what install says to it", refused.err, "gateway.lock` belongs to `root`", "chown -h hermes ./gateway.lock")
        equal("install ends with", refused.code, 3)
    # The way out, as printed, and for what else root left.
    own(coder.home, "hermes")
    unit.systemctl("start")
    coder.until_up()
    equal("gateways after the way out", coder.gateways(), [unit.pid])
