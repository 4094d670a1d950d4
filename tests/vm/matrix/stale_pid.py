"""The files name a process that is gone."""

from cell import Cell, Expect


def event(cell: Cell) -> Expect:
    cell.stop()
    cell.profile.record(4194300, 5)
    return cell.again()
