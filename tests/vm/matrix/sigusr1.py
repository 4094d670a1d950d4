"""SIGUSR1, a planned restart; without a service manager the gateway sees to its own return, or ends."""

import os
import signal

from cell import Cell, Expect

FIRSTS = ["our", "upstream"]
SUBSET = ["our-system"]
SUBSET_HERMES = ["0.15.2", "0.22.2"]


def event(cell: Cell) -> Expect:
    os.kill(cell.pid, signal.SIGUSR1)
    return Expect("unit", starts=1)
