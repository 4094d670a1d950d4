"""The user runs `hermes gateway stop`."""

from cell import Cell, Expect

SUBSET = ["our-user"]


def event(cell: Cell) -> Expect:
    cell.cli("stop")
    return Expect("none", stopped=True)
