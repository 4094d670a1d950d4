"""What the scenarios found: a line while they run, results.json and a Markdown table at the end."""

import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from .case import Case
from .scenario import FIRSTS, like_ours, number, policy_of


@dataclass
class Result:
    """What came of one case."""

    name: str
    scenario: str
    suite: str
    hermes: str
    backend: str
    good: int
    failures: list[str]
    seconds: float
    measured: dict[str, Any] = field(default_factory=dict)
    # Processor time of a container, all its boots.
    cpu_seconds: float = 0.0
    # What failed when it was played beside others; then it was played again, alone.
    first: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Passed means that something was checked and nothing failed."""
        return not self.failures and self.good > 0

    @classmethod
    def read(cls, case: Case, code: int, troubles: list[str], seconds: float) -> "Result":
        """From the files that the guest left, and what the host has to say against it."""
        good, failures, measured = 0, [*troubles], {}
        try:
            for line in (case.out / "checks.jsonl").read_text().splitlines():
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
        name, seconds = case.scenario.name, round(seconds, 1)
        cpu = sum(float(file.read_text()) for file in case.out.glob("cpu.*"))
        return cls(case.name, name, case.suite, case.hermes, case.backend, good, failures, seconds, measured, round(cpu, 1))

    def line(self) -> str:
        """For people who watch."""
        word = "ok  " if self.passed else "FAIL"
        return f"{word}  {self.name}  {self.good} checks, {self.seconds:.0f} s"

    def unsteady(self) -> str:
        """One that failed beside others and passed alone."""
        return f"unsteady: {self.name} failed beside others and passed alone: {'; '.join(self.first)}"


class Record:
    """The results of a run as they come, so that one that was cut short can be taken up."""

    def __init__(self, out: Path, resume: bool) -> None:
        self.path = out / "results.jsonl"
        self.known = {}
        if resume and self.path.exists():
            found = [Result(**json.loads(line)) for line in self.path.read_text().splitlines()]
            self.known = {result.name: result for result in found if result.passed}
        self.path.write_text("".join(json.dumps(asdict(result)) + "\n" for result in self.known.values()))

    def add(self, result: Result) -> None:
        """Write one down."""
        with self.path.open("a") as file:
            file.write(json.dumps(asdict(result)) + "\n")


def write(out: Path, results: list[Result]) -> None:
    """results.json, table.md and, when cells of the matrix were played, matrix.md."""
    results = sorted(results, key=lambda r: r.name)
    (out / "results.json").write_text(json.dumps([asdict(r) for r in results], indent=2) + "\n")
    lines = ["| scenario | suite | hermes | backend | checks | result | seconds | of a processor |", "|---|---|---|---|---|---|---|---|"]
    for r in results:
        verdict = ("passed alone" if r.first else "passed") if r.passed else "failed: " + "; ".join(r.failures)
        lines.append(f"| {r.scenario} | {r.suite} | {r.hermes} | {r.backend} | {r.good} | {verdict} | {r.seconds} | {r.cpu_seconds} |")
    (out / "table.md").write_text("\n".join(lines) + "\n")
    cells = [r for r in results if "@" in r.scenario]
    if cells:
        (out / "matrix.md").write_text(_matrix(cells))


INTRODUCTION = """# The takeover matrix

A cell is who runs a profile's gateway at first × what happens to it. Each was played on a real
systemd with real gateways, and observed for 90 s.

* *our-…* is this project's unit.
* *upstream-…* is the one that `hermes gateway install` of that very version makes, unmodified.
* *guarded-…* is the same under the guard, which was placed before it.
* *hand-…* is a gateway that a person started beside such a unit, which is enabled and not running.
* *…-system* and *…-user* run the profile `default` in that manager.
* *…-named* runs the profile `coder`, which has a gateway of its own, in a user's manager.
* *…-host* runs the profile `default`, whose gateway serves the profile `coder` as well.
* *our-tenant* runs a profile that has an account of its own.

