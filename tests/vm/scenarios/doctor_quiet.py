"""`doctor` finds nothing on a fresh install of ours, under harmless drop-ins, and on services of other programs."""

import json
import os
import signal
import subprocess
from pathlib import Path

import wait
from check import check, contains, equal
from gateway import HERMES, Profile
from installer import difference, hermes_install, install, snapshot
from processes import scan
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
    stopped_by_a_signal(unit)
    in_a_container(unit)


def stopped_by_a_signal(unit: Unit) -> None:
    """It is active for systemd, has the profile, and does nothing."""
    os.kill(unit.pid, signal.SIGSTOP)
    shown = hermes_install("status")
    equal("status ends with", shown.code, 1)
    contains("what it says", shown.out, "degraded", "stopped by a signal; to let it go on", f"kill -CONT {unit.pid}")
    hints = [f["hint"] for f in doctor()[1] if f["rule"] == "stopped-by-signal"]
    equal("what doctor has against it", hints, [f"kill -CONT {unit.pid}"])
    os.kill(unit.pid, signal.SIGCONT)
    equal("then status ends with", hermes_install("status").code, 0)


def in_a_container(unit: Unit) -> None:
    """The home's files have the ID by which its gateway is known there, and that one has another name for the home: the lock has to
    tell who it is."""
    default, data = Profile("default"), Path("/srv/data")
    unit.systemctl("stop")
    data.mkdir()
    line = f"mount --bind {default.root} {data} && exec runuser -u hermes -- env HERMES_HOME={data} {HERMES} -p default gateway run"
    outside = subprocess.Popen(["unshare", "--fork", "--kill-child", "--pid", "--mount-proc", "sh", "-c", line])
    wait.until("a gateway in a container", lambda: default.state().get("gateway_state") == "running", 90)
    (pid,) = (pid for pid, home in scan().items() if home == data)
    shown = hermes_install("status")
    equal("status beside it ends with", shown.code, 1)
    contains("what it says", shown.out, f"pid {pid} of `hermes`", "works on its home in a container; to stop it")
    found = [f["what"] for f in doctor()[1] if f["rule"] == "duplicate-owners"]
    contains("doctor", str(found), f"pid {pid} of `hermes`", "holds the lock of `/var/lib/hermes`, whose gateway system unit")
    outside.kill()
    outside.wait()
