"""A scenario file: one behaviour, found by listing the directory. Its docstring's first line says which."""

import ast
from dataclasses import dataclass, replace
from pathlib import Path

# Who runs a profile at first in the takeover matrix, by the policy of the units in play. Those that are compared have the same
# place in each list.
FIRSTS = {
    "ours": ["our-system", "our-user", "hand-beside-ours", "our-named", "our-host", "our-tenant"],
    "upstream": ["upstream-system", "upstream-user", "hand-beside-upstream", "upstream-named", "upstream-host"],
    # Upstream's units under the guard, which was there before they were.
    "guarded": ["guarded-system", "guarded-user", "hand-beside-guarded", "guarded-named", "guarded-host"],
}

# Since then the gateway of the default profile serves the named ones, too.
HOST_SINCE = (0, 21, 4)

# Gateways of the matrix; of the part of it that is run all the time, an old one and the newest.
VERSIONS = ["0.13.0", "0.15.2", "0.16.0", "0.17.0", "0.18.2", "0.19.0", "0.20.6", "0.21.3", "0.21.5", "0.22.2", "0.22.2-store"]
SUBSET_VERSIONS = ["0.15.2", "0.22.2"]

# What a scenario's file may say of itself.
CONSTANTS = ("BACKENDS", "BOOTS", "FIRSTS", "HERMES", "INDEX", "PACKAGES", "SECONDS", "SUBSET", "SUBSET_HERMES")


@dataclass(frozen=True)
class Scenario:
    """What the host needs to know of a scenario, or of one cell of the matrix, without running it."""

    name: str
    # Below the harness.
    path: Path
    summary: str
    hermes: list[str]
    # Those that can show it; when there are none, the container and, if asked for, qemu.
    backends: list[str]
    boots: int
    seconds: int
    # Kinds of packages of which it needs a repository.
    packages: tuple[str, ...] = ()
    # Whether it needs an index of what pip installs.
    index: bool = False
    first: str | None = None

    @property
    def is_cell(self) -> bool:
        """Whether it is one of the takeover matrix."""
        return self.first is not None


def scenarios(directory: Path, versions: list[str] | None) -> list[Scenario]:
    """All scenarios, by name; with other gateways than their own, if these are named."""
    found = [_read(path, {"HERMES": ["0.19.0"], "SECONDS": 30})[0] for path in sorted(directory.glob("*.py"))]
    return [replace(scenario, hermes=versions or scenario.hermes) for scenario in found]


def cells(directory: Path, policies: list[str], versions: list[str] | None, subset: bool) -> list[Scenario]:
    """The cells of the matrix: every event with everyone that may run at first, and the gateways that can show it."""
    asked = versions or (SUBSET_VERSIONS if subset else VERSIONS)
    found = []
    for path in sorted(directory.glob("*.py")):
        event, constants = _read(path, {"HERMES": asked, "SECONDS": 110})
        played = constants.get("SUBSET_HERMES", asked) if subset and not versions else asked
        hermes = [version for version in played if version in event.hermes]
        for policy in policies:
            for first in FIRSTS[policy]:
                kinds = constants.get("FIRSTS", ["our", "upstream", "hand"])
                meant = any(first.replace("guarded-", "upstream-").startswith(kind) for kind in kinds)
                able = [version for version in hermes if not first.endswith("-host") or number(version) >= HOST_SINCE]
                if able and (first in constants.get("SUBSET", []) if subset else meant):
                    found.append(replace(event, name=f"{event.name}@{first}", first=first, hermes=able))
    return found


def policy_of(first: str) -> str:
    """Whose units are in play where this one runs at first."""
    return next(policy for policy, firsts in FIRSTS.items() if first in firsts)


def like_ours(first: str) -> str:
    """What runs at first in the cell of ours that this one is to be compared with."""
    return FIRSTS["ours"][FIRSTS[policy_of(first)].index(first)]


def number(version: str) -> tuple[int, ...]:
    """What a gateway's version is compared by."""
    return tuple(int(part) for part in version.split("-")[0].split("."))


def _read(path: Path, defaults: dict) -> tuple[Scenario, dict]:
    """A file's docstring and constants; it runs in the guest only."""
    tree = ast.parse(path.read_text(), str(path))
    constants = defaults | {
        target.id: ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name) and target.id in CONSTANTS
    }
    scenario = Scenario(
        name=path.stem,
        path=Path(path.parent.name) / path.name,
        summary=(ast.get_docstring(tree) or "").split("\n")[0],
        hermes=constants["HERMES"],
        backends=constants.get("BACKENDS", []),
        boots=constants.get("BOOTS", 1),
        seconds=constants["SECONDS"],
        packages=tuple(constants.get("PACKAGES", ())),
        index=constants.get("INDEX", False),
    )
    return scenario, constants
