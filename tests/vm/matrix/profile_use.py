"""`hermes profile use coder`, then a restart: the unit of `default` still runs `default`."""

from cell import Cell, Expect
from gateway import HERMES, Profile
from systemd import as_user

FIRSTS = ["our-system", "our-user", "upstream-system", "upstream-user"]
SUBSET = ["our-user", "guarded-user"]
SUBSET_HERMES = ["0.19.0", "0.22.2"]


def event(cell: Cell) -> Expect:
    Profile("coder", cell.profile.user, str(cell.profile.root)).make()
    as_user(cell.profile.user, HERMES, "profile", "use", "coder").check_returncode()
    cell.unit.systemctl("restart")
    return Expect("unit", starts=1)
