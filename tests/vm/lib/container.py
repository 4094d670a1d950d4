"""The container backend: systemd as PID 1 in systemd-nspawn, about a second per boot.

What it cannot show (limits of memory and tasks, negative OOM scores, another kernel) needs a true machine.
"""

import hashlib
import json
import os
import subprocess
import time
from pathlib import Path

from . import cgroups, roots
from .results import Result
from .scenario import Scenario

# A scenario that hangs is ended; each has deadlines of its own far below.
PATIENCE = 900


def run(
    scenario: Scenario,
    suite: str,
    version: str,
    root: Path,
    environment: Path,
    binary: Path,
    harness: Path,
    out: Path,
) -> Result:
    """Boot the scenario as often as it asks and collect what it found."""
    out.mkdir(parents=True, exist_ok=True)
    case = {"file": str(scenario.path.relative_to(harness)), "hermes": version, "boots": scenario.boots}
    if scenario.first:
        case["first"] = scenario.first
    (out / "case.json").write_text(json.dumps(case))
    begin = time.monotonic()
    with roots.overlay(root) as view:
        (view.merged / "opt/hermes" / version).mkdir()
        (view.merged / "usr/bin/hermes-install-under-test").touch()
        for boot in range(1, scenario.boots + 1):
            code = boot_once(view, boot, version, environment, binary, harness, out)
            if code != 0:
                break
    return Result.read(scenario.name, suite, version, out, code, time.monotonic() - begin)


def boot_once(view: roots.Overlay, boot: int, version: str, environment: Path, binary: Path, harness: Path, out: Path) -> int:
    # A machine name takes letters and digits only; the overlay's name makes it unique.
    machine = "vmcheck" + hashlib.sha256(str(view.top).encode()).hexdigest()[:10]
    command = [
        *("systemd-nspawn", "--quiet", f"--directory={view.merged}", f"--machine={machine}"),
        *("--hostname=vmguest", "--boot", "--register=no", "--keep-unit", "--private-network"),
        *("--capability=all", "--system-call-filter=bpf", "--link-journal=no", "--resolv-conf=off"),
        *("--timezone=off", "--console=pipe", f"--setenv=VMCHECK_BOOT={boot}"),
        f"--bind-ro={harness}:/vmcheck",
        f"--bind={out}:/vmcheck-out",
        f"--bind-ro={environment}:/opt/hermes/{version}",
        f"--bind-ro={binary}:/usr/bin/hermes-install-under-test",
    ]
    with (out / f"console.{boot}").open("w") as console, cgroups.own(machine) as enter:
        try:
            done = subprocess.run(
                [*enter, *command],
                env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                timeout=PATIENCE,
            )
        except subprocess.TimeoutExpired:
            return 124
    return done.returncode
