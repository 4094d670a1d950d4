"""Somebody's own templates: instances of `hermes-gateway@.service` are taken over together, each with its account and home, or none
is; those of any other leave one by one, and what is printed for each works.
"""

import subprocess
from pathlib import Path

import gateway
from check import check, contains, equal
from gateway import Profile
from installer import broken_hermes, difference, hermes_install, snapshot
from systemd import Unit, systemctl

SECONDS = 150
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

BY_ACCOUNT = Path("/etc/systemd/system/bot@.service")


def run() -> None:
    of_our_name()
    hermes_install("uninstall", "--yes")
    by_account()


def by_account() -> None:
    """One default profile for each account: one has the unit of that name, and the other stays, made safe."""
    subprocess.run(["useradd", "--create-home", "--shell=/bin/sh", "bob"], check=True)
    alice, bob = (Profile("default", user, f"/home/{user}/.hermes").make() for user in ("alice", "bob"))
    BY_ACCOUNT.write_text(TEXT.replace("User=alice", "User=%i").replace(" -p %i", ""))
    systemctl("daemon-reload")
    systemctl("enable", "--now", "bot@alice.service", "bot@bob.service")
    for profile in (alice, bob):
        profile.until_up()
    asked = hermes_install("--profile", "default", "--hermes", gateway.HERMES)
    contains("accounts: what it asks", asked.err, f"`hermes-install --profile default --hermes {gateway.HERMES} --run-as alice --migrate`")
    contains("accounts: doctor", hermes_install("doctor").out, "hermes-install --profile default --system --run-as alice --migrate")

    done = hermes_install("--profile", "default", "--system", "--run-as", "alice", "--migrate")
    equal("accounts: the first ends with", done.code, 0)
    unit = Unit(alice.unit)
    equal("accounts: its unit", (unit.states, unit.show()["User"], unit.show()["Nice"]), (("active", "success"), "alice", "5"))
    equal("accounts: its gateways", alice.gateways(), [unit.pid])
    equal("accounts: its instance", Unit("bot@alice.service").show()["LoadState"], "masked")
    check("accounts: the template stays", BY_ACCOUNT.exists())
    equal("accounts: the other one's gateways", bob.gateways(), [Unit("bot@bob.service").pid])

    refused = hermes_install("--profile", "default", "--system", "--run-as", "bob", "--migrate")
    equal("accounts: the second ends with", refused.code, 3)
    # The unit of that name is taken, and there is nothing to gain: a drop-in makes the old one safe where it is.
    way_out = next(line for line in refused.err.splitlines() if "may stay" in line).rsplit("`", 2)[1]
    subprocess.run(["sh", "-c", way_out], check=True, stdin=subprocess.DEVNULL)
    equal("accounts: the second one's gateways", bob.gateways(), [Unit("bot@bob.service").pid])
    equal("accounts: when it is restarted", Unit("bot@bob.service").show()["Restart"], "on-failure")
    equal("accounts: the first one's gateways", alice.gateways(), [unit.pid])


def of_our_name() -> None:
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
