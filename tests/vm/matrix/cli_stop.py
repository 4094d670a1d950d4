"""The user runs `hermes gateway stop`."""

from cell import Cell, Expect

SUBSET = ["our-user"]
SUBSET_HERMES = ["0.15.2", "0.22.2"]


def event(cell: Cell) -> Expect:
    cell.cli("stop")
    return Expect("none", stopped=True)
