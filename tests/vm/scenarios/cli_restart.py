"""`hermes gateway restart`, typed by the gateway's user: from 0.21.4 on it asks the unit's gateway, and the next one runs.
Uninstalled, that gateway is not replaced by an empty one of another account."""

import subprocess

from check import check, contains, equal, measured
from gateway import HERMES as PROGRAM
from gateway import Profile
from installer import difference, hermes_install, install, snapshot
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
    comes_back(profile)


def comes_back(profile: Profile) -> None:
    """A second installation that does not name the account asks which one is meant, and changes nothing."""
    again = "`hermes-install --profile default --run-as alice`"
    contains("an uninstallation says", hermes_install("uninstall", "--yes").err, again)
    before = snapshot()
    refused = install(profile)
    equal("a plain installation ends with", refused.code, 3)
    contains("what it says", refused.err, f"ran one as `alice`, on `{profile.root}`", "--run-as alice`", "--home /var/lib/hermes`")
    equal("what it changed", difference(before, snapshot()), [])
    equal("as its account it ends with", install(profile, "--run-as", "alice").code, 0)
    equal("gateways", profile.gateways(), [Unit(profile.unit).pid])
