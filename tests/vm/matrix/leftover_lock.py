"""Killed with its unit, the gateway left its lock, pid file and state."""

import os
import signal

from cell import Cell, Expect


def event(cell: Cell) -> Expect:
    # The stop comes while systemd waits to restart it.
    os.kill(cell.pid, signal.SIGKILL)
    cell.stop()
    return cell.again()
