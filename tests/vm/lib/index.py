"""A package index for guests without a network: the library of Telegram that a hermes wants, and everything that it needs,
in the versions that this hermes has already, as its constraints ask for them.
"""

import re
from pathlib import Path

from . import environments, roots


def place(cache: Path, suite: str, version: str) -> Path:
    """A directory of wheels for an environment."""
    environment = environments.environment(cache, suite, version)

    def build(place: Path) -> None:
        place.mkdir()
        library = next((environment / "wheels").glob("python_telegram_bot-*.whl"))
        constraints = place / "constraints.txt"
        found = (re.match(r"(.+)-(.+)\.dist-info$", info.name) for info in environment.glob("lib/python*/site-packages/*.dist-info"))
        pins = {match[1]: match[2] for match in found if match and match[1] not in ("hermes_agent", "pip", "setuptools")}
        constraints.write_text("".join(f"{name}=={number}\n" for name, number in sorted(pins.items())))
        wanted = f"python-telegram-bot[webhooks]=={library.name.split('-')[1]}"
        environments.download(suite, place, f"--constraint={constraints}", wanted)
        constraints.unlink()

    return roots.cached(cache, f"index-{version}-{suite}", [str(environment), Path(__file__).read_text()], build)
