"""What each verb costs: seconds without a gateway, and how many of them pass before the next one's process is there; beside that a
gateway's own start. Played by hand, with `--hermes VERSION`."""

import os
import signal
import statistics
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import gateway
from cell import USER, Cell
from check import equal, measured
from gateway import Profile
from installer import hermes_install, make_older
from systemd import Unit

HERMES: list[str] = []
SECONDS = 240

TURNS = 3

T = TypeVar("T")


class Gap(threading.Thread):
    """The time from a gateway's end until the next one says that it runs."""

    def __init__(self, profile: Profile) -> None:
        super().__init__(daemon=True)
        self.profile = profile
        self.old = profile.state()["pid"]
        # All of it, and what passes before its process is started.
        self.seconds = self.before = 0.0

    def run(self) -> None:
        while _alive(self.old):
            time.sleep(0.01)
        begin = time.clock_gettime(time.CLOCK_BOOTTIME)
        while not self.up():
            time.sleep(0.01)
        self.seconds = time.clock_gettime(time.CLOCK_BOOTTIME) - begin
        fields = Path(f"/proc/{self.profile.state()['pid']}/stat").read_text().rsplit(")", 1)[1].split()
        self.before = int(fields[19]) / os.sysconf("SC_CLK_TCK") - begin

    def up(self) -> bool:
        state = self.profile.state()
        return state.get("pid") != self.old and state.get("gateway_state") in ("running", "degraded") and _alive(state["pid"])


class Costs:
    """What was measured, by verb."""

    def __init__(self) -> None:
        self.default = Profile("default", USER, f"/home/{USER}/.hermes").make()
        self.unit = Unit(self.default.unit)
        self.seconds: dict[str, list[float]] = {}

    def of(self, verb: str, change: Callable[[], T]) -> T:
        """Measure what a change costs, until the next gateway runs."""
        gap = Gap(self.default)
        gap.start()
        done = change()
        gap.join()
        self.seconds.setdefault(verb, []).append(gap.seconds)
        self.seconds.setdefault(f"{verb}, before its process", []).append(gap.before)
        return done

    def start(self) -> None:
        """A gateway of a person's, in its own time."""
        line = f"cd /tmp && HERMES_HOME={self.default.root} exec {gateway.HERMES} gateway run"
        begin = time.monotonic()
        child = subprocess.Popen(["su", "--shell=/bin/sh", USER, "--command", line], stdin=subprocess.DEVNULL)
        threading.Thread(target=child.wait, daemon=True).start()
        while not self.default.is_up(self.default.state().get("pid", 0)):
            time.sleep(0.01)
        self.seconds.setdefault("own start", []).append(time.monotonic() - begin)

    def turn(self) -> None:
        """Every verb once."""
        ours = ("--profile", "default", "--hermes", gateway.HERMES, "--run-as", USER)
        self.start()
        self.of("adopt", lambda: hermes_install("adopt", "--profile", "default", "--yes"))
        self.of("systemctl restart", lambda: self.unit.systemctl("restart"))
        self.of("systemctl reload", lambda: self.unit.systemctl("reload"))
        self.of("hermes-install restart", lambda: hermes_install("restart", "default"))
        self.of("SIGKILL", lambda: os.kill(self.unit.pid, signal.SIGKILL))
        make_older()
        self.of("upgrade", lambda: hermes_install("upgrade", "--yes"))
        self.of("takeover by hand", lambda: self.default.by_hand("gateway", "run", "--replace")).end()
        equal("uninstall ends with", hermes_install("uninstall", "--yes").code, 0)
        Cell("upstream-system", self.default).begin()
        self.of("migrate", lambda: hermes_install(*ours, "--migrate"))
        equal("gateways", self.default.gateways(), [self.unit.pid])
        equal("uninstall ends with", hermes_install("uninstall", "--yes").code, 0)


def run() -> None:
    costs = Costs()
    for _ in range(TURNS):
        costs.turn()
    measured("seconds, medians", {verb: round(statistics.median(found), 2) for verb, found in costs.seconds.items()})
    measured("seconds", {verb: [round(s, 2) for s in found] for verb, found in costs.seconds.items()})


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
