"""The Debian package on a host that was installed without: nothing changes until `upgrade` moves to the package's units."""

from pathlib import Path

import lifecycle
from check import check, contains, equal
from gateway import HERMES as HERMES_PATH
from gateway import Profile
from installer import hermes_install, install, status
from package import Apt
from systemd import Unit, systemctl

PACKAGES = ["deb"]
HERMES = ["0.19.0", "0.16.0"]
SECONDS = 60
LAUNCHER = Path("/usr/local/lib/hermes-install/hermes-install")


def run() -> None:
    default, idle = Profile("default"), Profile("idle")
    equal("install ends with", install(default).code, 0)
    equal("install ends with", install(idle.make()).code, 0)
    default.make()
    Unit(idle.unit).systemctl("stop")
    before = {p.name: (Unit(p.unit).pid, Unit(p.unit).starts()) for p in (default, idle)}

    apt = Apt()
    apt.set_up()
    apt.install(apt.versions.before)
    equal("the package changed", {p.name: (Unit(p.unit).pid, Unit(p.unit).starts()) for p in (default, idle)}, before)
    equal("unit in use", Unit(default.unit).show()["FragmentPath"], f"/etc/systemd/system/{lifecycle.TEMPLATE}")

    plan = hermes_install("plan", "--profile", "default", "--hermes", HERMES_PATH)
    contains("the plan", plan.out, "remove    /etc/systemd/system/hermes-gateway@.service", f"remove    {LAUNCHER}")
    moved = hermes_install("upgrade", "--yes")
    equal("upgrade ends with", moved.code, 0)
    lifecycle.runs(default)
    equal("the stopped one", Unit(idle.unit).states[0], "inactive")
    left = [path for place in ("/etc/sysusers.d", "/etc/tmpfiles.d", "/etc/systemd/system") for path in Path(place).glob("hermes-gateway[@.]*")]
    equal("copies of what the package has", [str(path) for path in left if path.is_file()], [])
    check("the launcher's copy is gone", not LAUNCHER.parent.exists())
    for link in Path("/etc/systemd/system").glob("*.target.wants/hermes-gateway@*"):
        equal(f"{link} leads to", str(link.readlink()), f"/usr/lib/systemd/system/{lifecycle.TEMPLATE}")
    check("no drop-in names the old launcher", str(LAUNCHER) not in systemctl("cat", default.unit))
    equal("drift", status(default)["drift"], [])
    contains("a second upgrade", hermes_install("upgrade", "--yes").err, "nothing was changed")

    lifecycle.change_version(apt, apt.versions.new, up=[default], down=[idle])
    pid = Unit(default.unit).pid
    Unit(default.unit).systemctl("reload")
    default.until_up(after=pid)
    apt.purge()
    lifecycle.removed([default, idle])
    kept = [str(p) for p in Path("/etc/systemd/system").rglob("*hermes-gateway*")]
    equal("what is left after purge", kept, [])
