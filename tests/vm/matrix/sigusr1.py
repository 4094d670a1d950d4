"""SIGUSR1, a planned restart; without a service manager the gateway sees to its own return, or ends."""

import os
import signal

from cell import Cell, Expect

FIRSTS = ["our", "upstream"]
SUBSET = ["our-system"]


def event(cell: Cell) -> Expect:
    os.kill(cell.pid, signal.SIGUSR1)
    return Expect("unit", starts=1)
