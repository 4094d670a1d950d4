"""The user runs `hermes gateway stop`."""

from cell import Cell, Expect

SUBSET = ["our-user"]
SUBSET_HERMES = ["0.15.2", "0.22.2"]
# hermes stops its user unit, and takes no notice of a system unit or of a gateway by hand. That is no restart policy's.
UNDER_GUARD = "ignored"


def event(cell: Cell) -> Expect:
    cell.cli("stop")
    return Expect("none", stopped=True)
