"""Killed with its unit, the gateway left its lock, pid file and state."""

import os
import signal

from cell import Cell, Expect


def event(cell: Cell) -> Expect:
    pid = cell.pid
    if not cell.by_hand:
        cell.unit.systemctl("mask")
    os.kill(pid, signal.SIGKILL)
    cell.stop()
    if not cell.by_hand:
        cell.unit.systemctl("unmask")
    return cell.again()
