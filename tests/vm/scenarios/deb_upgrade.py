"""The Debian package under load: three gateways, one a tenant's, through an upgrade and a downgrade, a stopped one stays, then
remove to purge, after which the tenant can come back, or go for good by the command that purge prints."""

import pwd
import re

import lifecycle
from check import check, contains, equal
from gateway import Profile
from installer import difference, shell
from package import Apt

PACKAGES = ["deb"]
SECONDS = 120


def run() -> None:
    apt = Apt()
    apt.set_up()
    empty = lifecycle.configuration()
    profiles = lifecycle.up_and_down(apt)

    before = lifecycle.configuration()
    lifecycle.one_failed()
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
    after_purge(apt, profiles[-1])


def after_purge(apt: Apt, tenant: Profile) -> None:
    """A tenant's account and data are what they were; the next installation has both, and an admin's decision ends them."""
    account = pwd.getpwnam(tenant.user)
    config = (tenant.home / "config.yaml").read_text()
    equal("whose the tenant's data are", {p.owner() for p in (tenant.root, *tenant.root.rglob("*"))}, {tenant.user})
    apt.install(apt.versions.new)
    equal("instances after the package came back", lifecycle.instances(), [])
    lifecycle.set_up(tenant)
    equal("the tenant's account", pwd.getpwnam(tenant.user), account)
    equal("its configuration", (tenant.home / "config.yaml").read_text(), config)

    said = apt.purge().out
    equal("gateways of the tenant", tenant.gateways(), [])
    commands = re.findall(r"if nobody needs them: (.*)", said)
    contains("what purge says", "\n".join(commands), "rm -r /var/lib/hermes && userdel hermes", f"&& userdel {tenant.user}")
    for command in commands:
        shell("sh", "-euxc", command)
    for name in ("passwd", "group"):
        check(f"no account is left in /etc/{name}", "hermes" not in shell("getent", name))
    equal("what is left of data", shell("find", "/var/lib", "-name", "hermes*"), "")
