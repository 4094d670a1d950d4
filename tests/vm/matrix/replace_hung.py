"""Somebody replaces a gateway that does not die in time: it is killed after 10 s."""

import os
import signal

from cell import Cell, Expect

SUBSET = ["our-system", "our-user", "upstream-user"]
SUBSET_HERMES = ["0.19.0", "0.22.2"]


def event(cell: Cell) -> Expect:
    os.kill(cell.pid, signal.SIGSTOP)
    return cell.replace()
