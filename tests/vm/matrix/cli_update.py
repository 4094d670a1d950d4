"""The user runs `hermes update`, which asks the gateways at its end to run the new code."""

from cell import USER, Cell, Expect
from store import Store
from update import end_update, resume, update

SECONDS = 150
HERMES = ["0.22.2-store"]
# As root this hermes finds none of its packages, so upstream has no system unit here; a tenant runs no program in a user's home;
# and a gateway by hand is left stopped by hermes itself: "Restart manually".
FIRSTS = ["our-system", "our-user", "our-named", "our-host", "upstream-user", "upstream-named"]


def prepare(cell: Cell) -> None:
    store = Store(USER).place()
    store.repository()
    cell.hermes = str(store.hermes)


def event(cell: Cell) -> Expect:
    store = Store(USER)
    update(store)
    resume(store)
    end_update(store)
    return Expect("unit", starts=1)
