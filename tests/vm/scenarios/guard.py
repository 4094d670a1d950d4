"""Hermes' own units under the guard: placed before they exist, it makes them safe in both scopes and harms no other unit."""

import os
import signal
import time
from pathlib import Path

import wait
from cell import UPSTREAM, USER, Cell
from check import check, contains, equal
from gateway import Hand
from installer import difference, hermes_install, snapshot
from systemd import Unit, as_user, systemctl
from watch import Watch

HERMES = ["0.22.2", "0.15.2"]
SECONDS = 190
DATA = f"home/{USER}/.hermes"
DROP_IN = "50-hermes-install-guard.conf"
# Longer than every restart delay of the units.
OBSERVED = 30


def run() -> None:
    before = snapshot(DATA)
    done = hermes_install("guard")
    equal("guard ends with", done.code, 0)
    contains("it says", done.err, "for the system's manager and for every user's are guarded")
    contains("a second one says", hermes_install("guard").err, "nothing was changed")
    # root has no manager of its own here, and needs none: there is nothing to do.
    own = hermes_install("guard", "--user")
    check("root's own says", own.code == 0 and "nothing was changed" in own.err, own.text)
    others()
    cell = Cell("upstream-system")
    cell.profile.make()
    safe("system", cell)
    cell.unit.systemctl("stop")
    cell.unit.systemctl("disable")
    safe("user", Cell("upstream-user", cell.profile))
    second(cell)
    removed(before)


def safe(name: str, cell: Cell) -> None:
    """Started, replaced by hand, started again, restarted as planned, stopped."""
    unit, profile = cell.unit, cell.profile
    cell.begin()
    equal(f"{name}: gateways", profile.gateways(), [unit.pid])
    shown = unit.show()
    contains(f"{name}: drop-ins", shown["DropInPaths"], f"{UPSTREAM}.d/{DROP_IN}")
    equal(f"{name}: restart policy", shown["Restart"], "on-failure")
    check(f"{name}: the launcher's lock is there", (profile.home / ".hermes-install.lock").exists())
    words = Path(f"/proc/{unit.pid}/cmdline").read_text().split("\0")
    check(f"{name}: it replaces nobody", "--replace" not in words, words)
    contains(f"{name}: hermes' own status", hermes_says(cell, "status"), "running")

    starts = unit.starts()
    with Watch(profile) as watch:
        cell.replace()
        hand = cell.hand
        time.sleep(OBSERVED)
    owner = hand.pid if hand else unit.pid
    equal(f"{name}: gateways after a takeover", profile.gateways(), [owner])
    check(f"{name}: starts since", unit.starts() - starts <= 1, unit.starts() - starts)
    check(f"{name}: never two that hold the lock", watch.most_owners <= 1, watch.owners)
    if hand:
        by_hand(name, cell, hand)
        unit.systemctl("reset-failed", check=False)
        unit.systemctl("start")
    pid = profile.until_up()
    equal(f"{name}: gateways after a start", profile.gateways(), [unit.pid])
    unit.systemctl("reload")
    profile.until_up(after=pid)
    equal(f"{name}: gateways after a planned restart", profile.gateways(), [unit.pid])
    asked_early(name, cell)
    text = hermes_install("doctor", user=unit.user or "root").text
    check(f"{name}: doctor has nothing against its restarts", "[restart-always]" not in text, text)
    unit.systemctl("stop")
    equal(f"{name}: state after a stop", unit.states, ("inactive", "success"))
    if unit.user:
        told = hermes_install("start", "default", user=unit.user).err
        contains(f"{name}: what starts it, says start", told, f"systemctl --user start {unit.name}")
        told = hermes_install("status", user=unit.user).out
        contains(f"{name}: what starts it, says status", told, f"systemctl --user start {unit.name}\n", "--profile default --migrate\n")


def by_hand(name: str, cell: Cell, hand: Hand) -> None:
    """What is printed beside a gateway that was started by hand, and after it, is typed and starts the unit."""
    unit = cell.unit
    unit.systemctl("start", check=False)
    unit.until_active_state("failed")
    start = f"systemctl --user start {unit.name}\n" if unit.user else f"sudo systemctl start {unit.name}\n"
    told = hermes_install("status", user=USER).out
    contains(f"{name}: by hand, says status", told, f"kill -INT {hand.pid}\n", "when it has ended:\n", start)
    text = hermes_install("doctor", user=unit.user or "root").text
    contains(f"{name}: by hand, says doctor", text, f"kill -INT {hand.pid}\n", start.removeprefix("sudo "))
    hand.end()
    status = hermes_install("status", user=USER)
    equal(f"{name}: status of a unit that failed ends with", status.code, 1)
    contains(f"{name}: after that, says status", status.out, "has gone; to start it", start)
    text = hermes_install("doctor", user=unit.user or "root").text
    check(f"{name}: after that, says doctor", start.removeprefix("sudo ") in text and "journalctl" not in text, text)


