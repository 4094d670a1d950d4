"""Ctrl-C in `doctor --fix`, while one of two owners is stopped for the other: the run comes to its end, and the profile has a gateway."""

import signal
import subprocess
from pathlib import Path

import wait
from check import check, equal
from gateway import HERMES as PROGRAM
from gateway import Profile, fresh_account
from installer import install, program
from systemd import Unit, systemctl

SECONDS = 60


def run() -> None:
    fresh_account()
    coder = Profile("coder").make()
    equal("install ends with", install(coder).code, 0)
    own, other = Unit(coder.unit), Unit("bot.service")
    own.systemctl("stop")
    Path("/etc/systemd/system/bot.service").write_text(
        f"[Service]\nUser=hermes\nEnvironment=HERMES_HOME={coder.root}\nExecStart={PROGRAM} --profile coder gateway run\n"
        "[Install]\nWantedBy=multi-user.target\n"
    )
    systemctl("daemon-reload")
    systemctl("enable", "--now", other.name)
    coder.until_up()
    process = subprocess.Popen([program(), "doctor", "--fix", "--yes"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    said = ""
    assert process.stdout
    for line in process.stdout:
        said += line
        if "stopping" in line and "signal" not in said:
            process.send_signal(signal.SIGINT)
            said += "(signal)\n"
    check("it was interrupted while it stopped the other", "(signal)" in said, said)
    check("it came to its end", process.wait() in (0, 1), f"{process.returncode}: {said}")
    wait.until("one of them to run", lambda: len(coder.gateways()) == 1, 30)
    equal("who runs", [unit.states[0] for unit in (own, other)].count("active"), 1)
    check("nothing of the run is left", not list(Path("/run/systemd/system").glob("*.d/zzz-hermes-install-doctor.conf")))
