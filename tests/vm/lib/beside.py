"""A gateway of one unit on a host of its own, taken over by hand: who runs it, second by second."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from . import booted

# The ID of the journal's "unit started" (sd-messages.h).
STARTED = "MESSAGE_ID=39f53479d3a045ac8e11786248231fbf"

# Who runs the gateway in a second of the picture.
HAND, UNIT, BOTH, NOBODY = "h", "u", "2", "."


@dataclass
class Host:
    """A throw-away system with one unit, as the account and in the home where that unit's gateway runs."""

    title: str
    guest: booted.Guest
    unit: str
    account: str
    home: Path
    # The home as this process sees it.
    seen: Path
    hand: int = 0
    before: int = 0
    # A letter for each second since the takeover.
    line: str = field(default="", init=False)

    def running(self) -> int | None:
        """The process that says that it is the gateway and runs."""
        try:
            says = json.loads((self.seen / "gateway_state.json").read_text())
        except (FileNotFoundError, ValueError):
            return None
        return says["pid"] if says.get("gateway_state") == "running" else None

    def until_running(self, after: int | None = None) -> int:
        """The gateway that runs, another than the one before."""
        return booted.until(f"a gateway under {self.title}", lambda: pid if (pid := self.running()) != after else None)

    def started(self) -> int:
        """How often systemd has started the unit since boot."""
        return len(self.guest.ask("journalctl", "-q", "--no-pager", "-o", "cat", f"UNIT={self.unit}", STARTED).splitlines())

    def take_over(self, *options: str) -> None:
        """Replace the gateway by hand, as its account, and wait until that one runs."""
        first = self.until_running()
        self.before = self.started()
        command = " ".join(["hermes gateway run --replace", *options])
        print(f"{self.account}@guest$ {command} &", flush=True)
        self.guest.login(self.account, f"HERMES_HOME={self.home} {command} >/tmp/by-hand.log 2>&1 &")
        self.hand = self.until_running(after=first)

    def look(self) -> None:
        """Add a second to the line."""
        found = self.gateways()
        by_hand = self.hand in found
        by_unit = any(pid != self.hand for pid in found)
        self.line += BOTH if by_hand and by_unit else HAND if by_hand else UNIT if by_unit else NOBODY

    def gateways(self) -> list[int]:
        """Processes that are a gateway or about to be one."""
        return [int(pid) for pid in self.guest.ask("pgrep", "--full", "hermes.* gateway run").split()]

    def starts(self) -> int:
        """How often systemd has started the unit since the takeover."""
        return self.started() - self.before

    def is_left_alone(self) -> bool:
        """Does the gateway by hand run, alone, as if there were no unit?"""
        return self.starts() == 0 and set(self.line) <= {HAND} and self.gateways() == [self.hand]


def picture(hosts: list[Host]) -> str:
    """What happened, a letter for each second."""
    width = max(len(host.title) for host in hosts)
    seconds = max(len(host.line) for host in hosts)
    ruler = "".join(f"{second:<10}" for second in range(0, seconds, 10))
    lines = [f"{'seconds':{width}}  {ruler}".rstrip()]
    lines += [f"{host.title:{width}}  {host.line}  {_times(host.starts())}" for host in hosts]
    lines += [f"{'':{width}}  {HAND}: yours runs, alone      {BOTH}: systemd starts one beside it"]
    lines += [f"{'':{width}}  {UNIT}: only systemd's runs    {NOBODY}: none runs"]
    return "\n".join(lines)


def _times(starts: int) -> str:
    return {0: "not started again", 1: "started once more"}.get(starts, f"started {starts} times more")
