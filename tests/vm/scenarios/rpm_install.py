"""The RPM package: installing starts nothing, then two ways lead to a running gateway with the package's own units."""

from check import equal
from gateway import Profile
from lifecycle import first_install, link_hermes, runs, set_up
from package import rpm_manager
from systemd import Unit, systemctl

BACKENDS = ["container", "cloud"]
PACKAGES = ["rpm"]
SECONDS = 60


def run() -> None:
    manager = rpm_manager()
    manager.set_up()
    first_install(manager, manager.versions.new)
    equal("what differs from the package", manager.run("rpm", "--verify", "hermes-gateway").out, "")
    set_up(Profile("default").make())

    link_hermes()
    coder = Profile("coder").make()
    systemctl("enable", "--now", coder.unit)
    runs(coder)
    equal("enablement", Unit(coder.unit).show()["UnitFileState"], "enabled")
