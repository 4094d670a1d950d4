"""The RPM package under load: two gateways through an upgrade and a downgrade, a stopped one stays, removal, return."""

import lifecycle
from check import check, equal
from gateway import Profile
from installer import difference
from package import Dnf
from systemd import Unit

PACKAGES = ["rpm"]
SECONDS = 150


def run() -> None:
    dnf = Dnf()
    dnf.set_up()
    lifecycle.first_install(dnf, dnf.versions.before)
    default, coder, idle = Profile("default").make(), Profile("coder").make(), Profile("idle").make()
    coder.make_busy(8642)
    for profile in (default, coder, idle):
        lifecycle.set_up(profile)
    Unit(idle.unit).systemctl("stop")
    coder.keep_busy()

    lifecycle.change_version(dnf, dnf.versions.new, up=[default, coder], down=[idle])
    lifecycle.change_version(dnf, dnf.versions.before, up=[default, coder], down=[idle])

    before = lifecycle.configuration()
    dnf.remove()
    lifecycle.removed([default, coder, idle])
    gone = difference(before, lifecycle.configuration())
    equal("configuration beside enablement that changed", [d for d in gone if ".target.wants" not in d], [])
    check("a removal disables all instances, as it does on rpm distributions", len(gone) >= 3, gone)

    # An rpm distribution starts nothing by itself, and what was configured is still there.
    dnf.install(dnf.versions.new)
    equal("instances that are not at rest", lifecycle.instances(), [])
    for profile in (default, coder, idle):
        lifecycle.set_up(profile)
