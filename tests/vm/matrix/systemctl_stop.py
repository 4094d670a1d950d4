"""`systemctl stop`."""

from cell import Cell, Expect

FIRSTS = ["our", "upstream"]
SUBSET = ["our-user", "upstream-system"]
SUBSET_HERMES = ["0.22.2"]


def event(cell: Cell) -> Expect:
    cell.unit.systemctl("stop")
    return Expect("none", stopped=True)
