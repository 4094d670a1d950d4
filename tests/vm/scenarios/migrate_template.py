"""Somebody's own `hermes-gateway@.service`: its instances are taken over together, each with its account and home, or none is."""

from pathlib import Path

import gateway
from check import check, contains, equal
from gateway import Profile
from installer import broken_hermes, difference, hermes_install, snapshot
from systemd import Unit, systemctl

SECONDS = 90
DATA = "home/alice/.hermes"
TEMPLATE = Path("/etc/systemd/system/hermes-gateway@.service")
TEXT = f"""[Service]
User=alice
Nice=5
ExecStart={gateway.HERMES} -p %i gateway run
Restart=always
RestartSec=3
[Install]
WantedBy=multi-user.target
"""


def run() -> None:
    profiles = [Profile(name, "alice", "/home/alice/.hermes").make() for name in ("coder", "ops")]
    TEMPLATE.write_text(TEXT)
    systemctl("daemon-reload")
    systemctl("enable", "--now", *(p.unit for p in profiles))
    pids = [p.until_up() for p in profiles]
    both = ["--profile", "coder", "--profile", "ops"]

    before = snapshot(DATA)
    for flags in (["--migrate"], ["--force"], ["--migrate", "--force"]):
        refused = hermes_install("--profile", "coder", "--run-as", "alice", *flags)
        equal(f"{flags}: one of two ends with", refused.code, 3)
        equal(f"{flags}: files after it", difference(before, snapshot(DATA)), [])
    contains("the refusal", refused.err, "`hermes-gateway@ops.service`", "--profile coder --profile ops")

    failed = hermes_install(*both, "--hermes", broken_hermes(), "--migrate")
    equal("into units that cannot run it ends with", failed.code, 1)
    contains("its error", failed.err, "everything is as it was before")
    equal("files after it", difference(before, snapshot(DATA)), [])
    for profile in profiles:
        equal(f"{profile.name}: gateways after it", profile.gateways(), [Unit(profile.unit).pid])
    check("they were put back or left", all(Unit(p.unit).states == ("active", "success") for p in profiles), pids)

    done = hermes_install(*both, "--migrate")
    equal("both end with", done.code, 0)
    for profile in profiles:
        unit = Unit(profile.unit)
        equal(f"{profile.name}: the unit", unit.states, ("active", "success"))
        equal(f"{profile.name}: gateways", profile.gateways(), [unit.pid])
        shown = unit.show()
        equal(f"{profile.name}: account and niceness", (shown["User"], shown["Nice"]), ("alice", "5"))
        contains(f"{profile.name}: what it starts", shown["ExecStart"], "hermes-install exec")
    found = hermes_install("doctor")
    equal("doctor ends with", found.code, 0)
