"""`status` and `doctor` ask their manager as often for six profiles as for two."""

import os
from pathlib import Path

import gateway
from check import check, equal
from installer import hermes_install

SECONDS = 40

COUNTERS = Path("/usr/local/lib/counters")
COUNTED = Path("/run/counted")
LOOKS = [["status"], ["status", "--long"], ["status", "--prometheus"], ["status", "--json"], ["doctor"]]


def run() -> None:
    COUNTERS.mkdir(parents=True)
    for name in ("systemctl", "journalctl", "loginctl"):
        counter = COUNTERS / name
        counter.write_text(f'#!/bin/sh\necho "{name} $1 $2" >>{COUNTED}\nexec /usr/bin/{name} "$@"\n')
        counter.chmod(0o755)
    add("a", "b")
    few = {" ".join(look): asked(look) for look in LOOKS}
    add("c", "d", "e", "f")
    for look in LOOKS:
        equal(f"{' '.join(look)} asks as often", asked(look), few[" ".join(look)])
    check("something was asked", all(few.values()), few)


def add(*profiles: str) -> None:
    named = [word for profile in profiles for word in ("--profile", profile)]
    equal("install ends with", hermes_install(*named, "--hermes", gateway.HERMES, "--no-start").code, 0)


def asked(look: list[str]) -> list[str]:
    COUNTED.unlink(missing_ok=True)
    hermes_install(*look, env={"PATH": f"{COUNTERS}:{os.environ['PATH']}"})
    return sorted(COUNTED.read_text().splitlines()) if COUNTED.exists() else []
