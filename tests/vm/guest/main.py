"""Runs one scenario inside the guest, as root, under systemd; leaves its findings and, on failure, the guest's state."""

import importlib.util
import json
import os
import subprocess
import sys
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import check  # noqa: E402
import wait  # noqa: E402
from systemd import systemctl  # noqa: E402


def main() -> int:
    case = json.loads((check.OUT / "case.json").read_text())
    os.environ["VMCHECK_HERMES"] = case["hermes"]
    # Every boot before this one has left a code.
    boot = len(list(check.OUT.glob("code.*"))) + 1
    os.environ["VMCHECK_BOOT"] = str(boot)
    os.environ["VMCHECK_BACKEND"] = case["backend"]
    os.environ["VMCHECK_PATIENCE"] = str(case["patience"])
    os.environ.update(case["asked"])
    spec = importlib.util.spec_from_file_location("scenario", HERE.parent / case["file"])
    try:
        wait.until("the boot to end", lambda: systemctl("is-system-running", check=False) in ("running", "degraded"))
        assert spec and spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        if case["first"]:
            import cell  # Now, as the library reads the variables set above.

            cell.play(case["first"], case["boots"], module)
        else:
            module.run()
    except Exception as e:
        traceback.print_exc()
        check.check("the scenario runs to its end", False, f"{type(e).__name__}: {e}")
    if check.failed:
        keep_state()
    code = 1 if check.failed else 0
    (check.OUT / f"code.{boot}").write_text(str(code))
    return code


def keep_state() -> None:
    """What somebody who looks into a failure wants first."""
    for name, command in {
        "journal": ["journalctl", "-b", "--no-pager", "-o", "short-monotonic"],
        "units": ["systemctl", "--no-pager", "--all", "status", "hermes*"],
        "processes": ["ps", "axfwwo", "pid,ppid,user,stat,lstart,cgroup,args"],
    }.items():
        with (check.OUT / name).open("w") as out:
            subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, check=False)


if __name__ == "__main__":
    sys.exit(main())
