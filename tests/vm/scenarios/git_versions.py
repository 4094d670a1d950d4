"""A checkout prints its version as git describes it: known, or taken for the newest with a warning, and never refused."""

from pathlib import Path

from check import check, contains, equal
from gateway import HERMES as PROGRAM
from gateway import Profile
from installer import hermes_install
from systemd import Unit

HERMES = ["0.22.2"]
SECONDS = 100

# What it prints, and whether that says which version it is.
PRINTED = {
    "Hermes Agent v0.22.2+5.gabc1234 (2026.9.24)": True,
    "Hermes Agent v0.22.2+5.gabc1234.dirty (2026.9.24)": True,
    "Hermes Agent v0.22.2.post1 (2026.9.24)": True,
    "Hermes Agent vgit.abc1234 (2026.9.24)": False,
    "Hermes Agent vgit.abc1234.dirty (2026.9.24)": False,
    "Hermes Agent v99.1.0 (2036.9.24)": False,
}


def run() -> None:
    default = Profile("default")
    hermes = Path("/opt/checkout/hermes")
    hermes.parent.mkdir()
    for printed, known in PRINTED.items():
        hermes.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo "{printed}" && exit 0\nexec {PROGRAM} "$@"\n')
        hermes.chmod(0o755)
        done = hermes_install("--profile", "default", "--hermes", str(hermes))
        equal(f"`{printed}`: install ends with", done.code, 0)
        check(f"`{printed}`: it says nothing of repairing", "repair" not in done.text, done.text)
        equal(f"`{printed}`: gateways", default.gateways(), [Unit(default.unit).pid])
        if not known:
            contains(f"`{printed}`: a warning", done.err, "warning", "newer than")
        hermes_install("uninstall", "--yes")
