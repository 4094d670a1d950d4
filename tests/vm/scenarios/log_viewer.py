"""Reading the gateway's log is not running a gateway."""

import subprocess
from pathlib import Path

import gateway
import wait
from check import check, contains
from gateway import Profile, fresh_account
from installer import hermes_install, install

SECONDS = 30
ACCOUNT = ["setpriv", "--reuid=hermes", "--regid=hermes", "--clear-groups", "env", "-i", "HOME=/var/lib/hermes", "HERMES_HOME=/var/lib/hermes"]


def run() -> None:
    fresh_account()
    coder = Profile("coder").make()
    install(coder)
    viewer = subprocess.Popen(
        [*ACCOUNT, "PATH=/usr/bin:/bin", gateway.HERMES, "--profile", "coder", "logs", "gateway", "-f"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait.until("the viewer to be hermes", lambda: b"\0logs\0" in Path(f"/proc/{viewer.pid}/cmdline").read_bytes(), 20)
    found = hermes_install("doctor")
    check("nothing is wrong", found.code == 0, found.out)
    contains("doctor", found.out, "1 running gateway looked at")
    viewer.kill()
