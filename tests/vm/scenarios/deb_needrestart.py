"""The Debian package and needrestart: a gateway with an outdated library is listed and not restarted, others are."""

import os
import shutil
import subprocess
from pathlib import Path

import lifecycle
from check import check, contains, equal
from gateway import Profile
from package import Apt
from systemd import Unit, systemctl

PACKAGES = ["deb"]
SECONDS = 40


def run() -> None:
    apt = Apt()
    apt.set_up()
    lifecycle.first_install(apt, apt.versions.new)
    default = Profile("default").make()
    lifecycle.set_up(default)
    other = Unit("other.service")
    program = shutil.which("python3")
    Path(f"/etc/systemd/system/{other.name}").write_text(
        f"[Service]\nExecStart={program} -c 'import zlib, time; time.sleep(1000)'\n"
    )
    systemctl("daemon-reload")
    other.systemctl("start")
    pids = Unit(default.unit).pid, other.pid
    # What an upgrade of the C library does: the same name, another file.
    library = next(Path(line.split()[-1]) for line in Path(f"/proc/{pids[0]}/maps").read_text().splitlines() if "libc.so" in line)
    shutil.copy2(library, f"{library}.new")
    os.rename(f"{library}.new", library)

    listed = subprocess.run(["needrestart", "-b", "-r", "l"], capture_output=True, text=True).stdout
    contains("needrestart's list", listed, f"NEEDRESTART-SVC: {default.unit}", f"NEEDRESTART-SVC: {other.name}")
    done = subprocess.run(["needrestart", "-r", "a"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    print(done.stdout, done.stderr, flush=True)
    equal("the gateway's process", Unit(default.unit).pid, pids[0])
    check("the other service was restarted", other.pid not in (0, pids[1]), other.pid)
