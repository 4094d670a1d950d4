"""The Debian package under load: two gateways through an upgrade and a downgrade, a stopped one stays, then remove to purge."""

import lifecycle
from check import contains, equal
from gateway import Profile
from installer import difference
from package import Apt
from systemd import Unit

PACKAGES = ["deb"]
SECONDS = 120


def run() -> None:
    apt = Apt()
    apt.set_up()
    empty = lifecycle.configuration()
    lifecycle.first_install(apt, apt.versions.before)
    default, coder, idle = Profile("default").make(), Profile("coder").make(), Profile("idle").make()
    coder.make_busy(8642)
    for profile in (default, coder, idle):
        lifecycle.set_up(profile)
    Unit(idle.unit).systemctl("stop")
    coder.keep_busy()

    lifecycle.change_version(apt, apt.versions.new, up=[default, coder], down=[idle])
    lifecycle.change_version(apt, apt.versions.before, up=[default, coder], down=[idle])

    before = lifecycle.configuration()
    apt.remove()
    lifecycle.removed([default, coder, idle])
    equal("configuration that changed", difference(before, lifecycle.configuration()), [])

    apt.install(apt.versions.new)
    for profile in (default, coder, idle):
        lifecycle.runs(profile)

    contains("what purge says", apt.purge().out, "/var/lib/hermes stays")
    lifecycle.removed([default, coder, idle])
    left = {d.split(":")[0] for d in difference(empty, lifecycle.configuration())}
    equal("what is left beside data", sorted(left - lifecycle.ACCOUNTS - {"/var/lib/hermes"}), [])
