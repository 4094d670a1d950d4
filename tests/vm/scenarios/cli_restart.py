"""`hermes gateway restart`, typed by the gateway's user: from 0.21.4 on the unit's next gateway runs when it returns."""

import subprocess

from check import check, equal
from gateway import HERMES as PROGRAM
from gateway import Profile
from installer import install
from systemd import Unit, as_user

HERMES = ["0.22.2", "0.21.5"]
SECONDS = 150


def run() -> None:
    profile = Profile("default", user="alice", root="/home/alice/.hermes")
    subprocess.run(["install", "-d", "-o", "alice", "-g", "alice", "-m", "700", str(profile.root)], check=True)
    profile.make()
    equal("install ends with", install(profile, "--run-as", "alice").code, 0)
    unit = Unit(profile.unit)
    before = unit.pid
    done = as_user("alice", "/usr/bin/env", "--unset=INVOCATION_ID", PROGRAM, "gateway", "restart")
    after = profile.until_up(after=before)
    equal("the command ends with", (done.returncode, done.stdout[-500:] if done.returncode else ""), (0, ""))
    equal("the gateway of", after, unit.pid)
    check("it is another one", after != before, after)
    equal("state and result", unit.states, ("active", "success"))
