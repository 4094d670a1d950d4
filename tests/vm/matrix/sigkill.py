"""A SIGKILL that nobody meant as a replacement."""

import os
import signal

from cell import Cell, Expect

SUBSET = ["our-system"]


def event(cell: Cell) -> Expect:
    os.kill(cell.pid, signal.SIGKILL)
    return Expect("none") if cell.by_hand else Expect("unit", starts=1)
