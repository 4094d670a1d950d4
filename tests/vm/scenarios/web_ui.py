"""A gateway inside another service: the advice is about the gateway, and lasts."""

from pathlib import Path

import gateway
from check import check, contains, equal
from gateway import Profile, fresh_account
from installer import hermes_install, install
from systemd import Unit, systemctl

SECONDS = 60
ARGV = [gateway.HERMES, "--profile", "coder", "gateway", "run", "--replace"]
UI = f"#!/usr/bin/python3\nimport subprocess, time\nsubprocess.Popen({ARGV!r}, start_new_session=True)\ntime.sleep(100000)\n"


def run() -> None:
    fresh_account()
    coder = Profile("coder").make()
    install(coder)
    ui = Path("/usr/local/bin/webui")
    ui.write_text(UI)
    ui.chmod(0o755)
    Path("/etc/systemd/system/hermes-web-ui.service").write_text(
        "[Service]\nUser=hermes\nEnvironment=HERMES_HOME=/var/lib/hermes\nExecStart=/usr/local/bin/webui\nRestart=always\n"
        "[Install]\nWantedBy=multi-user.target\n"
    )
    systemctl("daemon-reload")
    before = Unit(coder.unit).pid
    systemctl("enable", "--now", "hermes-web-ui.service")
    pid = coder.until_up(after=before)
    said = hermes_install("status", "--profile", "coder").out + hermes_install("doctor").out + install(coder).err
    check("nobody is told to stop the web UI alone", "systemctl stop hermes-web-ui.service" not in said, said)
    contains("the process is named", said, f"kill -INT {pid}")
    done = hermes_install("adopt", "--profile", "coder", "--yes")
    equal("adopt ends with", done.code, 0)
    equal("gateways", coder.gateways(), [Unit(coder.unit).pid])
    contains("adopt says what will start it again", done.err, "hermes-web-ui.service", "again")
