"""What docs/monitoring.md has: `OnFailure=` tells when a unit stays down and not of a crash; metrics say the same."""

import os
import signal
import subprocess
from pathlib import Path

import wait
from check import check, contains, equal
from gateway import Profile
from installer import hermes_install, install
from systemd import Unit, systemctl

# The files of docs/monitoring.md.
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
    "hermes-metrics.service": """\
[Unit]
Description=Metrics of Hermes gateways for node_exporter
[Service]
Type=oneshot
WorkingDirectory=/var/lib/prometheus/node-exporter
ExecStart=/bin/sh -c 'hermes-install status --prometheus >hermes.prom.new && mv hermes.prom.new hermes.prom'
""",
    "hermes-metrics.timer": """\
[Unit]
Description=Metrics of Hermes gateways every minute
[Timer]
OnBootSec=1min
OnUnitActiveSec=1min
[Install]
WantedBy=timers.target
""",
}
METRICS = Path("/var/lib/prometheus/node-exporter/hermes.prom")
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
    METRICS.parent.mkdir(parents=True)
    systemctl("daemon-reload")
    systemctl("enable", "--now", "hermes-metrics.timer")
    equal("metrics of a gateway that runs", metrics(), {"up": 1, "healthy": 1, 'state="running"': 1, "restarts_total": 0})

    pid = unit.pid
    os.kill(pid, signal.SIGKILL)
    default.until_up(after=pid)
    equal("metrics after a crash", metrics(), {"up": 1, "healthy": 1, 'state="running"': 1, "restarts_total": 1})
    check("a crash sends no message", not MAIL.exists())

    hand = default.by_hand("gateway", "run", "--replace")
    check("the gateway by hand runs", hand.until_up(), hand.said())
    wait.until("the unit to be down", lambda: unit.states[0] in ("inactive", "failed"))
    check("a takeover by hand sends none, either", not MAIL.exists())
    equal("the check of monitoring ends with", hermes_install("status", "--quiet").code, 1)
    owned = {"up": 0, "healthy": 0, 'state="owned-elsewhere"': 1, "restarts_total": 1}
    equal("metrics of a profile that somebody took over", metrics(), owned)

    unit.systemctl("start", check=False)
    wait.until("the message", MAIL.exists)
    contains("the message", MAIL.read_text(), "hermes profile default is down", "69")
    equal("the unit", unit.states[0], "failed")
    equal("gateways at the end", default.gateways(), [hand.pid])
    # The timeline of docs/takeover.md is made of this.
    subprocess.run(["journalctl", "--no-pager", "--output=short-precise", f"--unit={default.unit}", f"--unit={hand.scope}"], check=True)


def metrics() -> dict[str, int]:
    """Some metrics of the only profile, as the units of the page write them; of the states that which is 1."""
    systemctl("start", "hermes-metrics.service")
    found = {}
    for line in METRICS.read_text().splitlines():
        series, _, value = line.rpartition(" ")
        for name in ("up", "healthy", "restarts_total", "state"):
            if series.startswith(f"hermes_gateway_{name}{{"):
                state = series.partition(",state=")[2].rstrip("}")
                if not state or value == "1":
                    found[f"state={state}" if state else name] = int(value)
    return found
