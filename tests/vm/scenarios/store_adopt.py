"""A gateway that was started by hand from the installation of install.sh comes under its unit; root's installation, too."""

from check import contains, equal
from gateway import Profile
from installer import hermes_install
from store import Store
from systemd import Unit

HERMES: list[str] = []  # 0.22.2-store, as soon as the program knows its command line
SECONDS = 120


def run() -> None:
    for user in ("alice", "root"):
        store = Store(user).place()
        default = Profile("default", user, str(store.root)).make()
        hand = default.by_hand("gateway", "run", hermes=str(store.hermes))
        default.until_up(hand.pid)
        status = hermes_install("status")
        contains(f"{user}: status names it", status.text, f"pid {hand.pid}")
        done = hermes_install("adopt", "--profile", "default", "--yes")
        equal(f"{user}: adopt ends with", done.code, 0)
        unit = Unit(default.unit)
        equal(f"{user}: gateways", default.gateways(), [unit.pid])
        equal(f"{user}: the unit runs as", unit.show()["User"], user)
        hermes_install("uninstall", "--yes")
        equal(f"{user}: gateways after uninstall", default.gateways(), [])
