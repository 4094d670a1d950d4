"""A control group for every container.

nspawn puts its payload below its own group, so that two of them started by one process share one tree, and each
systemd removes groups that the other is about to use: seen as units that fail with 219/CGROUP.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def own(name: str) -> Iterator[list[str]]:
    """Groups of this name in the hierarchies that systemd uses; yields a command prefix that enters them."""
    groups = [base / name for base in _current()]
    for group in groups:
        group.mkdir()
    enter = 'while [ "$1" != -- ]; do echo $$ >"$1/cgroup.procs"; shift; done; shift; exec "$@"'
    try:
        yield ["sh", "-c", enter, "enter", *map(str, groups), "--"]
    finally:
        for group in groups:
            for directory, _, _ in os.walk(group, topdown=False):
                with contextlib.suppress(OSError):
                    os.rmdir(directory)


def cpu_seconds(name: str) -> float:
    """The processor time that the groups of this name have taken so far; the kernel counts it in version 2 alone."""
    for base in _current():
        with contextlib.suppress(FileNotFoundError):
            return int((base / name / "cpu.stat").read_text().split()[1]) / 1e6
    return 0.0


def _current() -> list[Path]:
    """Our group in version 2 and, on a hybrid host, in `name=systemd` (cgroups(7))."""
    paths = {}
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers in ("", "name=systemd"):
            paths[controllers] = path
    found = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, after = line.split(" - ")
        root, place = before.split()[3:5]
        kind, _, options = after.split()[:3]
        hierarchy = "" if kind == "cgroup2" else "name=systemd" if "name=systemd" in options.split(",") else None
        if hierarchy in paths:
            found.append(Path(place) / os.path.relpath(paths.pop(hierarchy), root))
    return found
