"""What a package does to a host and its gateways in each phase of its life, whatever the package manager.

A scenario is a few of these in order. Each one checks the phase that its name says.
"""

import contextlib
import os
import time
from pathlib import Path

from check import check, contains, equal, measured
from gateway import HERMES, IDLE, Profile, own
from installer import difference, hermes_install, snapshot, status
from package import Manager
from processes import scan
from systemd import Unit, systemctl
from tenant import tenant
from watch import Watch

TEMPLATE = "hermes-gateway@.service"
TARGET = Unit("hermes-gateway.target")
UNITS = Path("/usr/lib/systemd/system")
# What the version before has not (lib/packages.py).
NEW_LINE = "OOMPolicy=continue"

# Where the services of a system that is not of our making write all the time.
FOREIGN = ("var/",) if os.environ["VMCHECK_BACKEND"] == "cloud" else ()

# What an account is written to, which stays with the data that it owns.
ACCOUNTS = {f"/etc/{name}{old}" for name in ("passwd", "group", "shadow", "gshadow") for old in ("", "-")}

# A hermes where the launcher looks for one.
HERMES_LINK = Path("/opt/hermes/bin/hermes")


def first_install(manager: Manager, version: str) -> None:
    """The package is there, and nothing runs, is enabled or has failed for it."""
    begin = time.monotonic()
    manager.install(version)
    measured("seconds of the package manager", round(time.monotonic() - begin, 1))
    equal("installed version", manager.installed(), version)
    missing = [path for path in manager.files() if not Path(path).exists()]
    equal("files of the package that are not there", missing, [])
    equal("gateways", list(scan()), [])
    equal("instances that are not at rest", instances(), [])
    equal("units that failed", failed_units(), [])
    for unit in (TEMPLATE, TARGET.name):
        contains(f"`systemctl cat {unit}`", systemctl("cat", unit), f"/lib/systemd/system/{unit}")
    contains("the account", Path("/etc/passwd").read_text(), ":/var/lib/hermes:")
    check("its root is there", Path("/var/lib/hermes").is_dir())


def set_up(profile: Profile) -> None:
    """A profile is set up with the package's units used in place: the drop-in, the links and what declares a tenant are all
    that comes."""
    before = snapshot("var/lib/hermes", *FOREIGN)
    begin = time.monotonic()
    done = hermes_install("--profile", profile.name, "--hermes", HERMES)
    measured(f"seconds until {profile.name} runs", round(time.monotonic() - begin, 1))
    equal(f"hermes-install for {profile.name} ends with", done.code, 0)
    came = [d.split(":")[0] for d in difference(before, snapshot("var/lib/hermes", *FOREIGN))]
    ours = (".target.wants", f"{profile.unit}.d", *declarations(profile))
    above = {str(Path(path).parent) for path in declarations(profile)}
    strange = [p for p in came if p not in ACCOUNTS | above and not any(part in p for part in ours)]
    equal("what else was written", strange, [])
    runs(profile)
    shown = status(profile)
    equal(f"drift of {profile.name}", shown["drift"], [])
    check(f"{profile.name} starts at boot", shown["enabled"])


def declarations(profile: Profile) -> list[str]:
    """The files that declare a tenant's account and directories; of any other profile none."""
    is_tenant = profile.user == f"hermes-{profile.name}"
    return [f"/etc/{kind}.d/hermes-tenant-{profile.name}.conf" for kind in ("sysusers", "tmpfiles") if is_tenant]


def runs(profile: Profile) -> int:
    """The unit's gateway, the package's unit and nobody else."""
    unit = Unit(profile.unit)
    pid = profile.until_up()
    equal(f"gateways on {profile.name}", profile.gateways(), [unit.pid])
    equal(f"unit of {profile.name}", unit.show()["FragmentPath"].removeprefix("/usr"), f"/lib/systemd/system/{TEMPLATE}")
    return pid