[tests/vm/README.md](../tests/vm/README.md) says what the verdicts mean; `tests/vm/matrix/` has what
the events do. *N s down* are the seconds without a gateway. They are from a machine that plays many
cells at a time; a quiet one has [shorter times](takeover.md). `crash_loop` and `hermes_gone` keep the
cause up for 90 s of them.
"""


def _matrix(cells: list[Result]) -> str:
    """The verdicts counted, then a table for each suite: events and who ran at first downwards, gateways across."""
    suites = sorted({r.suite for r in cells})
    hermes = ",".join(_versions(cells))
    command = " ".join(["tests/vm/run --set matrix", *(f"--suite {suite}" for suite in suites), f"--hermes {hermes}"])
    hours = sum(r.seconds for r in cells) / 3600
    lines = [INTRODUCTION, f"`{command}`, {date.today()}: {len(cells)} cells, {hours:.0f} hours if one had been played after the other.", ""]
    for policy, firsts in FIRSTS.items():
        words = Counter(_verdict(r) for r in cells if r.scenario.split("@")[1] in firsts)
        if words:
            lines.append(f"* {policy}: " + ", ".join(f"{number} {word}" for word, number in words.most_common()))
    for suite in suites:
        versions = _versions([r for r in cells if r.suite == suite])
        lines += ["", f"## {suite}", "", f"| event | first | {' | '.join(versions)} |", "|---|---|" + "---|" * len(versions)]
        found = {(r.scenario, r.hermes): _word(r) for r in cells if r.suite == suite}
        for name in sorted({name for name, _ in found}, key=_order):
            row = " | ".join(found.get((name, version), "") for version in versions)
            lines.append(f"| {' | '.join(name.split('@'))} | {row} |")
    return "\n".join(lines) + "\n"


def pairs(results: list[Result]) -> list[str]:
    """The seconds without a gateway of each cell beside those of upstream's unit in the same one, where both recovered."""
    down: dict[tuple, dict[str, float]] = {}
    for r in results:
        cell = r.measured.get("cell")
        if cell and cell["expected"] != "none" and cell["verdict"] == "safe":
            event, first = r.scenario.split("@")
            key = (event, like_ours(first).removeprefix("our-"), r.hermes, r.suite)
            down.setdefault(key, {})[policy_of(first)] = cell["without_owner_s"]
    lines = []
    for (event, where, hermes, suite), seconds in sorted(down.items()):
        upstream = seconds.pop("upstream", None)
        for policy, own in sorted(seconds.items()):
            if upstream is not None:
                ratio = f"{own / upstream:.2f}" if upstream > 0 else "none" if own == 0 else "more"
                lines.append(f"{event}, {where}, {hermes}, {suite}: {policy} {own:.1f} s, upstream's {upstream:.1f} s, ratio {ratio}")
    return lines


def _versions(cells: list[Result]) -> list[str]:
    """The gateways, the oldest first."""
    return sorted({r.hermes for r in cells}, key=lambda v: (number(v), v))


def _verdict(result: Result) -> str:
    return result.measured["cell"]["verdict"] if "cell" in result.measured else "without a record"


def _order(name: str) -> tuple[str, int]:
    event, first = name.split("@")
    return event, [f for firsts in FIRSTS.values() for f in firsts].index(first)


def _word(result: Result) -> str:
    """The verdict and the figures that it rests on."""
    words, cell = [_verdict(result)], result.measured.get("cell", {})
    if words == ["loops"]:
        words.append(f"{cell['starts'] + cell['other_starts']} starts")
    if cell and cell["expected"] != "none" and cell["without_owner_s"] >= 1:
        words.append(f"{cell['without_owner_s']:.0f} s down")
    # Beside ours, a unit of upstream's may loop in vain.
    if cell.get("upstream_starts"):
        words.append(f"upstream's unit: {cell['upstream_starts']} starts")
    return ", ".join(words)
