"""A gateway that does not come up: files, enablement and activity go back, and the last journal lines are shown."""

from check import check, contains, equal
from gateway import Profile, fresh_account
from installer import broken_hermes, difference, hermes_install, install, snapshot
from systemd import Unit

SECONDS = 60


def run() -> None:
    fresh_account()
    broken = broken_hermes()
    default = Profile("default")
    before = snapshot("var/lib/hermes")
    failed = hermes_install("--profile", "default", "--hermes", broken)
    equal("install ends with", failed.code, 1)
    contains("the error", failed.err, "exit status 1", "ModuleNotFoundError", "everything is as it was before")
    equal("what is left", difference(before, snapshot("var/lib/hermes")), [])
    unit = Unit(default.unit)
    equal("the unit", unit.show()["LoadState"], "not-found")

    # Now with a good one running: a change that fails leaves the good one running.
    equal("a good install ends with", install(default).code, 0)
    files = snapshot("var/lib/hermes")
    failed = hermes_install("--profile", "default", "--hermes", broken, "--yes")
    equal("a change that cannot work ends with", failed.code, 1)
    equal("files after it", difference(files, snapshot("var/lib/hermes")), [])
    default.until_up()
    equal("state and result after it", unit.states, ("active", "success"))
    equal("gateways after it", default.gateways(), [unit.pid])
    check("it is still enabled", unit.show()["UnitFileState"] == "enabled")

    missing = hermes_install("--profile", "default", "--hermes", "/opt/nowhere/hermes")
    equal("a hermes that does not exist ends with", missing.code, 3)
    contains("its refusal", missing.err, "`--hermes /opt/nowhere/hermes` does not exist")
    equal("gateways all the while", default.gateways(), [unit.pid])
