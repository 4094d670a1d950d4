"""A crash."""

import os
import signal

from cell import Cell, Expect


def event(cell: Cell) -> Expect:
    os.kill(cell.pid, signal.SIGSEGV)
    return Expect("none") if cell.by_hand else Expect("unit", starts=1)
