"""The Debian package: installing starts nothing, then two ways lead to a running gateway with the package's own units."""

from check import check, contains, equal
from gateway import Profile
from installer import hermes_install
from lifecycle import first_install, link_hermes, runs, set_up
from package import Apt
from systemd import Unit, systemctl

PACKAGES = ["deb"]
SECONDS = 40


def run() -> None:
    apt = Apt()
    apt.set_up()
    first_install(apt, apt.versions.new)
    set_up(Profile("default").make())

    link_hermes()
    coder = Profile("coder").make()
    systemctl("enable", "--now", coder.unit)
    runs(coder)
    # Of what systemctl enabled there is no receipt.
    before = Unit(coder.unit).pid
    equal("restart ends with", hermes_install("restart", "coder").code, 0)
    check("it is another gateway", coder.until_up() != before, before)
    contains("why the one before ended", hermes_install("why", "coder").out, "coder: runs now", "a planned restart")
    equal("enablement", Unit(coder.unit).show()["UnitFileState"], "enabled")
    check("the target starts what is enabled at boot", coder.unit in systemctl("list-dependencies", "hermes-gateway.target"))
