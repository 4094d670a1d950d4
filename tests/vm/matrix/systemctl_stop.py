"""`systemctl stop`."""

from cell import Cell, Expect

FIRSTS = ["our", "upstream"]
SUBSET = ["our-user", "upstream-system"]


def event(cell: Cell) -> Expect:
    cell.unit.systemctl("stop")
    return Expect("none", stopped=True)
