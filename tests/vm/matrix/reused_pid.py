"""The files name another program's process, its start time even."""

import subprocess
from pathlib import Path

from cell import Cell, Expect


def event(cell: Cell) -> Expect:
    cell.stop()
    other = subprocess.Popen(["sleep", "600"])
    cell.profile.record(other.pid, int(Path(f"/proc/{other.pid}/stat").read_text().split()[21]))
    return cell.again()
