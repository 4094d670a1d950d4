"""What the scenarios found: a line while they run, results.json and a Markdown table at the end."""

import json
import sys
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path

from .scenario import FIRSTS


@dataclass
class Result:
    """One scenario on one suite with one gateway."""

    scenario: str
    suite: str
    hermes: str
    good: int
    failures: list[str]
    seconds: float
    measured: dict[str, object] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.scenario}-{self.suite}-{self.hermes}"

    @property
    def passed(self) -> bool:
        """Passed means that something was checked and nothing failed."""
        return not self.failures and self.good > 0

    @classmethod
    def read(cls, scenario: str, suite: str, hermes: str, out: Path, code: int, seconds: float) -> "Result":
        """From the files that the guest left."""
        good, failures, measured = 0, [], {}
        try:
            for line in (out / "checks.jsonl").read_text().splitlines():
                entry = json.loads(line)
                if "measured" in entry:
                    measured[entry["measured"]] = entry["value"]
                elif entry["ok"]:
                    good += 1
                else:
                    failures.append(f"{entry['check']}: {entry['detail']}")
        except FileNotFoundError:
            pass
        if code != 0 and not failures:
            failures.append(f"the scenario ended with {code}; see `log` and `console.*`")
        if good == 0 and not failures:
            failures.append("the scenario checked nothing")
        return cls(scenario, suite, hermes, good, failures, round(seconds, 1), measured)

    def line(self) -> str:
        """For people who watch."""
        word = "ok  " if self.passed else "FAIL"
        return f"{word}  {self.name}  {self.good} checks, {self.seconds:.0f} s"


def write(out: Path, results: list[Result], seconds: float) -> None:
    """results.json, table.md and, when cells of the matrix were played, matrix.md."""
    results = sorted(results, key=lambda r: r.name)
    (out / "results.json").write_text(json.dumps([asdict(r) for r in results], indent=2) + "\n")
    lines = ["| scenario | suite | hermes | checks | result | seconds |", "|---|---|---|---|---|---|"]
    for r in results:
        verdict = "passed" if r.passed else "failed: " + "; ".join(r.failures)
        lines.append(f"| {r.scenario} | {r.suite} | {r.hermes} | {r.good} | {verdict} | {r.seconds} |")
    (out / "table.md").write_text("\n".join(lines) + "\n")
    cells = [r for r in results if "@" in r.scenario]
    if cells:
        (out / "matrix.md").write_text(_matrix(cells, seconds))


def _matrix(cells: list[Result], seconds: float) -> str:
    """A table for each suite: events and who ran at first downwards, gateways across, verdicts inside."""
    lines = [
        f"`{' '.join([Path(sys.argv[0]).name, *sys.argv[1:]])}`, {date.today()}: {len(cells)} cells in {seconds / 60:.0f} minutes.",
    ]
    versions = sorted({r.hermes for r in cells}, key=lambda v: [int(n) for n in v.split(".")])
    for suite in sorted({r.suite for r in cells}):
        lines += ["", f"## {suite}", "", f"| event | first | {' | '.join(versions)} |", "|---|---|" + "---|" * len(versions)]
        found = {(r.scenario, r.hermes): _word(r) for r in cells if r.suite == suite}
        for name in sorted({name for name, _ in found}, key=_order):
            words = " | ".join(found.get((name, version), "") for version in versions)
            lines.append(f"| {' | '.join(name.split('@'))} | {words} |")
    return "\n".join(lines) + "\n"


def _order(name: str) -> tuple[str, int]:
    event, first = name.split("@")
    return event, [f for firsts in FIRSTS.values() for f in firsts].index(first)


def _word(result: Result) -> str:
    """The verdict, with the figure that it rests on when it is not `safe`."""
    cell = result.measured.get("cell")
    if not cell:
        return "no record"
    said = cell["verdict"]
    return f"{said} ({cell['starts'] + cell['other_starts']} starts)" if said == "loops" else said
