"""The RPM package under zypper: installation, upgrade, downgrade and removal are those of dnf."""

import lifecycle
from package import Zypper

BACKENDS = ["container"]
PACKAGES = ["rpm"]
SECONDS = 120


def run() -> None:
    zypper = Zypper()
    zypper.set_up()
    profiles = lifecycle.up_and_down(zypper)
    zypper.remove()
    lifecycle.removed(profiles)
