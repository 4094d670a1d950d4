"""`hermes gateway restart`, typed by the gateway's user: from 0.21.4 on it asks the unit's gateway, and the next one runs."""

import subprocess

from check import check, equal, measured
from gateway import HERMES as PROGRAM
from gateway import Profile
from installer import install
from systemd import Unit, as_user

HERMES = ["0.22.2"]
SECONDS = 60


def run() -> None:
    profile = Profile("default", user="alice", root="/home/alice/.hermes")
    subprocess.run(["install", "-d", "-o", "alice", "-g", "alice", "-m", "700", str(profile.root)], check=True)
    profile.make()
    equal("install ends with", install(profile, "--run-as", "alice").code, 0)
    unit = Unit(profile.unit)
    before = unit.pid
    done = as_user("alice", "/usr/bin/env", "--unset=INVOCATION_ID", PROGRAM, "gateway", "restart")
    after = profile.until_up(after=before)
    # It waits 15 s for the next one, which is not enough on a host that is busy.
    late = "did not relaunch the gateway" in done.stdout
    check("the command ends well, or has not seen the next one yet", done.returncode == 0 or late, done.stdout[-500:])
    measured("exit status of the command", done.returncode)
    equal("starts of the unit", unit.starts(), 2)
    equal("the gateway of", after, unit.pid)
    check("it is another one", after != before, after)
    equal("state and result", unit.states, ("active", "success"))
