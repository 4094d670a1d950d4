"""The user runs `hermes gateway restart`."""

from cell import Cell, Expect

SUBSET = ["our-system", "our-user", "guarded-system"]
SUBSET_HERMES = ["0.19.0", "0.22.2"]


def event(cell: Cell) -> Expect:
    cell.cli("restart")
    return Expect("any one", starts=1)
