"""The RPM package under load: two gateways through an upgrade and a downgrade, a stopped one stays, removal, return."""

import lifecycle
from check import check, equal
from installer import difference
from package import rpm_manager

PACKAGES = ["rpm"]
SECONDS = 150


def run() -> None:
    manager = rpm_manager()
    manager.set_up()
    profiles = lifecycle.up_and_down(manager)

    before = lifecycle.configuration()
    manager.remove()
    lifecycle.removed(profiles)
    gone = difference(before, lifecycle.configuration())
    equal("configuration beside enablement that changed", [d for d in gone if ".target.wants" not in d], [])
    check("a removal disables all instances, as it does on rpm distributions", len(gone) >= 3, gone)

    # An rpm distribution starts nothing by itself, and what was configured is still there.
    manager.install(manager.versions.new)
    equal("instances that are not at rest", lifecycle.instances(), [])
    for profile in profiles:
        lifecycle.set_up(profile)
