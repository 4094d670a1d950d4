"""Every start fails with 1 for 90 s, then the cause is mended: no storm, and it comes back."""

import time

from cell import OBSERVED, Cell, Expect

SECONDS = 200
FIRSTS = ["our", "upstream"]


def event(cell: Cell) -> Expect:
    cell.stop()
    # A file where the gateway wants a directory.
    logs = cell.profile.home / "logs"
    logs.rename(logs.with_name("logs-away"))
    logs.write_text("")
    cell.again()
    time.sleep(OBSERVED)
    logs.unlink()
    logs.with_name("logs-away").rename(logs)
    # A start every 10 s is no storm.
    return Expect("unit", starts=1 + OBSERVED // 10)
