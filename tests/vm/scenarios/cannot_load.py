"""Units that systemd refuses are findings, and own nothing."""

import json
from pathlib import Path

import gateway
from check import check
from gateway import Profile
from installer import hermes_install
from systemd import Unit, systemctl

SECONDS = 20
RUN = f"{gateway.HERMES} --profile default gateway run"
UNITS = {
    "tilde": "ExecStart=~/.local/bin/hermes --profile default gateway run",
    "two": f"ExecStart={RUN}\nExecStart={RUN}",
    "directory": f"ExecStart={RUN}\nWorkingDirectory=~/hermes",
    "quoted": f'ExecStart={RUN}\nWorkingDirectory="/home/alice"',
    "oneshot": f"ExecStart={RUN}\nType=oneshot\nRestart=always",
    "other": f"ExecStart={RUN}\nExecStartPre=relative/path",
}


def run() -> None:
    Profile("default", "alice", "/home/alice/.hermes").make()
    for name, text in UNITS.items():
        Path(f"/etc/systemd/system/v-{name}.service").write_text(f"[Service]\nUser=alice\n{text}\n[Install]\nWantedBy=multi-user.target\n")
    systemctl("daemon-reload")
    systemctl("enable", *(f"v-{name}.service" for name in UNITS), check=False)
    found = json.loads(hermes_install("doctor", "--json").out)["findings"]
    check("none owns the profile", all(f["rule"] != "duplicate-owners" for f in found), found)
    for name in UNITS:
        state = Unit(f"v-{name}.service").show()["LoadState"]
        own = [f["what"] for f in found if f"v-{name}.service" in f["what"] and f["severity"] != "note"]
        check(f"{name}: {state}, and doctor says so", state == "bad-setting" and own != [], found)
