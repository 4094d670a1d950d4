"""After a reboot the enabled gateways come back by themselves, each once; a stopped and disabled one does not."""

import os

from check import equal
from gateway import Profile
from installer import hermes_install, install, status
from systemd import Unit

BACKENDS = ["container", "qemu"]
BOOTS = 2
SECONDS = 50


def run() -> None:
    default, coder = Profile("default"), Profile("coder")
    mine = Profile("coder", user="alice", root="/home/alice/.hermes")
    if os.environ["VMCHECK_BOOT"] == "1":
        equal("install of default ends with", install(default).code, 0)
        equal("install of coder, not enabled, ends with", install(coder.make(), "--no-enable").code, 0)
        equal("install as alice ends with", install(mine.make(), user="alice").code, 0)
        return
    default.until_up()
    mine.until_up()
    equal("gateways of default", default.gateways(), [Unit(default.unit).pid])
    equal("starts of default since boot", Unit(default.unit).starts(), 1)
    equal("gateways of alice's profile", mine.gateways(), [Unit(mine.unit, user="alice").pid])
    equal("gateways of the one that is not enabled", coder.gateways(), [])
    equal("its state", status(coder)["state"], "stopped")
    equal("status ends with", hermes_install("status").code, 0)
