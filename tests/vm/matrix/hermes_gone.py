"""The hermes executable is gone at a restart; when it is back, a start is all it takes."""

import subprocess
import time
from pathlib import Path

from cell import OBSERVED, Cell, Expect
from gateway import HERMES

SECONDS = 200
FIRSTS = ["our", "upstream"]
SUBSET = ["our-system"]
SUBSET_HERMES = ["0.22.2"]


def event(cell: Cell) -> Expect:
    place = str(Path(HERMES).parents[1])
    cell.stop()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "none", place], check=True)
    cell.again()
    time.sleep(OBSERVED)
    subprocess.run(["umount", place], check=True)
    cell.again()
    return Expect("unit", starts=2)
