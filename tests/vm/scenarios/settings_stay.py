"""What was chosen for a profile stays, and nothing that runs is moved or restarted unless somebody says so."""

from pathlib import Path

from check import check, contains, equal
from gateway import HERMES as HERMES_OF_GUEST
from gateway import Profile, fresh_account
from installer import difference, hermes_install, install, snapshot
from systemd import Unit

HERMES = ["0.22.2"]
SECONDS = 90


def run() -> None:
    fresh_account()
    coder = Profile("coder").make()
    unit = Unit(coder.unit)
    drop_in = Path(f"/etc/systemd/system/{coder.unit}.d/50-hermes-install.conf")
    equal("install ends with", install(coder, "--drain-timeout", "9").code, 0)
    chosen, pid = drop_in.read_text(), unit.pid

    again = hermes_install("--profile", "coder")
    equal("a plain install ends with", again.code, 0)
    equal("its drop-in", drop_in.read_text(), chosen)
    equal("gateways after it", coder.gateways(), [pid])
    shown = hermes_install("show", "--profile", "coder")
    contains("what is shown", shown.out, "drain-timeout     9s  [--drain-timeout]", "[--hermes]", "[default]")

    # Nobody is there to ask, and nobody said `--yes`.
    left = hermes_install("--profile", "coder", "--drain-timeout", "11")
    equal("a change that nobody confirms ends with", left.code, 3)
    contains("what it says", left.err, f"systemctl restart {coder.unit}", "--yes")
    check("its files are changed", drop_in.read_text() != chosen)
    equal("gateways after it", coder.gateways(), [pid])

    other = Path("/opt/other/hermes")
    other.parent.mkdir()
    other.symlink_to(HERMES_OF_GUEST)
    before = snapshot("var/lib/hermes")
    moved = hermes_install("--profile", "coder", "--hermes", str(other))
    equal("another executable that nobody confirms ends with", moved.code, 3)
    contains("what it says", moved.err, f"executable `{other}` instead of", "say so with `--yes`")
    equal("what it changed", difference(before, snapshot("var/lib/hermes")), [])
    equal("gateways after it", coder.gateways(), [pid])

    done = hermes_install("--profile", "coder", "--reset", "drain-timeout", "--yes")
    equal("a change with --yes ends with", done.code, 0)
    new = coder.until_up(after=pid)
    equal("gateways after it", coder.gateways(), [new])
    check("the drain is the default again", drop_in.read_text() != chosen)
