"""Install two profiles in system scope on a bare host: gateways up, status says so, a second run changes nothing."""

from check import check, contains, equal, measured
from gateway import Profile, at_least
from installer import hermes_install, install, shell, snapshot, status
from systemd import Unit

HERMES = ["0.22.2"]
SECONDS = 40


def run() -> None:
    default, coder = Profile("default"), Profile("coder")
    missing = install(coder, "--shared")
    equal("installing a profile that does not exist among others ends with", missing.code, 3)
    contains("the refusal", missing.err, "does not exist", "hermes profile create coder", "/var/lib/hermes/profiles/coder")

    first = install(default)
    equal("install of `default` on a bare host ends with", first.code, 0)
    check("the account was made", "/var/lib/hermes" in shell("getent", "passwd", "hermes"))
    coder.make()
    equal("install of `coder` ends with", install(coder).code, 0)

    for profile in (default, coder):
        unit = Unit(profile.unit)
        shown = status(profile)
        equal(f"state of {profile.name}", shown["state"], "running")
        equal(f"owner of {profile.name}", shown["owner"]["pid"], unit.pid)
        equal(f"gateways on {profile.name}", profile.gateways(), [unit.pid])
        equal(f"drift of {profile.name}", shown["drift"], [])
        check(f"{profile.name} starts at boot", shown["enabled"])
        equal(f"enablement of {profile.name}", unit.show()["UnitFileState"], "enabled")
        # docs/hermes-versions.md says why the default profile is not named.
        named = profile is coder or not at_least(0, 20, 6)
        words = f"--profile {profile.name} gateway run" if named else "hermes gateway run"
        contains("the command line", shown["owner"]["command"], words)
        measured(f"seconds of CPU at {profile.name}'s start", unit.show().get("CPUUsageNSec"))

    before = snapshot("var/lib/hermes")
    pids = [Unit(p.unit).pid for p in (default, coder)]
    again = install(default), install(coder)
    equal("second runs end with", [r.code for r in again], [0, 0])
    contains("the second run", again[1].err, "nothing was changed")
    equal("what a second run changed", sorted(set(snapshot("var/lib/hermes").items()) ^ set(before.items())), [])
    equal("main processes after second runs", [Unit(p.unit).pid for p in (default, coder)], pids)

    text = hermes_install("status", "--long")
    contains("all about each", text.out, f"pid {pids[0]}", f"pid {pids[1]}", "running")
    equal("status ends with", text.code, 0)
