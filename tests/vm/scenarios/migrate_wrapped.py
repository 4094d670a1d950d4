"""A unit starts hermes by a shell, and an older one lies in a usual place: the new unit runs the hermes that ran before, whether
the shell's words name it or only the process does; where nobody can tell, that is said.
"""

import os
import pwd
from pathlib import Path

import gateway
from check import check, contains, equal
from gateway import Profile
from installer import hermes_install
from systemd import Unit, systemctl

SECONDS = 120

OTHER = Path("/usr/local/bin/hermes")
FILE = Path("/etc/systemd/system/bot.service")
BY_NAME = "User=alice\nExecStart=/bin/bash -lc 'exec hermes gateway run'"
UNKNOWN = "cannot be told; the new unit runs"


def run() -> None:
    OTHER.write_text("#!/bin/sh\necho 'Hermes Agent v0.17.0'\n")
    OTHER.chmod(0o755)
    default = Profile("default", "alice", "/home/alice/.hermes").make()
    named = f"cd /opt && exec {gateway.HERMES} gateway run"
    migrated("named", default, f"User=alice\nExecStart=/bin/bash -lc '{named}'")
    become = f"/usr/sbin/runuser -u alice -- env HOME=/home/alice HERMES_HOME={default.root}"
    migrated("by runuser", default, f"ExecStart={become} {gateway.HERMES} gateway run")
    # What a login has on its PATH is in no unit.
    profile = Path("/home/alice/.bash_profile")
    profile.write_text(f"PATH={Path(gateway.HERMES).parent}:$PATH\n")
    account = pwd.getpwnam("alice")
    os.chown(profile, account.pw_uid, account.pw_gid)
    migrated("of the path", default, BY_NAME)
    at_rest()


def migrated(name: str, default: Profile, lines: str) -> None:
    place(lines)
    systemctl("enable", "--now", "bot.service")
    old = default.until_up()
    equal(f"{name}: the hermes of the old unit", hermes_of(old), gateway.HERMES)
    done = hermes_install("--profile", "default", "--run-as", "alice", "--migrate")
    equal(f"{name}: migration ends with", done.code, 0)
    check(f"{name}: it knows which hermes that is", UNKNOWN not in done.text)
    new = Unit(default.unit).pid
    equal(f"{name}: gateways", default.gateways(), [new])
    equal(f"{name}: the hermes of the new unit", hermes_of(new), gateway.HERMES)
    equal(f"{name}: uninstall ends with", hermes_install("uninstall", "--yes").code, 0)


def at_rest() -> None:
    """One that does not run, and names no path."""
    place(BY_NAME)
    systemctl("enable", "bot.service")
    planned = hermes_install("plan", "--profile", "default", "--run-as", "alice", "--migrate")
    contains("at rest: the plan", planned.text, f"which hermes system unit `bot.service` runs {UNKNOWN} `{OTHER}`")


def place(lines: str) -> None:
    FILE.write_text(f"[Service]\n{lines}\nRestart=on-failure\n[Install]\nWantedBy=multi-user.target\n")
    systemctl("daemon-reload")


def hermes_of(pid: int) -> str:
    """The script that its interpreter runs."""
    words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    return next((word for word in words if word.endswith("/hermes")), str(words))
