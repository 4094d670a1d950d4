"""root runs `hermes gateway install` for a user, and hermes makes root's files in the user's home: its gateway cannot write there and
never comes up. `doctor` says why, though no gateway ever ran there."""

import json
import os
import pwd
from pathlib import Path

import wait
from check import check, contains
from gateway import HERMES as PROGRAM
from gateway import Profile
from installer import hermes_install, shell
from systemd import Unit, as_user

HERMES = ["0.22.2"]
SECONDS = 60


def run() -> None:
    alice = pwd.getpwnam("alice")
    home = Path("/home/alice/.hermes")
    home.mkdir(mode=0o700)
    os.chown(home, alice.pw_uid, alice.pw_gid)
    as_user("root", PROGRAM, "-p", "default", "gateway", "install", "--system", "--run-as-user", "alice")
    unit = Unit("hermes-gateway.service")
    unit.systemctl("start", check=False)
    wait.until("it to end", lambda: unit.restarts > 0 or unit.states[0] == "failed", 60)
    check("hermes made files of root's", any(path.stat().st_uid == 0 for path in home.iterdir()), sorted(home.iterdir()))
    found = json.loads(hermes_install("doctor", "--json").out)["findings"]
    (why,) = (finding["what"] for finding in found if finding["rule"] == "foreign-files")
    contains("doctor says why", why, f"{home}/SOUL.md", "belong to `root`")
    unit.systemctl("stop", check=False)
    unit.systemctl("reset-failed", check=False)
    shell("chown", "-R", "alice:", str(home))
    unit.systemctl("start")
    Profile("default", "alice", str(home)).until_up()
