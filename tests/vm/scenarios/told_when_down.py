"""`OnFailure=`, as docs/monitoring.md has it, tells when a unit stays down, and says nothing of a crash."""

import os
import signal
from pathlib import Path

import wait
from check import check, contains, equal
from gateway import Profile
from installer import hermes_install, install
from systemd import Unit, systemctl

# The two files of docs/monitoring.md.
FILES = {
    "hermes-gateway@.service.d/on-failure.conf": """\
[Unit]
OnFailure=hermes-failed@%i.service
""",
    "hermes-failed@.service": """\
[Unit]
Description=Tell that the gateway of profile %i is down
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'hermes-install why %i | mail -s "%H: hermes profile %i is down" root'
""",
}
MAIL = Path("/run/mail")
SECONDS = 45


def run() -> None:
    default = Profile("default")
    equal("install ends with", install(default).code, 0)
    unit = Unit(default.unit)
    for name, text in FILES.items():
        path = Path("/etc/systemd/system") / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    # Debian has no mail from the start; what reaches a person is theirs to choose.
    program = Path("/usr/local/bin/mail")
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$2" >{MAIL}.new\ncat >>{MAIL}.new\nmv {MAIL}.new {MAIL}\n')
    program.chmod(0o755)
    systemctl("daemon-reload")

    pid = unit.pid
    os.kill(pid, signal.SIGKILL)
    default.until_up(after=pid)
    check("a crash sends no message", not MAIL.exists())

    hand = default.by_hand("gateway", "run", "--replace")
    check("the gateway by hand runs", hand.until_up(), hand.said())
    wait.until("the unit to be down", lambda: unit.states[0] in ("inactive", "failed"))
    check("a takeover by hand sends none, either", not MAIL.exists())
    equal("the check of monitoring ends with", hermes_install("status", "--quiet").code, 1)

    unit.systemctl("start", check=False)
    wait.until("the message", MAIL.exists)
    contains("the message", MAIL.read_text(), "hermes profile default is down", "69")
    equal("the unit", unit.states[0], "failed")
    equal("gateways at the end", default.gateways(), [hand.pid])
