"""The units verify cleanly, score at most 2.4 in system scope, and the sandbox is on while the gateway works in it."""

import re
import subprocess
from pathlib import Path

from check import check, equal, measured
from gateway import Profile
from installer import install, shell
from systemd import Unit

BACKENDS = ["container", "qemu"]
SECONDS = 40


def run() -> None:
    default = Profile("default")
    equal("install ends with", install(default).code, 0)
    unit = Unit(default.unit)
    verify = subprocess.run(
        ["systemd-analyze", "verify", "--recursive-errors=no", default.unit], capture_output=True, text=True
    )
    equal("verify ends with", verify.returncode, 0)
    ours = [line for line in verify.stderr.splitlines() if "hermes" in line]
    equal("what verify says of our units", ours, [])

    text = shell("systemd-analyze", "security", "--no-pager", default.unit)
    score = float(re.findall(r"Overall exposure level.*: ([\d.]+)", text)[0])
    measured("exposure level of the loaded unit", score)
    check("the exposure level is at most 2.4", score <= 2.4, score)

    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{unit.pid}/status").read_text().splitlines() if ":" in line
    )
    equal("NoNewPrivs", status["NoNewPrivs"].strip(), "1")
    equal("Seccomp (filter)", status["Seccomp"].strip(), "2")
    equal("bounding set", int(status["CapBnd"], 16), 0)
    inside = f"/proc/{unit.pid}/root"
    nsenter = ["nsenter", f"--target={unit.pid}", "--mount", "--setuid=0"]
    check("/usr is read-only inside", "Read-only" in subprocess.run(
        [*nsenter, "touch", "/usr/x"], capture_output=True, text=True).stderr)
    equal("root inside writes the hermes root", subprocess.run([*nsenter, "touch", "/var/lib/hermes/x"]).returncode, 0)
    check("/home/alice is hidden inside", not Path(f"{inside}/home/alice").exists())
