"""The user runs `hermes gateway restart`."""

from cell import Cell, Expect

SUBSET = ["our-system", "our-user"]


def event(cell: Cell) -> Expect:
    cell.cli("restart")
    return Expect("any one", starts=1)
