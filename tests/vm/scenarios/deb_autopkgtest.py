"""The Debian package's own tests, by autopkgtest in this system."""

from pathlib import Path

import lifecycle
from check import equal
from gateway import IDLE
from package import Apt

PACKAGES = ["deb"]
SECONDS = 60


def run() -> None:
    apt = Apt()
    apt.set_up()
    tests(apt, "smoke")
    # The other test would take hermes from PyPI, and there is no network here.
    lifecycle.link_hermes()
    Path("/var/lib/hermes/config.yaml").write_text(IDLE)
    tests(apt, "gateway")


def tests(apt: Apt, name: str) -> None:
    done = apt.run(
        *("autopkgtest", "--ignore-restrictions=isolation-container,needs-internet", f"--test-name={name}"),
        *("--no-built-binaries", str(apt.file(apt.versions.new)), f"{apt.REPOSITORY}/source/", "--", "null"),
        check=False,
    )
    equal(f"autopkgtest of {name} ends with", done.code, 0)
