"""A scenario file: one behaviour, found by listing the directory. Its docstring's first line says which."""

import ast
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Scenario:
    """What the host needs to know of a scenario without running it."""

    name: str
    path: Path
    summary: str
    hermes: list[str]
    boots: int
    seconds: int


def discover(directory: Path) -> list[Scenario]:
    """All scenarios, by name."""
    return [read(path) for path in sorted(directory.glob("*.py"))]


def read(path: Path) -> Scenario:
    """Read a scenario's docstring and constants; the file runs in the guest only."""
    tree = ast.parse(path.read_text(), str(path))
    constants = {
        target.id: ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name) and target.id in ("HERMES", "BOOTS", "SECONDS")
    }
    return Scenario(
        name=path.stem,
        path=path,
        summary=(ast.get_docstring(tree) or "").split("\n")[0],
        hermes=constants.get("HERMES", ["0.19.0"]),
        boots=constants.get("BOOTS", 1),
        seconds=constants.get("SECONDS", 30),
    )
