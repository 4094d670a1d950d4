"""The Debian package under load: three gateways, one a tenant's, through an upgrade and a downgrade, a stopped one stays, then
remove to purge, after which the tenant can come back, or go for good by the command that purge prints."""

import pwd
import re
from pathlib import Path

import lifecycle
from check import check, contains, equal
from gateway import HERMES, Profile
from installer import difference, hermes_install, shell
from package import Apt
from systemd import Unit

PACKAGES = ["deb"]
SECONDS = 120


def run() -> None:
    apt = Apt()
    apt.set_up()
    empty = lifecycle.configuration()
    profiles = lifecycle.up_and_down(apt)
    hermes_gone(apt, profiles[0])

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


def hermes_gone(apt: Apt, default: Profile) -> None:
    """A bot whose hermes is gone runs on through an upgrade: it could not come back. It is restarted when hermes is there again."""
    link, unit = Path("/opt/gone/hermes"), Unit(default.unit)
    link.parent.mkdir()
    link.symlink_to(HERMES)
    equal("install of a hermes by a link ends with", hermes_install("--profile", "default", "--hermes", str(link), "--yes").code, 0)
    pid = unit.pid
    link.unlink()
    contains("what the upgrade says", apt.install(apt.versions.new).text, "`hermes-gateway@default.service` could not start again")
    equal("gateways of the bot without a hermes", default.gateways(), [pid])
    link.symlink_to(HERMES)
    apt.install(apt.versions.before)
    default.until_up(after=pid)


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
