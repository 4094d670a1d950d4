"""The Debian package under load: three gateways, one a tenant's, through an upgrade and a downgrade, a stopped one stays, then
remove to purge."""

import lifecycle
from check import contains, equal
from installer import difference
from package import Apt

PACKAGES = ["deb"]
SECONDS = 120


def run() -> None:
    apt = Apt()
    apt.set_up()
    empty = lifecycle.configuration()
    profiles = lifecycle.up_and_down(apt)

    before = lifecycle.configuration()
    apt.remove()
    lifecycle.removed(profiles)
    equal("configuration that changed", difference(before, lifecycle.configuration()), [])

    apt.install(apt.versions.new)
    for profile in profiles:
        lifecycle.runs(profile)

    contains("what purge says", apt.purge().out, "/var/lib/hermes stays")
    lifecycle.removed(profiles)
    left = {d.split(":")[0] for d in difference(empty, lifecycle.configuration())}
    # The last is systemd's, empty now, and other packages may have come to use it.
    stays = lifecycle.ACCOUNTS | {"/var/lib/hermes", "/var/lib/hermes-tenants", "/etc/sysusers.d"}
    equal("what is left beside data", sorted(left - stays), [])
