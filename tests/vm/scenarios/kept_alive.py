"""A gateway that a loop or a process manager keeps alive: adopt says so, and doctor names what to end."""

import os
import signal
import subprocess
from pathlib import Path

import gateway
from check import check, contains, equal
from gateway import Profile, fresh_account
from installer import hermes_install
from systemd import systemctl

SECONDS = 60
ACCOUNT = ["setpriv", "--reuid=hermes", "--regid=hermes", "--clear-groups", "env", "-i", "HOME=/var/lib/hermes", "HERMES_HOME=/var/lib/hermes"]
GOD = "#!/usr/bin/python3\nimport subprocess, time\nwhile True:\n    subprocess.call({argv!r})\n    time.sleep(3)\n"


def run() -> None:
    fresh_account()
    for words in ("", "--replace"):
        loop(words)
    manager()


def loop(words: str) -> None:
    coder = Profile("coder").make()
    line = f"while true; do {gateway.HERMES} --profile coder gateway run {words}; sleep 3; done"
    job = subprocess.Popen(
        [*ACCOUNT, "PATH=/usr/bin:/bin", "sh", "-c", line],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
    )
    pid = coder.until_up()
    done = hermes_install("adopt", "--profile", "coder", "--yes")
    equal(f"`{words}`: adopt ends with", done.code, 3)
    contains(f"`{words}`: its error", done.err, f"pid {job.pid}", f"kill {job.pid}")
    equal(f"`{words}`: gateways after it", coder.gateways(), [pid])
    contains(f"`{words}`: doctor", hermes_install("doctor").out, f"pid {job.pid}", "kept-alive")
    os.killpg(job.pid, signal.SIGKILL)
    job.wait()
    for left in coder.gateways():
        os.kill(left, signal.SIGKILL)


def manager() -> None:
    coder = Profile("coder").make()
    god = Path("/usr/local/bin/god")
    god.write_text(GOD.format(argv=[gateway.HERMES, "--profile", "coder", "gateway", "run"]))
    god.chmod(0o755)
    Path("/etc/systemd/system/pm2-hermes.service").write_text(
        "[Service]\nUser=hermes\nEnvironment=HERMES_HOME=/var/lib/hermes\nExecStart=/usr/local/bin/god\n[Install]\nWantedBy=multi-user.target\n"
    )
    systemctl("daemon-reload")
    systemctl("enable", "--now", "pm2-hermes.service")
    coder.until_up()
    done = hermes_install("adopt", "--profile", "coder", "--yes")
    contains("manager: adopt names what starts it again", done.err, "disable --now pm2-hermes.service", "again")
    found = hermes_install("doctor")
    check("manager: doctor's command lasts beyond a boot", "disable --now pm2-hermes.service" in found.out, found.out)
