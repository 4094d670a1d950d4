"""A fatal configuration: the only platform cannot have its port (78 in 0.19 only)."""

from cell import Cell, Expect
from gateway import IDLE, KEY, port_owner

FIRSTS = ["our", "upstream"]
HERMES = ["0.19.0"]


def event(cell: Cell) -> Expect:
    cell.stop()
    cell.kept = port_owner(8642)
    cell.profile.make(IDLE, f"API_SERVER_ENABLED=true\nAPI_SERVER_KEY={KEY}\nAPI_SERVER_PORT=8642\nAPI_SERVER_HOST=127.0.0.1\n")
    cell.again()
    return Expect("none", starts=1)
