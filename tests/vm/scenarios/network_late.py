"""A gateway that starts without a network is up all the same, nobody waits for one, and its bot speaks when there is one."""

import subprocess
import time
from pathlib import Path

import wait
from bot import answered, configure, install_library
from check import check, equal, measured
from gateway import Profile
from installer import install, program
from model import Echo
from systemd import Unit, systemctl
from telegram import BotAPI

HERMES = ["0.15.2", "0.22.2"]
SECONDS = 120

# As systemd-networkd-wait-online is on a host without a network, but without an end.
WAIT = "[Unit]\nBefore=network-online.target\n[Service]\nType=oneshot\nTimeoutStartSec=infinity\nExecStart=/bin/sleep infinity\n"


def run() -> None:
    install_library()
    bot, model = BotAPI(), Echo()
    default = Profile("default")
    equal("install ends with", install(default, "--no-start").code, 0)
    configure(default, bot, model)
    never = Path("/etc/systemd/system/never-online.service")
    never.write_text(WAIT)
    wants = Path("/etc/systemd/system/network-online.target.wants")
    wants.mkdir(exist_ok=True)
    (wants / never.name).symlink_to(never)
    systemctl("daemon-reload")
    systemctl("start", "--no-block", "network-online.target")
    bot.leave()

    unit = Unit(default.unit)
    check("the unit does not wait for it", "network-online" not in unit.show()["After"], unit.show()["After"])
    unit.systemctl("start")
    pid = default.until_up()
    equal("the network is awaited still", Unit(never.name).show()["ActiveState"], "activating")
    bot.come_back()
    begin = time.monotonic()
    answered(bot, "late", seconds=180)
    measured("seconds until the bot answered, from the network on", round(time.monotonic() - begin, 1))
    equal("gateways", default.gateways(), [pid])
    equal("automatic restarts", unit.restarts, 0)
    told(unit, never.name)


def told(unit: Unit, never: str) -> None:
    """Where an administrator has it wait all the same, a start says for what."""
    drop_in = Path(f"/etc/systemd/system/{unit.name}.d/60-late.conf")
    drop_in.parent.mkdir(exist_ok=True)
    drop_in.write_text("[Unit]\nAfter=network-online.target\n")
    systemctl("daemon-reload")
    unit.systemctl("stop")
    said = Path("/run/said")
    with said.open("w") as out:
        start = subprocess.Popen([program(), "start", "default"], stderr=out)
    wait.until("the start to say what it waits for", lambda: f"waits for `{never}`" in said.read_text(), 60)
    Unit(never).systemctl("stop")
    equal("the start ends with", start.wait(120), 0)
