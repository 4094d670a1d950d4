"""Our templates are upgraded while the gateway runs."""

from cell import Cell, Expect
from installer import hermes_install, make_older
from systemd import systemctl

FIRSTS = ["our"]


def event(cell: Cell) -> Expect:
    user = cell.unit.user
    make_older(user)
    systemctl("daemon-reload", user=user)
    hermes_install("upgrade", "--yes", user=user or "root")
    return Expect("unit", starts=1)
