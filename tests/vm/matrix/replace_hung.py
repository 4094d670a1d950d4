"""Somebody replaces a gateway that does not die in time: it is killed after 10 s."""

import os
import signal

from cell import Cell, Expect

SUBSET = ["our-system", "our-user", "upstream-user"]


def event(cell: Cell) -> Expect:
    os.kill(cell.pid, signal.SIGSTOP)
    return cell.replace()
