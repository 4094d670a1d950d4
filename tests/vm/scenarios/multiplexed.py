"""One gateway per host, as hermes has it since 0.21.4: `coder` is served by that of `default`, and no order of starts loops."""

import time

import wait
from check import check, contains, equal
from gateway import Profile
from installer import hermes_install, install
from systemd import Unit

HERMES: list[str] = []  # 0.22.2, as soon as the program knows of served profiles
SECONDS = 240

# Longer than several restart delays of the units.
OBSERVED = 60


def run() -> None:
    default, coder = Profile("default"), Profile("coder")
    equal("install of default ends with", install(default).code, 0)
    coder.make(standalone=False)
    unit, own = Unit(default.unit), Unit(coder.unit)

    done = install(coder)
    equal("install of coder ends with", done.code, 0)
    contains("what it says", done.text, "served by")
    wait.until("the record to say that coder is served", lambda: "coder" in served(default), 90)
    no_second("after install", default, coder, own)
    text = hermes_install("status").out
    contains("status", text, "coder", "served by")
    equal("doctor ends with", hermes_install("doctor").code, 0)
    equal("a second install ends with", install(coder).code, 0)

    # Somebody starts its own unit all the same.
    own.systemctl("start", check=False)
    no_second("after a start of its own unit", default, coder, own)
    # And at boot, in either order.
    for name, first, second in (("default first", unit, own), ("coder first", own, unit)):
        for each in (unit, own):
            each.systemctl("stop", check=False)
            each.systemctl("reset-failed", check=False)
        first.systemctl("start", check=False)
        second.systemctl("start", check=False)
        no_second(name, default, coder, own)
        wait.until(f"{name}: coder to be served", lambda: "coder" in served(default), 90)

    done = hermes_install("uninstall", "--profile", "coder", "--yes")
    equal("uninstall of coder ends with", done.code, 0)
    equal("the gateway of default runs on", default.gateways(), [unit.pid])


def served(default: Profile) -> list[str]:
    """The profiles that the gateway of the root says it serves."""
    return default.state().get("served_profiles") or []


def no_second(name: str, default: Profile, coder: Profile, own: Unit) -> None:
    """Nothing loops, and one gateway runs."""
    before = own.starts()
    time.sleep(OBSERVED)
    check(f"{name}: coder's own unit is not started again and again", own.starts() - before <= 1, own.starts() - before)
    check(f"{name}: it does not wait for a restart", own.show()["SubState"] in ("dead", "failed"), own.show()["SubState"])
    equal(f"{name}: gateways", (len(default.gateways()), coder.gateways()), (1, []))
