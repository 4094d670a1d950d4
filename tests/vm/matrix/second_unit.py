"""The same policy's unit of the other scope is started beside the gateway."""

from cell import Cell, Expect

# A tenant has no other scope, and root no profile of that name.
FIRSTS = ["our-system", "our-user", "our-named", "our-host", "upstream-system", "upstream-user", "upstream-host", "hand"]
SUBSET = ["our-system", "our-user", "hand-beside-ours", "upstream-user", "guarded-user"]
SUBSET_HERMES = ["0.22.2"]
# What upstream's own unit does, seen by the same assertion: if it does not loop here, the harness is wrong.
CONTROL = {"0.13.0": "loops", "0.15.2": "loops", "0.16.0": "loops", "0.22.2": "loops"}


def prepare(cell: Cell) -> None:
    # Before the first, since our installer refuses a second one.
    if not cell.by_hand:
        cell.put(cell.other, "--no-enable")


def event(cell: Cell) -> Expect:
    # A launcher that refuses at once makes the start fail, or ends just after it.
    if cell.by_hand:
        cell.unit.systemctl("start", check=False)
        return Expect("hand", starts=1)
    cell.other.systemctl("start", check=False)
    return Expect("unit", other_starts=1)
