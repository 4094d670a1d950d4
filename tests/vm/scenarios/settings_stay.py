"""What was chosen for a profile stays, and nothing that runs is moved or restarted unless somebody says so."""

from pathlib import Path

from check import check, contains, equal
from gateway import HERMES as HERMES_OF_GUEST
from gateway import Profile, fresh_account
from installer import difference, hermes_install, install, make_older, snapshot
from systemd import Unit, systemctl

HERMES = ["0.22.2"]
SECONDS = 120


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
    contains("what it shows", left.out, f"+++ b{drop_in}", "\n+")
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

    cannot_come_back(coder, unit, other)


def cannot_come_back(coder: Profile, unit: Unit, hermes: Path) -> None:
    """A bot whose hermes is gone runs on: nothing ends it that could not start it again."""
    equal("another executable with --yes ends with", hermes_install("--profile", "coder", "--hermes", str(hermes), "--yes").code, 0)
    pid = unit.pid
    make_older()
    systemctl("daemon-reload")
    left = Path("/opt/gone/python3")
    for name, text, why in (
        ("gone", None, f"its hermes `{hermes}` does not exist"),
        ("not executable", "#!/bin/sh\n", f"its hermes `{hermes}` cannot be executed by its account"),
        ("without its Python", f"#!{left}\n", f"`{hermes}` is run by `{left}`, which is not there"),
    ):
        hermes.unlink()
        if text:
            hermes.write_text(text)
            hermes.chmod(0o755 if str(left) in text else 0o644)
        before = snapshot("var/lib/hermes")
        for command in (("restart", "coder"), ("restart", "--now", "coder"), ("upgrade", "--yes")):
            refused = hermes_install(*command)
            equal(f"{name}: {command[0]} ends with", refused.code, 3)
            contains(f"{name}: what it says", refused.err, why, "`hermes-install --profile coder --hermes PATH`")
        done = hermes_install("--profile", "coder", "--drain-timeout", "12", "--yes")
        check(f"{name}: an installation does not work either", done.code in (2, 3), done.text)
        equal(f"{name}: what was changed", difference(before, snapshot("var/lib/hermes")), [])
        equal(f"{name}: gateways", coder.gateways(), [pid])
        hermes.unlink(missing_ok=True)
        hermes.symlink_to(HERMES_OF_GUEST)
    equal("with its hermes, an upgrade ends with", hermes_install("upgrade", "--yes").code, 0)
    equal("gateways after it", coder.gateways(), [coder.until_up(after=pid)])
