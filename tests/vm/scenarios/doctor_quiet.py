"""`doctor` finds nothing on a fresh install of ours, under harmless drop-ins, and on services of other programs."""

import json
from pathlib import Path

from check import check, equal
from gateway import Profile
from installer import difference, hermes_install, install, snapshot
from systemd import Unit, systemctl

SECONDS = 60

# Somebody else's: a name and a text that look like a gateway's, and are not.
OTHERS = {
    "hermes-relayer.service": "[Unit]\nDescription=A bridge to the gateway of another hermes\n"
    "[Service]\nExecStart=/bin/sleep infinity\nRestart=always\nEnvironment=RELAY_TOKEN=abcdefghijk\n"
    "[Install]\nWantedBy=multi-user.target\n",
    "gateway.service": "[Service]\nExecStart=/bin/sh -c \"exec sleep 1000\"\nRestart=always\nStartLimitIntervalSec=0\n"
    "ExecStop=/usr/bin/pkill sleep\n[Install]\nWantedBy=multi-user.target\n",
    "hermes-report.service": "[Service]\nType=oneshot\nExecStart=/opt/hermes/bin/hermes gateway status\n",
}


def doctor(*args: str, user: str = "root") -> tuple[int, list]:
    done = hermes_install("doctor", "--json", *args, user=user)
    return done.code, json.loads(done.out)["findings"]


def run() -> None:
    for name, text in OTHERS.items():
        Path(f"/etc/systemd/system/{name}").write_text(text)
    systemctl("daemon-reload")
    systemctl("enable", "--now", "hermes-relayer.service", "gateway.service")
    equal("on a host without gateways", doctor(), (0, []))

    equal("install of default ends with", install(Profile("default")).code, 0)
    mine = Profile("coder", user="alice", root="/home/alice/.hermes").make()
    equal("install as alice ends with", install(mine, user="alice").code, 0)
    equal("with both of our units", doctor(), (0, []))
    equal("as alice sees it", doctor(user="alice"), (0, []))

    drop_in = Path("/etc/systemd/system/hermes-gateway@default.service.d/override.conf")
    drop_in.parent.mkdir(exist_ok=True)
    drop_in.write_text("[Service]\nNice=5\nMemoryHigh=1G\nEnvironment=LANG=C.UTF-8 TOKEN_LIMIT=5\nX-Note=mine\n")
    systemctl("daemon-reload")
    before = snapshot("var/lib/hermes", "home/alice/.hermes")
    equal("with a harmless drop-in", doctor(), (0, []))
    said = hermes_install("doctor")
    check("the text says so", "nothing is wrong" in said.out, said.out)
    equal("what doctor changed", difference(before, snapshot("var/lib/hermes", "home/alice/.hermes")), [])

    # And it is not blind: a drop-in that was not loaded, and one that harms.
    drop_in.write_text("[Service]\nRestart=always\nRestartPreventExitStatus=\nRestartPreventExitStatus=EX_CONFIG\n")
    code, findings = doctor()
    wanted = {"not-reloaded", "ignored-exit-name", "restart-always"}
    equal("with one that is not loaded", (code, {f["rule"] for f in findings}), (1, wanted))
    check("the drop-in is named", any((f["place"] or {}).get("drop_in") for f in findings), findings)
    unit = Unit("hermes-gateway@default.service")
    pid = unit.pid
    code, findings = doctor("--fix", "--yes")
    equal("after --fix", {f["rule"] for f in findings}, {"ignored-exit-name", "restart-always"})
    equal("the manager has it now", unit.show()["NeedDaemonReload"], "no")
    equal("the gateway's process", unit.pid, pid)
