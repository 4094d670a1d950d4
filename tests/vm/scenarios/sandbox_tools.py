"""Under the units, thread pools, priorities and the giving up of rights work, keyrings, io_uring and namespaces do not, and so no sandbox inside; the scores."""

import json
import re
import subprocess
from pathlib import Path

import wait
from check import check, equal, measured
from gateway import Profile
from installer import install
from systemd import Unit, systemctl

SECONDS = 60

MOST = {"system": 1.9, "user": 6.6}

TOOLS = """#!/usr/bin/python3
import ctypes, json, os, struct, subprocess
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *args):
    return "works" if libc.syscall(number, *args) >= 0 else os.strerror(ctypes.get_errno())
def tried(deed):
    try:
        deed()
        return "works"
    except OSError as e:
        return os.strerror(e.errno)
def ran(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError as e:
        return str(e)
    return "works" if done.returncode == 0 else done.stderr.strip()
seen = {
    "affinity": tried(lambda: os.sched_setaffinity(0, os.sched_getaffinity(0))),
    "priority": tried(lambda: os.setpriority(os.PRIO_PROCESS, 0, 19)),
    "nice": tried(lambda: os.nice(1)),
    "ionice": call(251, 1, 0, (3 << 13)),
    "batch": tried(lambda: os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))),
    "giving up rights": call(126, struct.pack("Ii", 0x20080522, 0), bytes(24)),
    "keyctl": call(250, 0, -3, 0),
    "io_uring": call(425, 1, 0),
    "userfaultfd": call(323, 1),
    "unshare": ran("unshare", "--user", "--map-root-user", "true"),
}
json.dump(seen, open(os.environ["OUT"], "w"))
"""


def run() -> None:
    default = Profile("default")
    equal("install ends with", install(default).code, 0)
    alice = Profile("default", "alice", "/home/alice/.hermes").make()
    equal("install as alice ends with", install(alice, user="alice").code, 0)
    alice.until_up()
    for scope, user, own in (("system", None, default), ("user", "alice", alice)):
        seen = tools(own, user)
        works = sorted(name for name, how in seen.items() if how == "works")
        print(json.dumps(seen, indent=1), flush=True)
        equal(f"{scope}: what works", works, ["affinity", "batch", "giving up rights", "ionice", "nice", "priority"])
        command = ["systemd-analyze", "security", "--no-pager", default.unit]
        if user:
            # Judged by its file: the tool does not ask another user's manager.
            file = Path("/tmp/hermes-gateway@x.service")
            file.write_text(Path("/home/alice/.config/systemd/user/hermes-gateway@.service").read_text())
            command = ["systemd-analyze", "security", "--no-pager", "--offline=yes", str(file)]
        text = subprocess.run(command, capture_output=True, text=True).stdout
        score = re.search(r"Overall exposure level.*: ([\d.]+)", text)
        measured(f"{scope}: exposure level", score and score[1])
        check(f"{scope}: the exposure level is at most {MOST[scope]}", score and float(score[1]) <= MOST[scope], text[-200:])
        check(f"{scope}: the unit runs", Unit(default.unit, user).states[0] == "active")


def tools(profile: Profile, user: str | None) -> dict[str, str]:
    """Run the tools in the place of the gateway, under the unit as it is but for the command."""
    out = profile.root / "tools.json"
    program = Path("/usr/local/bin/tools")
    program.write_text(TOOLS)
    program.chmod(0o755)
    unit = Unit(profile.unit, user)
    drop_in = Path("/etc/systemd/user" if user else "/etc/systemd/system") / f"{profile.unit}.d/90-tools.conf"
    drop_in.parent.mkdir(parents=True, exist_ok=True)
    drop_in.write_text(f"[Service]\nRestart=no\nExecStart=\nExecStart={program}\nExecStop=\nEnvironment=OUT={out}\n")
    systemctl("daemon-reload", user=user)
    unit.systemctl("restart", check=False)
    wait.until("the tools to end", out.exists)
    seen = json.loads(wait.until("what they saw", out.read_text))
    drop_in.unlink()
    systemctl("daemon-reload", user=user)
    unit.systemctl("restart")
    profile.until_up()
    return seen
