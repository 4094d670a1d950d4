"""The user runs `hermes gateway install`, which enables upstream's user unit, and starts it in newer versions."""

from cell import Cell, Expect


def event(cell: Cell) -> Expect:
    cell.cli("install")
    return Expect("any one", starts=1)
