"""The user runs `hermes gateway start` though one runs."""

from cell import Cell, Expect


def event(cell: Cell) -> Expect:
    cell.cli("start")
    return Expect("hand" if cell.by_hand else "unit")
