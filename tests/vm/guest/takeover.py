"""The shared part of all takeovers: somebody replaces our unit's gateway by hand, and it stays replaced."""

import time

from check import check, contains, equal, measured
from gateway import Hand, Profile, at_least
from installer import TREE, status
from systemd import Unit
from watch import Watch

# Longer than every restart delay of the units.
OBSERVED = 60


def replace(profile: Profile, unit: Unit, user: str | None = None, extra_starts: int = 1, wait_s: float = 60) -> Hand:
    """Run `gateway run --replace` by hand; the hand-started gateway wins, and our unit does not come back for a minute.

    `extra_starts` is how often systemd may try: it cannot know of a takeover that ends in a kill, and the launcher can.
    """
    before = unit.starts()
    old = unit.pid
    with Watch(profile) as watch:
        # 0.21.4 and later take a standalone profile's own gateway for one that serves it still.
        force = ("--force",) if at_least(0, 21, 4) and profile.name != "default" else ()
        hand = profile.by_hand("--profile", profile.name, "gateway", "run", "--replace", *force, user=user)
        profile.until_up(hand.pid, seconds=wait_s)
        time.sleep(OBSERVED)
    check("never two that hold the lock", watch.most_owners <= 1, watch.owners)
    measured("seconds with two processes, the old one ending", watch.overlap())
    measured("seconds without an owner", watch.gap())
    equal("gateways on the profile at the end", profile.gateways(), [hand.pid])
    equal("gateways that ever were", sorted(watch.pids - {old, hand.pid}), [])
    check(f"our unit was started at most {extra_starts} times more", unit.starts() - before <= extra_starts, unit.starts())
    check("our unit is not about to restart", unit.show()["SubState"] in ("dead", "failed"), unit.show()["SubState"])
    shown = status(profile)
    equal("state in status", shown["state"], "owned-elsewhere")
    equal("owner in status", (shown["owner"] or {}).get("pid"), hand.pid)
    contains("the owner's command line in status", (shown["owner"] or {}).get("command", ""), "--replace")
    return hand


def down() -> str:
    """The state of a unit that declined: on NixOS no failed one, or each switch would fail."""
    return "inactive" if TREE.exists() else "failed"


def refused_once(unit: Unit, hand: Hand) -> None:
    """The one start that systemd tried ended with 69 and a sentence that names the new owner."""
    shown = unit.show()
    equal("the unit's state and exit status", (shown["ActiveState"], shown["ExecMainStatus"]), (down(), "69"))
    contains("the journal", unit.journal(), "is owned by", f"pid {hand.pid}")


def give_back(profile: Profile, unit: Unit, hand: Hand) -> None:
    """The way out works: end the other one, start the unit."""
    hand.end()
    time.sleep(12)  # Longer than a restart delay: nothing may bring the unit back by itself.
    equal("gateways after the replacement ended", profile.gateways(), [])
    unit.systemctl("start")
    profile.until_up()
    equal("gateways after the unit was started", profile.gateways(), [unit.pid])
