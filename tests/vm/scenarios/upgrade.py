"""Upgrade brings an older installation up to this version, restarts what runs, and leaves stopped units stopped."""

import hashlib
import json
from pathlib import Path

from check import check, contains, equal
from gateway import Profile
from installer import hermes_install, install, status
from systemd import Unit, systemctl

SECONDS = 50
UNIT = Path("/etc/systemd/system/hermes-gateway@.service")
RECEIPT = Path("/var/lib/hermes-install/receipt.json")


def run() -> None:
    default, coder = Profile("default"), Profile("coder")
    equal("install of default ends with", install(default).code, 0)
    equal("install of coder ends with", install(coder.make()).code, 0)
    new = UNIT.read_text()
    # As an older version would have written and recorded it.
    old = new.replace("OOMPolicy=continue\n", "")
    check("the old text differs", old != new)
    UNIT.write_text(old)
    receipt = json.loads(RECEIPT.read_text())
    receipt["files"][str(UNIT)[1:]]["sha256"] = hashlib.sha256(old.encode()).hexdigest()
    RECEIPT.write_text(json.dumps(receipt))
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

    UNIT.write_text(new + "# edited\n")
    refused = hermes_install("upgrade", "--yes")
    equal("upgrade over an edit ends with", refused.code, 1)
    contains("its refusal", refused.err, "was edited after it was installed", "60-local.conf")
    equal("status with an edit ends with", hermes_install("status").code, 1)
    contains("drift in status", str(status(default)["drift"]), "hermes-gateway@.service` was edited")
