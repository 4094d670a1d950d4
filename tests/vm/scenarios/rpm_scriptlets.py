"""Each scriptlet of the RPM package with each count of versions that rpm hands it, over instances of both managers."""

import pwd
import subprocess
from pathlib import Path

import lifecycle
import wait
from check import check, contains, equal
from gateway import HERMES, Profile
from installer import hermes_install, install, shell
from package import NAME, Rpm, rpm_manager
from systemd import Unit

PACKAGES = ["rpm"]
SECONDS = 80


def run() -> None:
    manager = rpm_manager()
    manager.set_up()
    lifecycle.first_install(manager, manager.versions.new)
    default, idle = Profile("default").make(), Profile("idle").make()
    mine = Profile("coder", user="alice", root="/home/alice/.hermes").make()
    lifecycle.set_up(default)
    link = Path("/opt/gone/hermes")
    link.parent.mkdir()
    link.symlink_to(HERMES)
    equal("installing with a hermes by a link ends with", hermes_install("--profile", "default", "--hermes", str(link), "--yes").code, 0)
    equal("installing one that is not started ends with", install(idle, "--no-start").code, 0)
    # As root, as a system without polkit lets nobody do it for themselves.
    shell("loginctl", "enable-linger", "alice")
    equal("installing as alice ends with", install(mine, user="alice").code, 0)
    theirs = Unit(mine.unit, user="alice")
    units = [Unit(default.unit), Unit(idle.unit), theirs]

    def state() -> list[tuple[str, str]]:
        """Who runs and who is enabled."""
        # As the files say: what units show of it is as old as the last reload.
        return [(unit.show()["MainPID"], unit.systemctl("is-enabled", check=False)) for unit in units]

    def starts() -> list[int]:
        return [Unit(default.unit).starts(), theirs.starts()]

    before, started, account = state(), starts(), pwd.getpwnam("hermes")
    for tag, count, when in [
        ("PREIN", 1, "before the first installation, with the account there"),
        ("POSTIN", 1, "after the first installation, over instances that a plain installation left"),
        ("PREIN", 2, "before an upgrade"),
        ("POSTIN", 2, "after an upgrade's new files"),
        ("PREUN", 1, "before an upgrade takes the old files"),
        ("POSTUN", 0, "after a removal"),
    ]:
        scriptlet(manager, tag, count)
        equal(f"what changes {when}", (state(), pwd.getpwnam("hermes")), (before, account))

    scriptlet(manager, "POSTUN", 1)
    equal("what changes at once after an upgrade", state(), before)
    for verb in ("system-restart", "user-restart"):
        subprocess.run(["/usr/lib/systemd/systemd-update-helper", verb], check=True)
    default.until_up(after=int(before[0][0]))
    mine.until_up(after=int(before[2][0]))
    equal("the one that does not run", state()[1], before[1])
    equal("gateways on it", idle.gateways(), [])
    equal("starts of the others", starts(), [count + 1 for count in started])

    kept = state()
    link.unlink()
    said = scriptlet(manager, "POSTUN", 1)
    subprocess.run(["/usr/lib/systemd/systemd-update-helper", "system-restart"], check=True)
    equal("what changes after an upgrade where hermes is gone", state(), kept)
    contains("what the upgrade says", said, f"`{default.unit}` could not start again")
    link.symlink_to(HERMES)

    scriptlet(manager, "PREUN", 0)
    equal("gateways of the system's manager after the scriptlet of a removal", default.gateways(), [])
    wait.until("the gateway of alice to end", lambda: not mine.gateways())
    equal("who is enabled", [enabled for _, enabled in state()], ["disabled"] * 3)
    wait.until("the unit of alice to be at rest", lambda: theirs.states[0] == "inactive")
    check("nothing failed", not lifecycle.failed_units(), lifecycle.failed_units())


def scriptlet(manager: Rpm, tag: str, count: int) -> str:
    """Run one as rpm does: by /bin/sh, with the number of versions that will be installed."""
    # Where rpm makes the account, there is no %pre, and rpm writes "(none)" for it.
    text = manager.run("rpm", "-q", "--qf", f"%|{tag}?{{%{{{tag}}}}}|", NAME).out
    done = manager.run("/bin/sh", "-c", text, tag, str(count))
    equal(f"%{tag} {count} ends with", done.code, 0)
    return done.text
