"""The Debian package: dpkg and the maintainer script are killed while a gateway drains; `dpkg --configure -a` mends it."""

import os
import signal
import subprocess
from pathlib import Path

import lifecycle
import wait
from check import check, equal
from gateway import Profile
from package import NAME, Apt
from systemd import Unit
from watch import Watch

PACKAGES = ["deb"]
SECONDS = 60


def run() -> None:
    apt = Apt()
    apt.set_up()
    lifecycle.first_install(apt, apt.versions.before)
    default = Profile("default").make()
    default.make_busy(8642)
    lifecycle.set_up(default)
    default.keep_busy()
    unit = Unit(default.unit)
    old = unit.pid

    with Watch(default) as watch:
        dpkg = subprocess.Popen(["dpkg", "--install", str(apt.file(apt.versions.new))])
        script = wait.until("the maintainer script to restart", lambda: waits_for_restart())
        # The script first, or dpkg would be told how it ended.
        for pid in (dpkg.pid, script):
            os.kill(pid, signal.SIGKILL)
        dpkg.wait()
        equal("installed and configured", apt.installed(), None)
        default.until_up(after=old)
        apt.run("dpkg", "--configure", "-a")
        default.until_up()
    equal("installed version", apt.installed(), apt.versions.new)
    lifecycle.runs(default)
    check("never two owners", watch.most_owners <= 1, watch.owners)
    check("restarted at most twice", unit.starts() <= 3, unit.starts())
    check("the new template is in use", lifecycle.NEW_LINE in unit.systemctl("cat"))


def waits_for_restart() -> int | None:
    """The process of the maintainer script, once its systemctl runs."""
    scripts, calls = [], []
    for entry in Path("/proc").iterdir():
        try:
            argv = (entry / "cmdline").read_bytes().decode(errors="replace") if entry.name.isdigit() else ""
        except OSError:
            continue
        if f"{NAME}.postinst" in argv:
            scripts.append(int(entry.name))
        if argv.startswith("systemctl\0try-restart"):
            calls.append(int(entry.name))
    return scripts[0] if scripts and calls else None
