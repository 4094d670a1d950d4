"""Somebody replaces the gateway by hand, `gateway run --replace`."""

from cell import Cell, Expect

SUBSET = ["our-system", "our-user", "our-host", "upstream-system", "guarded-system"]


def event(cell: Cell) -> Expect:
    return cell.replace()
