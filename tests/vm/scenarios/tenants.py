"""A new profile is a tenant, whose gateway runs without opting out of anything, and none of six ways leads from one tenant to
another; all of them lead from one profile to another of the same account."""

import pwd
from pathlib import Path

from check import check, contains, equal
from gateway import HERMES as HERMES_OF_GUEST
from gateway import Profile
from installer import hermes_install, install, shell, status
from systemd import Unit
from tenant import (
    SIX,
    from_one_to_the_other,
    install_as_tenant,
    place_secrets,
    tenant,
    variables,
)

HERMES = ["0.22.2", "0.19.0"]
SECONDS = 55

LIMITS = 'memory-high = "1G"\nmemory-max = "2G"\ntasks-max = 400\ncpu-weight = 50\n'


def run() -> None:
    fresh()
    shell("sh", "-c", "mkdir -p /etc/hermes-install && chmod 755 /etc/hermes-install")
    a, b = (tenant(name) for name in ("a", "b"))
    for own in (a, b):
        place_secrets(own, LIMITS)
        equal(f"install of tenant {own.name} ends with", install_as_tenant(own).code, 0)
        unit = Unit(own.unit)
        shown = status(own)
        equal(f"state and owner of {own.name}", (shown["state"], shown["owner"]["pid"]), ("running", unit.pid))
        equal(f"account of {own.name}", shown["account"], own.user)
        equal(f"gateways on {own.name}", own.gateways(), [unit.pid])
        equal(f"exposure of {own.name}'s files", [oct(own.home.stat().st_mode & 0o777), own.home.owner()], ["0o700", own.user])
        (own.home / ".env").write_text("TOKEN=secret\n")
        shell("chown", f"{own.user}:", str(own.home / ".env"))
    limited(b)
    before = [Unit(p.unit).pid for p in (a, b)]
    again = install_as_tenant(a)
    contains("a second install", again.err, "nothing was changed")
    equal("processes after it", [Unit(p.unit).pid for p in (a, b)], before)
    found = hermes_install("doctor")
    check("doctor has nothing to say of tenants", found.code == 0 and "nothing is wrong" in found.text, found.text)
    asked = hermes_install("run", "a", "--", "config", "path")
    contains("hermes of tenant a, for its own root", asked.out, f"{a.home}/config.yaml")

    seen = from_one_to_the_other(a, b)
    equal("what works on b from within a", sorted(way for way, how in seen.items() if how == "works"), ["own"])
    Unit(a.unit).systemctl("restart")
    a.until_up()
    a_by_hand = a.by_hand("gateway", "run")
    check("a second gateway of tenant a gives up", not a_by_hand.until_up())
    equal("gateways on a", a.gateways(), [Unit(a.unit).pid])
    stays(a)

    shared()
    uninstalled(b)


def fresh() -> None:
    """On a host that has never had a gateway, with nothing but the profile's name."""
    Path("/usr/local/bin/hermes").symlink_to(HERMES_OF_GUEST)
    planned = hermes_install("plan", "--profile", "fresh")
    contains("the plan", planned.out, "tenant    fresh: account `hermes-fresh`", "`--shared --create`")
    check("plan makes nothing", not Path("/var/lib/hermes-tenants").exists())
    done = hermes_install("--profile", "fresh")
    equal("install with nothing but a name ends with", done.code, 0)
    contains("what it says", done.out, "tenant account `hermes-fresh`", "`--shared --create`")
    own = tenant("fresh")
    pid = own.until_up()
    equal("its gateways and their account", (own.gateways(), Path(f"/proc/{pid}").owner()), ([Unit(own.unit).pid], "hermes-fresh"))
    again = hermes_install("--profile", "fresh")
    contains("a second run", again.err, "nothing was changed")
    refused = hermes_install("--profile", "fresh", "--shared", "--create")
    contains("install of it with --shared --create", refused.err, "without its data", "hermes-install --profile fresh --tenant`")
    equal("gateways after it", own.gateways(), [pid])
    equal("uninstall ends with", hermes_install("uninstall", "--profile", "fresh").code, 0)


def stays(profile: Profile) -> None:
    """A planned restart brings the gateway back under the same account, and a stop ends it."""
    unit = Unit(profile.unit)
    before = unit.pid
    unit.systemctl("reload")
    profile.until_up(after=before)
    equal("owner after a reload", Path(f"/proc/{unit.pid}").owner(), profile.user)
    unit.systemctl("stop")
    equal("state after a stop", unit.states, ("inactive", "success"))
    equal("status after a stop", status(profile)["state"], "stopped")


def limited(profile: Profile) -> None:
    """What is set for a tenant, its manager has; the kernel's side is in the scenario `memory`, which has a kernel of its own."""
    shown = Unit(profile.unit).show()
    limits = {name: int(shown[name]) for name in ("MemoryHigh", "MemoryMax", "TasksMax", "CPUWeight")}
    equal("its limits", limits, {"MemoryHigh": 1 << 30, "MemoryMax": 2 << 30, "TasksMax": 400, "CPUWeight": 50})
    group = f"/hermes.slice/{profile.unit}"
    equal("its slice and control group", (shown["Slice"], shown["ControlGroup"].endswith(group)), ("hermes.slice", True))
    contains("the group of its process", Path(f"/proc/{shown['MainPID']}/cgroup").read_text(), group)


def uninstalled(profile: Profile) -> None:
    """Nothing of a tenant is left but its account and its data, which the next installation has again."""
    unit, account = Unit(profile.unit), pwd.getpwnam(profile.user)
    equal("its gateways", profile.gateways(), [unit.pid])
    equal("uninstall ends with", hermes_install("uninstall", "--profile", profile.name).code, 0)
    equal("its gateways after it", profile.gateways(), [])
    left = [str(p) for top in ("/etc/sysusers.d", "/etc/tmpfiles.d", "/etc/systemd") for p in Path(top).rglob("*")]
    equal("what is left of it in /etc", [p for p in left if f"tenant-{profile.name}" in p or f"@{profile.name}." in p], [])
    equal("its account", pwd.getpwnam(profile.user), account)
    equal("its data, and whose", (profile.home / ".env").owner(), profile.user)
    equal("install ends with", install_as_tenant(profile, "--no-start").code, 0)
    equal("its account after that", pwd.getpwnam(profile.user), account)
    equal("its token", (profile.home / ".env").read_text(), "TOKEN=secret\n")


def shared() -> None:
    """The control: two profiles of one account, where all six ways work; doctor says so."""
    default, coder = Profile("default"), Profile("coder")
    place_secrets(default)
    place_secrets(coder)
    equal("install of default ends with", install(default, "--no-start", *variables(default)).code, 0)
    coder.make(env="TOKEN=secret\n")
    done = install(coder, *variables(coder))
    equal("install of coder, whose home is below the shared root, ends with", done.code, 0)
    contains("what it says", done.out, "shared account `hermes`", "`hermes-install split coder`")
    seen = from_one_to_the_other(default, coder)
    equal("what works on a profile of the same account", [way for way in SIX if seen[way] == "works"], SIX)
    contains("doctor", hermes_install("doctor").text, "share account `hermes`", "shared-account", "hermes-install split coder")
    refused = install(coder, "--tenant")
    equal("install of coder as a tenant ends with", refused.code, 3)
    contains("the refusal", refused.err, "without its data", "hermes-install split coder")
