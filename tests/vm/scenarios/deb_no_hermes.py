"""The Debian package without a hermes: an enabled instance fails once with 78 and says what to do, also through an upgrade."""

import time

import lifecycle
from check import contains, equal
from gateway import Profile
from package import Apt
from systemd import Unit, systemctl

PACKAGES = ["deb"]
SECONDS = 40


def run() -> None:
    apt = Apt()
    apt.set_up()
    lifecycle.first_install(apt, apt.versions.before)
    unit = Unit(Profile("default").make().unit)
    systemctl("enable", unit.name)
    unit.systemctl("start", check=False)
    unit.until_active_state("failed")
    time.sleep(15)  # Longer than a restart delay: nothing may try again.
    apt.install(apt.versions.new)
    shown = unit.show()
    equal("state, exit status", (shown["ActiveState"], shown["ExecMainStatus"]), ("failed", "78"))
    equal("starts", unit.starts(), 1)
    contains("the journal", unit.journal(), "no hermes executable: looked for", "/opt/hermes/bin/hermes", "--hermes PATH")
    lifecycle.link_hermes()
    unit.systemctl("start")
    lifecycle.runs(Profile("default"))
