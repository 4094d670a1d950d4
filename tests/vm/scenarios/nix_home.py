"""Home Manager's links in a user's manager: a fresh home gets its directory, a setting is changed, a takeover leaves no failed unit."""

import pwd
import subprocess

import wait
from check import check, contains, equal
from gateway import Profile
from installer import shell, status
from nixos import Generation, declines
from systemd import Unit, systemctl

SECONDS = 60
UNIT = "hermes-gateway@default.service"


def run() -> None:
    alice = Profile("default", user="alice", root="/home/alice/.hermes")
    check("her home is fresh", not alice.root.exists())
    units = Generation(1, {"default": ""}).link("alice")
    # Her manager comes, as at boot, and starts what its target wants.
    shell("loginctl", "enable-linger", "alice")
    unit = Unit(UNIT, user="alice")
    alice.until_up()
    equal("gateways", alice.gateways(), [unit.pid])
    equal("who may look into the directory that was made", oct(alice.root.stat().st_mode & 0o777), "0o700")

    # A setting, and what docs/nixos.md names where a switch does not see it.
    old = unit.pid
    Generation(2, {"default": "drain-timeout = 300\n"}).link("alice")
    systemctl("daemon-reload", user="alice")
    equal("gateways before a restart", alice.gateways(), [old])
    systemctl("restart", "hermes-gateway.target", user="alice")
    equal("the gateway after it", alice.until_up(after=old), unit.pid)
    equal("its time to drain, and what systemd leaves it", unit.show()["TimeoutStopUSec"], "5min 30s")
    equal("gateways with the setting", alice.gateways(), [unit.pid])

    # A kill, which systemd cannot tell from a crash: it tries once, and the launcher declines.
    old = unit.pid
    hand = alice.by_hand("--profile", "default", "gateway", "run", "--replace")
    alice.until_up(hand.pid)
    if unit.show()["ExecMainStatus"] == "0":
        unit.systemctl("start")
    unit.until_active_state("inactive")
    equal("exit status and result", [unit.show()[key] for key in ("ExecMainStatus", "Result")], ["69", "success"])
    contains("the journal", unit.journal(), "is owned by", f"pid {hand.pid}")
    equal("failed units of hers", systemctl("list-units", "--failed", "--plain", "--no-legend", user="alice"), "")
    equal("state in status", status(alice, user="alice")["state"], "owned-elsewhere")
    check("the old gateway is gone", alice.gateways() == [hand.pid], (old, alice.gateways()))

    before = sorted(units.rglob("*"))
    declines("home-manager switch", user="alice")
    equal("files", sorted(units.rglob("*")), before)

    hand.end()
    unit.systemctl("start")
    alice.until_up()
    equal("gateways after the way out", alice.gateways(), [unit.pid])

    # A hermes that is not there any more.
    Generation(3, {"default": ""}, hermes="/nix/store/gone/bin/hermes").link("alice")
    systemctl("daemon-reload", user="alice")
    unit.systemctl("restart", check=False)
    unit.until_active_state("failed")
    # The journal may not know the unit of a user's process that has ended (journald reads its control group late).
    said = ["journalctl", "-b", "-q", "-o", "cat", f"_UID={pwd.getpwnam('alice').pw_uid}"]
    option = "does not exist; set `services.hermes-gateway.hermesPackage`"
    wait.until("the journal to name the option", lambda: option in subprocess.run(said, capture_output=True, text=True).stdout, 30)

