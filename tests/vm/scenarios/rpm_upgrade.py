"""The RPM package under load: three gateways, one a tenant's, through an upgrade and a downgrade, a stopped one stays, removal,
return, and the removal of all that the tenant had in /etc."""

import os
import pwd
from pathlib import Path

import lifecycle
from check import check, equal
from installer import difference, hermes_install
from package import rpm_manager

PACKAGES = ["rpm"]
SECONDS = 150


def run() -> None:
    manager = rpm_manager()
    manager.set_up()
    profiles = lifecycle.up_and_down(manager)

    before = lifecycle.configuration()
    lifecycle.one_failed()
    manager.remove()
    lifecycle.removed(profiles)
    apart = profiles[-1]
    declared = lifecycle.declarations(apart)
    equal("what declares the tenant, after a removal", [path for path in declared if os.path.exists(path)], declared)
    equal("whose its data are", apart.home.owner(), apart.user)
    gone = difference(before, lifecycle.configuration())
    equal("configuration beside enablement that changed", [d for d in gone if ".target.wants" not in d], [])
    check("a removal disables all instances, as it does on rpm distributions", len(gone) >= 3, gone)

    # An rpm distribution starts nothing by itself, and what was configured is still there.
    manager.install(manager.versions.new)
    equal("instances that are not at rest", lifecycle.instances(), [])
    for profile in profiles:
        lifecycle.set_up(profile)

    # No package manager of this kind purges; this is what takes a profile out of /etc.
    equal("uninstall of the tenant ends with", hermes_install("uninstall", "--profile", apart.name, "--yes").code, 0)
    equal("gateways of it", apart.gateways(), [])
    manager.purge()
    lifecycle.removed(profiles)
    units = Path("/etc/systemd/system")
    left = [*declared, *map(str, units.rglob(f"*@{apart.name}.*"))]
    equal("what of the tenant is left in /etc", [path for path in left if os.path.lexists(path)], [])
    equal("its account and data stay", (pwd.getpwnam(apart.user).pw_dir, apart.home.owner()), (str(apart.home.parent), apart.user))
