"""What people type: after `hermes gateway restart` it runs anew, after `stop` it stays down, `start` does no harm."""

import time

import gateway
import wait
from check import check, equal
from gateway import Profile, at_least
from installer import hermes_install
from systemd import Unit, as_user

HERMES = ["0.22.2"]
SECONDS = 300

# Longer than the restart delay of the units after one end, and than the 15 s that the command waits.
OBSERVED = 25


def run() -> None:
    for scope, args, user in (("user", ("--user",), "alice"), ("system", ("--system", "--run-as", "alice"), "root")):
        play(scope, args, user)


def play(scope: str, args: tuple[str, ...], user: str) -> None:
    default = Profile("default", "alice", "/home/alice/.hermes").make()
    unit = Unit(default.unit, user="alice" if scope == "user" else None)
    done = hermes_install("--profile", "default", "--hermes", gateway.HERMES, *args, user=user)
    equal(f"{scope}: install ends with", done.code, 0)
    pid = unit.pid
    typed("restart")
    time.sleep(OBSERVED)
    # Before 0.21.4 it leaves alone what a system unit runs, and asks for lingering.
    is_renewed = scope == "user" or at_least(0, 21, 4)

    def settled() -> bool:
        # While the unit's delay goes by, the command is the only process of hermes, and no gateway.
        gateways = default.gateways()
        return len(gateways) == 1 and gateways == default.owners() and (gateways != [pid] or not is_renewed)

    wait.until(f"{scope}: one gateway, another one, after `gateway restart`", settled, 90)
    unit.systemctl("reset-failed", check=False)
    if default.gateways() != [unit.pid]:
        # Up to 0.19 the command goes on as a gateway of its own.
        as_user("alice", gateway.HERMES, "gateway", "stop")
        wait.until("that one to end", lambda: not default.gateways())
        unit.systemctl("start")
        default.until_up()

    typed("stop")
    wait.until("it to end", lambda: not default.gateways(), 90)
    time.sleep(OBSERVED)
    equal(f"{scope}: gateways after `gateway stop`", default.gateways(), [])
    equal(f"{scope}: the unit after it", unit.states[0], "inactive")
    typed("start")
    time.sleep(OBSERVED)
    check(f"{scope}: at most one after `gateway start`", len(default.gateways()) <= 1, default.gateways())
    as_user("alice", gateway.HERMES, "gateway", "stop")
    wait.until("none to run", lambda: not default.gateways(), 90)
    unit.systemctl("start")
    default.until_up()
    equal(f"{scope}: gateways after the unit's start", default.gateways(), [unit.pid])
    hermes_install("uninstall", "--yes", user=user)


def typed(verb: str) -> None:
    """`hermes gateway VERB`, as alice types it, to its end or until it has become a gateway."""
    Profile("default", "alice", "/home/alice/.hermes").by_hand("gateway", verb)