def change_version(
    manager: Manager, version: str, up: list[Profile], down: list[Profile], drift: tuple[str, ...] = ()
) -> None:
    """Another version, up or down: what runs is restarted once, as planned; what does not stays as it is.

    `drift` names the profiles of which somebody edited a file.
    """
    before = {p.name: (Unit(p.unit).pid, Unit(p.unit).starts()) for p in up}
    rest = {p.name: (Unit(p.unit).states[0], Unit(p.unit).starts()) for p in down}
    kept = configuration()
    begin = time.monotonic()
    with contextlib.ExitStack() as stack:
        watches = [stack.enter_context(Watch(p)) for p in up]
        manager.install(version)
        for p in up:
            p.until_up(after=before[p.name][0])
        measured(f"seconds until all run on {version}", round(time.monotonic() - begin, 1))
    equal("installed version", manager.installed(), version)
    for p, watch in zip(up, watches, strict=True):
        old, starts = before[p.name]
        new = runs(p)
        check(f"{p.name}: another process", new != old, (old, new))
        equal(f"{p.name}: starts", Unit(p.unit).starts() - starts, 1)
        equal(f"{p.name}: automatic restarts", Unit(p.unit).restarts, 0)
        equal(f"{p.name}: gateways that ever were", sorted(watch.pids - {old, new}), [])
        check(f"{p.name}: never two owners", watch.most_owners <= 1, watch.owners)
        equal(f"{p.name}: processes at one time, in seconds", watch.overlap(), 0)
        measured(f"{p.name}: seconds without an owner", watch.gap())
        equal(f"{p.name} differs from what was installed", bool(status(p)["drift"]), p.name in drift)
    for p in down:
        state, starts = rest[p.name]
        equal(f"{p.name}: state", Unit(p.unit).states[0], state)
        equal(f"{p.name}: starts", Unit(p.unit).starts() - starts, 0)
    equal("configuration that changed", difference(kept, configuration()), [])
    check(
        f"the new template is in use with {version} only",
        (NEW_LINE in systemctl("cat", TEMPLATE)) == (version == manager.versions.new),
    )


def up_and_down(manager: Manager) -> list[Profile]:
    """The version before, the new one and the one before again, under three gateways, one of them busy and one a tenant's, and
    a stopped one."""
    first_install(manager, manager.versions.before)
    default, coder, idle = Profile("default").make(), Profile("coder").make(), Profile("idle").make()
    coder.make_busy(8642)
    for profile in (default, coder, idle):
        set_up(profile)
    Unit(idle.unit).systemctl("stop")
    apart = tenant("apart")
    set_up(apart)
    (apart.home / "config.yaml").write_text(IDLE)
    own(apart.home / "config.yaml", apart.user)
    coder.keep_busy()
    change_version(manager, manager.versions.new, up=[default, coder, apart], down=[idle])
    change_version(manager, manager.versions.before, up=[default, coder, apart], down=[idle])
    return [default, coder, idle, apart]


def one_failed() -> None:
    """Before a removal: an instance has failed, as that of a profile does which does not exist."""
    unit = Unit("hermes-gateway@nowhere.service")
    unit.systemctl("start", check=False)
    unit.until_active_state("failed")


def removed(profiles: list[Profile]) -> None:
    """After a removal: everything stopped as planned, nothing failed, data and configuration there."""
    for p in profiles:
        equal(f"gateways on {p.name}", p.gateways(), [])
        check(f"{p.name}: its data is there", (p.home / "config.yaml").exists())
    equal("instances that are not at rest", instances(), [])
    equal("units that failed", failed_units(), [])
    check("the program is gone", not Path("/usr/bin/hermes-install").exists())
    check("the units are gone", not (UNITS / TEMPLATE).exists())


def failed_units() -> list[str]:
    """Instances of ours that are shown as failed."""
    return systemctl("list-units", "--failed", "--plain", "--no-legend", "hermes-gateway@*").splitlines()


def configuration() -> dict[str, str]:
    """The host without what the package and its manager own, and without the data of gateways."""
    managers = ("var/lib/dpkg", "var/lib/apt", "var/lib/rpm", "var/lib/dnf", "var/lib/zypp")
    return snapshot("usr", "var/lib/hermes/", "var/lib/hermes-tenants/", *managers, *FOREIGN)


def instances() -> list[str]:
    """Instances that are not at rest, with their states."""
    return systemctl("list-units", "--plain", "--no-legend", "hermes-gateway@*").splitlines()


def link_hermes() -> None:
    """Put a hermes where the launcher looks for one."""
    HERMES_LINK.parent.mkdir(parents=True, exist_ok=True)
    HERMES_LINK.symlink_to(HERMES)
