"""Two profiles run; the other one is replaced by hand, and this one is not disturbed."""

from cell import Cell, Expect
from gateway import Profile

FIRSTS = ["our-system", "our-user", "upstream-system", "upstream-user", "hand"]
SUBSET = ["our-user"]
SUBSET_HERMES = ["0.19.0", "0.22.2"]


def event(cell: Cell) -> Expect:
    coder = Profile("coder", cell.profile.user, str(cell.profile.root)).make()
    first = coder.by_hand("--profile", "coder", "gateway", "run")
    coder.until_up(first.pid)
    second = coder.by_hand("--profile", "coder", "gateway", "run", "--replace")
    if not second.until_up():
        # 0.22 takes a standalone profile's own gateway for one of the host that serves it still.
        second = coder.by_hand("--profile", "coder", "gateway", "run", "--replace", "--force")
        coder.until_up(second.pid)
    return Expect("hand" if cell.by_hand else "unit")
