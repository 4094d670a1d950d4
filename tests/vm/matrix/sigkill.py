"""A SIGKILL that nobody meant as a replacement."""

import os
import signal

from cell import Cell, Expect

SUBSET = ["our-system"]
SUBSET_HERMES = ["0.22.2"]


def event(cell: Cell) -> Expect:
    os.kill(cell.pid, signal.SIGKILL)
    return Expect("none") if cell.by_hand else Expect("unit", starts=1)
