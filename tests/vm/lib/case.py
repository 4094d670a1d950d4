"""One scenario, on one suite, with one gateway, on one backend."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from .scenario import Scenario


@dataclass(frozen=True)
class Case:
    """What a backend needs to play it. `harness` holds the guest's files and the program; results go below `results`.

    Of a cloud image that the run was given, `suite` is the name.
    """

    scenario: Scenario
    suite: str
    hermes: str
    backend: str
    cache: Path
    harness: Path
    results: Path
    image: Path | None = None

    @property
    def name(self) -> str:
        """Names its results and its directory."""
        name = f"{self.scenario.name}-{self.suite}-{self.hermes}"
        return name if self.backend == "container" else f"{name}-{self.backend}"

    @property
    def out(self) -> Path:
        """The directory of what it finds."""
        return self.results / self.name

    @property
    def over(self) -> bool:
        """Whether it needs no boot more, of those that it may have."""
        return (self.out / "over").exists()

    def write(self, patience: int) -> None:
        """Tell the guest; it may wait `patience` times as long as usual."""
        self.out.mkdir(parents=True, exist_ok=True)
        told = {
            "file": str(self.scenario.path),
            "first": self.scenario.first,
            "hermes": self.hermes,
            "boots": self.scenario.boots,
            "patience": patience,
            "backend": self.backend,
            # What a scenario that is played by hand asks for.
            "asked": {name: value for name, value in os.environ.items() if name.startswith("VMCHECK_FIRE_")},
        }
        (self.out / "case.json").write_text(json.dumps(told))

    def code(self, boot: int) -> int:
        """How the guest's part of this boot ended; 0 is good."""
        try:
            return int((self.out / f"code.{boot}").read_text())
        except (FileNotFoundError, ValueError):
            return 1
