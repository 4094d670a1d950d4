"""A gateway that ends before journald has read its words, or a helper's: `start` and `why` show them all the same. An end that no
journal was kept of is told by what systemd knows."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from check import contains, equal
from gateway import Profile, fresh_account
from installer import broken_hermes, hermes_install, install
from systemd import Unit, systemctl

SECONDS = 90

SAYS = "ModuleNotFoundError"


def run() -> None:
    fresh_account()
    hermes = broken_hermes()
    told(Profile("coder"), hermes)
    told(Profile("coder", "alice", "/home/alice/.hermes"), hermes, "--user")
    writer = Profile("writer").make()
    taken_over(writer)
    not_kept(writer)


def not_kept(profile: Profile) -> None:
    """Where no journal is kept, no older end is told for the last one, whether the unit comes back or stays down."""
    unit = Unit(profile.unit)
    unit.systemctl("stop")
    conf = Path("/etc/systemd/journald.conf.d/none.conf")
    conf.parent.mkdir(exist_ok=True)
    conf.write_text("[Journal]\nStorage=none\n")
    systemctl("restart", "systemd-journald.service")
    unit.systemctl("start")
    pid = profile.until_up()
    os.kill(pid, signal.SIGKILL)
    profile.until_up(after=pid)
    contains("why of one that came back", hermes_install("why", profile.name).out, "runs now", "1 time, and the journal has no entry")
    drop_in = Path(f"/run/systemd/system/{profile.unit}.d/once.conf")
    drop_in.parent.mkdir(parents=True, exist_ok=True)
    drop_in.write_text("[Service]\nRestart=no\n")
    systemctl("daemon-reload")
    os.kill(unit.pid, signal.SIGKILL)
    unit.until_active_state("failed")
    contains("why of one that is down", hermes_install("why", profile.name).out, "SIGKILL, as systemd knows; the journal has no entry")


def taken_over(profile: Profile) -> None:
    """What the unit's own helper says of a takeover is told when the unit has ended long ago, and whoever took it, too."""
    equal("install ends with", install(profile).code, 0)
    unit = Unit(profile.unit)
    with journald_behind(unit, "inactive"):
        hand = profile.by_hand("--profile", profile.name, "gateway", "run", "--replace")
        profile.until_up(hand.pid)
        unit.until_active_state("inactive")
    hand.end()
    unit.systemctl("start")
    profile.until_up()
    contains("why", hermes_install("why", profile.name).out, "without an error", f"pid {hand.pid} of `hermes`", "takes the profile over")


def told(profile: Profile, hermes: str, *scope: str) -> None:
    """Of one scope."""
    user = profile.user if scope else "root"
    profile.make()
    equal("install ends with", install(profile, *scope, "--no-start", user=user).code, 0)
    unit = Unit(profile.unit, user=profile.user if scope else None)
    drop_in = Path(f"/etc/systemd/{'user' if scope else 'system'}/{profile.unit}.d/quick.conf")
    drop_in.parent.mkdir(parents=True, exist_ok=True)
    drop_in.write_text(f"[Service]\nRestart=no\nEnvironment=HERMES_INSTALL_HERMES={hermes}\n")
    systemctl("daemon-reload", user=unit.user)
    with journald_behind(unit):
        started = hermes_install("start", *scope, profile.name, user=user)
    equal("start ends with", started.code, 1)
    contains("start", started.err, "exit status 1", SAYS)
    why = hermes_install("why", *scope, profile.name, user=user)
    contains("why", why.out, "exit status 1", SAYS)


@contextmanager
def journald_behind(unit: Unit, state: str = "failed") -> Iterator[None]:
    """It reads nothing until the unit has failed, or ended otherwise."""
    journald = Unit("systemd-journald.service").pid

    def go_on() -> None:
        try:
            unit.until_active_state(state)
        finally:
            os.kill(journald, signal.SIGCONT)

    os.kill(journald, signal.SIGSTOP)
    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        thread.join()