def asked_early(name: str, cell: Cell) -> None:
    """`hermes update` asks what it has just started to restart (SIGUSR1), and waits for its end: it ends, and another one runs."""
    cell.unit.systemctl("restart")
    pid = cell.unit.pid
    wait.until("hermes to be executed", lambda: pid in cell.profile.gateways(), every=0.01)
    os.kill(pid, signal.SIGUSR1)
    cell.profile.until_up(after=pid)
    equal(f"{name}: gateways after an early SIGUSR1", cell.profile.gateways(), [cell.unit.pid])


def hermes_says(cell: Cell, verb: str) -> str:
    """`hermes gateway VERB` by whoever may do that with this unit."""
    scope = [] if cell.unit.user else ["--system"]
    done = as_user(cell.unit.user or "root", cell.hermes, "gateway", verb, *scope, env={"HERMES_HOME": str(cell.profile.root)})
    return done.stdout + done.stderr


def second(cell: Cell) -> None:
    """The unit of the other scope is refused once, and says by whom."""
    user = Unit(UPSTREAM, user=USER)
    user.systemctl("start")
    pid = cell.profile.until_up()
    starts = cell.unit.starts()
    cell.unit.systemctl("start", check=False)
    cell.unit.until_active_state("failed")
    time.sleep(OBSERVED)
    equal("the second unit's starts", cell.unit.starts() - starts, 1)
    equal("gateways beside the second unit", cell.profile.gateways(), [pid])
    contains("what it says", cell.unit.journal(), f"then start `{UPSTREAM}`")


def others() -> None:
    """Units of such names that run no gateway do what they say; a template of people's is not reached at all."""
    place = Path("/etc/systemd/system")
    out = Path("/run/other")
    program = Path("/usr/local/bin/other")
    program.write_text(
        "#!/bin/sh\ntrap 'echo TERM >>/run/other; exit 0' TERM\nprintf '%s\\n' \"$0\" \"$@\" \"$COLOUR\" >/run/other\n"
        "while :; do sleep 0.1; done\n"
    )
    program.chmod(0o755)
    line = f'{program} "a b" x$$y %%p %p ${{COLOUR}} $WORDS "it\\x27s"'
    environment = 'Environment=COLOUR=red "WORDS=1 2"\n'
    (place / "hermes-gateway-exporter.service").write_text(f"[Service]\n{environment}ExecStart={line}\n")
    (place / "hermes-gateway@.service").write_text(f"[Service]\n{environment}ExecStart={program} %i\n")
    systemctl("daemon-reload")
    exporter = Unit("hermes-gateway-exporter.service")
    contains("drop-ins of a unit of such a name", exporter.show()["DropInPaths"], DROP_IN)
    exporter.systemctl("start")
    exporter.until_active_state("active")
    said = [str(program), "a b", "x$y", "%p", "hermes-gateway-exporter", "red", "1", "2", "it's", "red"]
    until_said(out, said)
    exporter.systemctl("stop")
    equal("it after a stop", exporter.states, ("inactive", "success"))
    equal("its signal", out.read_text().splitlines()[-1], "TERM")
    contains("drop-ins of a person's template", Unit("hermes-gateway@x.service").show().get("DropInPaths", "-") or "-", "-")

    mask = place / "hermes-gateway-exporter.service.d" / DROP_IN
    mask.parent.mkdir()
    mask.symlink_to("/dev/null")
    systemctl("daemon-reload")
    contains("what it starts without the guard", exporter.show()["ExecStart"], f"path={program}")
    mask.unlink()
    mask.parent.rmdir()
    for unit in ("hermes-gateway-exporter.service", "hermes-gateway@.service"):
        (place / unit).unlink()
    program.unlink()
    systemctl("daemon-reload")


def until_said(out: Path, said: list[str]) -> None:
    """Wait for the words that the other program was started with."""
    for _ in range(100):
        if out.exists() and len(out.read_text().splitlines()) >= len(said):
            break
        time.sleep(0.1)
    equal("words of the unit that runs no gateway", out.read_text().splitlines(), said)


def removed(before: dict[str, str]) -> None:
    """Without the guard, units are as they were."""
    user = Unit(UPSTREAM, user=USER)
    pid = user.pid
    equal("guard --remove ends with", hermes_install("guard", "--remove").code, 0)
    systemctl("daemon-reload", user=USER)
    equal("gateways after it", Cell("upstream-user").profile.gateways(), [pid])
    for unit in (user, Unit(UPSTREAM)):
        equal(f"restart policy of {unit.user}", unit.show()["Restart"], "always")
        equal(f"drop-ins of {unit.user}", unit.show().get("DropInPaths", ""), "")
    user.systemctl("stop", check=False)
    # What hermes itself writes is left.
    left = [d for d in difference(before, snapshot(DATA)) if "hermes-install" in d or ".service.d" in d]
    equal("what is left", left, [])
