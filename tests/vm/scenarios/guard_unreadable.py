"""A unit that its account cannot read, as under a umask of 027: the guard is not placed over it, or what it would do is told before."""

from pathlib import Path

import gateway
from cell import UPSTREAM, Cell
from check import check, contains, equal
from installer import hermes_install
from systemd import systemctl

HERMES = ["0.22.2"]
SECONDS = 120
FILE = Path("/etc/systemd/system") / UPSTREAM
DROP_IN = FILE.with_name(f"{UPSTREAM}.d") / "override.conf"
OPEN = f"chmod a+r {FILE}"


def run() -> None:
    cell = Cell("upstream-system")
    cell.profile.make()
    cell.put(cell.unit)
    FILE.chmod(0o640)
    cell.unit.systemctl("start")
    cell.profile.until_up()
    not_placed(cell)
    placed_before(cell)
    migrated()


def not_placed(cell: Cell) -> None:
    """Neither an installation nor an upgrade nor `guard` itself places it, and all say why."""
    done = hermes_install("--profile", "coder", "--hermes", gateway.HERMES, "--yes")
    equal("an installation of another profile ends with", done.code, 0)
    contains("what it warns of", done.err, "warning: ", "so the guard is not placed", f"`{OPEN}`, then `hermes-install guard`")
    upgraded = hermes_install("upgrade", "--yes")
    contains("what an upgrade warns of", upgraded.err, "so the guard is not placed")
    refused = hermes_install("guard")
    equal("guard ends with", refused.code, 3)
    contains("what it says", refused.err, "`alice`, who cannot read", f"`{OPEN}`, then `hermes-install guard`")
    check("no guard is there", not list(Path("/etc/systemd").rglob("*guard.conf")))
    restarted("without the guard", cell)
    equal("doctor ends with", hermes_install("doctor").code, 0)

    FILE.chmod(0o644)
    equal("guard ends with, then", hermes_install("guard").code, 0)
    restarted("under the guard", cell)
    check("the launcher's lock is there", (cell.profile.home / ".hermes-install.lock").exists())


def placed_before(cell: Cell) -> None:
    """What was closed under the guard is found before the restart, and the launcher names the way out."""
    FILE.chmod(0o640)
    found("the unit", OPEN)
    again = hermes_install("guard")
    equal("a second guard ends with", again.code, 0)
    contains("what it warns of", again.err, f"`{OPEN}`")
    cell.unit.systemctl("restart", check=False)
    cell.unit.until_active_state("failed")
    contains("what the launcher says", cell.unit.journal(), f"`{OPEN}` as root, then start `{UPSTREAM}`")
    FILE.chmod(0o644)
    cell.unit.systemctl("start")
    cell.profile.until_up()

    DROP_IN.write_text("[Service]\nNice=1\n")
    DROP_IN.chmod(0o600)
    systemctl("daemon-reload")
    found("its drop-in", f"chmod a+r {DROP_IN}")
    DROP_IN.chmod(0o644)
    DROP_IN.parent.chmod(0o700)
    found("the directory of its drop-ins", f"chmod a+rx {DROP_IN.parent}")
    seen_by_alice()
    DROP_IN.parent.chmod(0o755)
    equal("doctor ends with, then", hermes_install("doctor").code, 0)
    DROP_IN.unlink()
    systemctl("daemon-reload")


def seen_by_alice() -> None:
    """Who cannot read the drop-ins is told so, and what sees them; nothing is said of them that is only likely."""
    asked = "`sudo hermes-install status`"
    settings = FILE.with_name("hermes-gateway@coder.service.d")
    settings.chmod(0o700)
    of_others = hermes_install("status", "--system", user="alice").out
    contains("what status says of it as alice", of_others, f"elsewhere: system unit {UPSTREAM} (active) runs a gateway, and of which", asked)
    contains("what it says of an installed unit", of_others, f"{settings}/50-hermes-install.conf` cannot be read", asked)
    check("it says no home", f"{UPSTREAM} (active) runs the gateway of" not in of_others, of_others)
    settings.chmod(0o755)
    own = hermes_install("status", user="alice").out
    contains("what status says of her profile", own, f"`{UPSTREAM}` (active) may run the gateway of", "cannot be read", asked.strip("`"))
    check("it would stop nothing", "disable --now" not in own, own)


def found(what: str, command: str) -> None:
    """Doctor finds it, while the gateway runs."""
    done = hermes_install("doctor")
    equal(f"{what}: doctor ends with", done.code, 1)
    contains(f"{what}: what it finds", done.out, "guard-unreadable  error", "who cannot read", command)


def restarted(name: str, cell: Cell) -> None:
    """It comes back."""
    pid = cell.unit.pid
    cell.unit.systemctl("restart")
    equal(f"{name}: gateways after a restart", [cell.profile.until_up(after=pid)], cell.profile.gateways())


def migrated() -> None:
    """The guard's own lines are nobody's settings."""
    done = hermes_install("--profile", "default", "--migrate", "--yes")
    equal("--migrate ends with", done.code, 0)
    lines = [line for line in done.err.splitlines() if "not carried over" in line]
    of_guard = [line for line in lines if "hermes-install" in line or "RuntimeDirectory" in line]
    check("nothing of the guard is missed", lines and not of_guard, lines)
