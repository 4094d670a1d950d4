"""What the scenarios found: a line while they run, results.json and a Markdown table at the end."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path


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


def write(out: Path, results: list[Result]) -> None:
    """results.json and table.md."""
    results = sorted(results, key=lambda r: r.name)
    (out / "results.json").write_text(json.dumps([asdict(r) for r in results], indent=2) + "\n")
    lines = ["| scenario | suite | hermes | checks | result | seconds |", "|---|---|---|---|---|---|"]
    for r in results:
        verdict = "passed" if r.passed else "failed: " + "; ".join(r.failures)
        lines.append(f"| {r.scenario} | {r.suite} | {r.hermes} | {r.good} | {verdict} | {r.seconds} |")
    (out / "table.md").write_text("\n".join(lines) + "\n")
