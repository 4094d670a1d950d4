"""Our unit takes the place of hermes' own, in either scope: one owner at the end, the old files in the backup, or all as before."""

import json
import signal
import subprocess
import time
from pathlib import Path

import gateway
import wait
from cell import Cell
from check import check, contains, equal, measured
from installer import Run, broken_hermes, difference, hermes_install, program, snapshot
from systemd import Unit

# One of each kind of unit that upstream made; `--hermes` takes the others.
HERMES = ["0.22.2", "0.15.2"]
SECONDS = 400
DATA = "home/alice/.hermes"


def run() -> None:
    play("system by root", Cell("upstream-system"), Path("/etc/systemd/system"), user="root")
    play("user by herself", Cell("upstream-user"), Path("/home/alice/.config/systemd/user"), user="alice")
    play("user by root", Cell("upstream-user"), Path("/home/alice/.config/systemd/user"), user="root")
    two_that_fight()


def play(name: str, cell: Cell, directory: Path, user: str) -> None:
    old, profile = cell.unit, cell.profile
    new = Unit(profile.unit, user=None if user == "root" else user)
    profile.make()
    cell.begin()
    file = directory / old.name
    text, owner = file.read_text(), file.stat().st_uid
    pid = old.pid

    # Without being asked to.
    before = snapshot(DATA)
    settings = ("--run-as", "alice") if user == "root" else ()
    refused = hermes_install("--profile", "default", *settings, "--hermes", gateway.HERMES, user=user)
    equal(f"{name}: without --migrate it ends with", refused.code, 3)
    contains(f"{name}: the refusal", refused.err, f"`{old.name}`", f"--hermes {gateway.HERMES} ", "--migrate`")
    equal(f"{name}: files after it", difference(before, snapshot(DATA)), [])
    planned = hermes_install("plan", "--profile", "default", "--migrate", user=user)
    contains(f"{name}: the plan", planned.out, f"retire    {file}", f"then stop  {old.name}")
    check(f"{name}: hermes' own commands are no loss", "leave     Exec" not in planned.out, planned.out)

    # Into a unit that cannot run.
    failed = hermes_install("--profile", "default", *settings, "--hermes", broken_hermes(), "--migrate", user=user)
    equal(f"{name}: migration to a broken unit ends with", failed.code, 1)
    contains(f"{name}: its error", failed.err, "exit status 1", "everything is as it was before")
    equal(f"{name}: files after it", difference(before, snapshot(DATA)), [])
    equal(f"{name}: the old unit after it", old.states, ("active", "success"))
    equal(f"{name}: gateways after it", profile.gateways(), [old.pid])
    check(f"{name}: it was stopped and started again", old.pid != pid)

    if user == "root":
        # Its terminal goes away once the old gateway was asked to stop.
        pid = old.pid
        words = ("--profile", "default", *settings, "--hermes", gateway.HERMES, "--migrate")
        equal(f"{name}: migration that is cut short ends with", hung_up(*words), 1)
        equal(f"{name}: files after that", difference(before, snapshot(DATA)), [])
        equal(f"{name}: the old unit after that", old.states, ("active", "success"))
        equal(f"{name}: gateways after that", profile.gateways(), [old.pid])
        check(f"{name}: it was stopped and started again by that", old.pid != pid)

    # And for good, with the settings read from the old unit.
    done = hermes_install("--profile", "default", "--migrate", "--json", user=user)
    equal(f"{name}: migration ends with", done.code, 0)
    one_owner(name, cell, new, done)
    check(f"{name}: the old file is gone", not file.exists())
    backup = Path(json.loads(done.out)["backup"]) / str(file)[1:]
    equal(f"{name}: the backup", backup.read_text(), text)
    check(f"{name}: the old file was of its owner", owner == (0 if directory.parts[1] == "etc" else file.parent.stat().st_uid))
    pid = new.pid
    again = hermes_install("--profile", "default", *settings, "--hermes", gateway.HERMES, user=user)
    equal(f"{name}: an install after it ends with", again.code, 0)
    equal(f"{name}: gateways after that", profile.gateways(), [pid])
    # What was inherited holds, though the old unit can no longer tell it.
    for words in (("--migrate",), ()):
        again = hermes_install("--profile", "default", *words, user=user)
        equal(f"{name}: an install with {words} ends with", again.code, 0)
        equal(f"{name}: gateways after it", profile.gateways(), [pid])
    removed = hermes_install("uninstall", "--yes", user=user)
    equal(f"{name}: uninstall ends with", removed.code, 0)
    if directory.parts[1] == "etc" or user != "root":
        contains(f"{name}: uninstall says how the old unit comes back", removed.err, f"install -m 644 {backup} {file} && ")
    equal(f"{name}: gateways after uninstall", profile.gateways(), [])


def hung_up(*words: str) -> int:
    """Run it until it stops a gateway, and hang up; how it ends."""
    process = subprocess.Popen((program(), *words), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert process.stderr
    for said in process.stderr:
        print(said, end="", flush=True)
        if "as planned" in said:
            process.send_signal(signal.SIGHUP)
            break
    process.stderr.close()
    return process.wait()


def two_that_fight() -> None:
    """The system's and the user's unit of one profile, as hermes makes them, both started: both go."""
    cell = Cell("upstream-system")
    old, other = cell.unit, cell.other
    for unit in (old, other):
        cell.put(unit)
    before = old.starts() + other.starts()
    for unit in (old, other):
        unit.systemctl("start", check=False)
    # Both, and one of them once more.
    wait.until("the fight to begin", lambda: old.starts() + other.starts() >= before + 3)
    done = hermes_install("--profile", "default", "--migrate", "--json")
    equal("two: migration ends with", done.code, 0)
    new = Unit(cell.profile.unit)
    starts = old.starts() + other.starts()
    one_owner("two", cell, new, done)
    equal("two: the other unit", other.show()["LoadState"], "not-found")
    time.sleep(15)  # Longer than their restart delay.
    equal("two: starts since", old.starts() + other.starts(), starts)
    equal("two: gateways at last", cell.profile.gateways(), [new.pid])


def one_owner(name: str, cell: Cell, new: Unit, done: Run) -> None:
    old, profile = cell.unit, cell.profile
    equal(f"{name}: gateways", profile.gateways(), [new.pid])
    equal(f"{name}: our unit", new.states, ("active", "success"))
    shown = old.show()
    equal(f"{name}: the old unit", (shown["LoadState"], shown["ActiveState"]), ("not-found", "inactive"))
    said = json.loads(done.out)["profiles"][0]
    measured(f"{name}: seconds without a gateway", said["seconds_without_gateway"])
    check(f"{name}: it says for how long nobody ran", said["seconds_without_gateway"] > 0, said)
