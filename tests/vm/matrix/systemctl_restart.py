"""`systemctl restart`."""

from cell import Cell, Expect

FIRSTS = ["our", "upstream"]
SUBSET = ["our-user"]
SUBSET_HERMES = ["0.22.2"]


def event(cell: Cell) -> Expect:
    cell.unit.systemctl("restart")
    return Expect("unit", starts=1)
