"""The machine is rebooted."""

from cell import Cell, Expect

FIRSTS = ["our", "upstream"]
BOOTS = 2


def event(cell: Cell) -> Expect:
    return Expect("unit", starts=1)
