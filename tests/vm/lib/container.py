"""The container backend: systemd as PID 1 in systemd-nspawn, about a second per boot.

What it cannot show (limits of memory and tasks, negative OOM scores, another kernel) needs a true machine.
"""

import hashlib
import os
import subprocess
from pathlib import Path

from . import cgroups, environments, roots
from .case import Case

# So much longer than it takes, a scenario is taken for one that hangs, and ended; each has deadlines of its own far below.
PATIENCE = 1500


# The kernel counts inotify instances per account, root's of all containers together; a systemd takes about eight.
INSTANCES = Path("/proc/sys/fs/inotify/max_user_instances")
ENOUGH = 1024


def prepare(case: Case) -> None:
    """Build what is kept between runs, and see to it that many systems can be up at a time."""
    if int(INSTANCES.read_text()) < ENOUGH:
        print(f"{INSTANCES} is raised to {ENOUGH}: with 128 about 17 containers cannot start", flush=True)
        INSTANCES.write_text(str(ENOUGH))
    roots.root(case.cache, case.suite)
    environments.environment(case.cache, case.suite, case.hermes)


def run(case: Case) -> int:
    """Boot the case as often as it asks; how its last boot ended, 0 for good."""
    case.write(patience=3)
    with roots.overlay(roots.root(case.cache, case.suite)) as view:
        (view.merged / "opt/hermes" / case.hermes).mkdir()
        for boot in range(1, case.scenario.boots + 1):
            _boot(case, view, boot)
            if case.code(boot) != 0 or case.over:
                break
    return case.code(boot)


def machine(view: roots.Overlay) -> str:
    """A name for the machine of a view: letters and digits only, and unique as the view's name is."""
    return "vmcheck" + hashlib.sha256(str(view.top).encode()).hexdigest()[:10]


def nspawn(view: roots.Overlay, name: str, *binds: str) -> list[str]:
    """The command that boots a view; `environment` is the environment for it."""
    return [
        *_below_a_mount_point(view),
        *("systemd-nspawn", "--quiet", f"--directory={view.merged}", f"--machine={name}"),
        *("--hostname=vmguest", "--boot", "--register=no", "--keep-unit", "--private-network"),
        *("--capability=all", "--system-call-filter=bpf", "--link-journal=no", "--resolv-conf=off"),
        *("--timezone=off", "--console=pipe", *binds),
    ]


def _below_a_mount_point(view: roots.Overlay) -> list[str]:
    """What nspawn, which changes how `/` is propagated, needs before it in a bare chroot, where `/` is no mount point."""
    if any(line.split()[4] == "/" for line in Path("/proc/self/mountinfo").read_text().splitlines()):
        return []
    place = view.top / "root"
    place.mkdir(exist_ok=True)
    # The view's own mount is made private first, so that no other namespace sees this one.
    script = 'mount --make-private "$1" && mount --rbind / "$2" && place=$2 && shift 2 && exec chroot "$place" "$@"'
    return ["unshare", "--mount", "--propagation=unchanged", "sh", "-c", script, "enter", str(view.top.parent), str(place)]


def environment() -> dict[str, str]:
    """Variables that make nspawn give the guest the unified hierarchy of control groups."""
    return {**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}


def _boot(case: Case, view: roots.Overlay, boot: int) -> None:
    name, patience = machine(view), PATIENCE + case.scenario.seconds
    hermes = environments.environment(case.cache, case.suite, case.hermes)
    command = nspawn(
        view,
        name,
        f"--bind-ro={case.harness}:/vmcheck",
        f"--bind={case.out}:/vmcheck-out",
        f"--bind-ro={hermes}:/opt/hermes/{case.hermes}",
    )
    with (case.out / f"console.{boot}").open("w") as console, cgroups.own(name) as enter:
        try:
            subprocess.run(
                [*enter, *command],
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                timeout=patience,
            )
        except subprocess.TimeoutExpired:
            console.write(f"ended after {patience} s\n")
        (case.out / f"cpu.{boot}").write_text(str(cgroups.cpu_seconds(name)))
