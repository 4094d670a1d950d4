"""A profile's gateways and their owners while something happens."""

import os
import threading
from pathlib import Path

import wait
from gateway import Profile
from processes import scan


class Watch:
    """Samples the gateways of a profile and their owners every 200 ms while a `with` block runs."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.samples: list[tuple[list[int], list[int]]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while not self._stop.is_set():
            found = scan()
            pids = [pid for pid, home in found.items() if home == self.profile.home]
            self.samples.append((pids, [pid for pid in found if self.profile.is_owner(pid)]))
            self._stop.wait(0.2)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def pids(self) -> set[int]:
        """Every gateway that was seen."""
        return {pid for pids, _ in self.samples for pid in pids}

    @property
    def owners(self) -> list[int]:
        """Every gateway that held the lock, in order, one that got it back once more."""
        changes: list[int] = []
        for _, owners in self.samples:
            changes += [pid for pid in owners if changes[-1:] != [pid]]
        return changes

    @property
    def most_owners(self) -> int:
        """The most that held the lock at one time."""
        return max(len(owners) for _, owners in self.samples)

    def overlap(self) -> float:
        """The longest time with more than one process, one of them ending or waiting, in seconds."""
        longest = run = 0
        for pids, _ in self.samples:
            run = run + 1 if len(pids) > 1 else 0
            longest = max(longest, run)
        return round(0.2 * longest, 1)

    def gap(self) -> float:
        """Seconds without an owner."""
        return round(0.2 * sum(not owners for _, owners in self.samples), 1)


def until_settled(pid: int) -> None:
    """Wait until a gateway has done with its start: 0.22 works on for seconds after it says that it runs, and whoever stops
    it meanwhile waits for that work.
    """
    seen = [_processor_time(pid) - 1]

    def quiet() -> bool:
        seen.append(_processor_time(pid))
        return seen[-1] - seen[-2] < 0.05

    wait.until(f"pid {pid} to have settled", quiet, every=1)


def _processor_time(pid: int) -> float:
    """Seconds of a processor that a process has taken; none once it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
