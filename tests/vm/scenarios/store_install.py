"""The installation of install.sh in each scope: found without being named, run, seen by status and doctor, never printed."""

import json
from pathlib import Path

from check import check, contains, equal
from gateway import Profile
from installer import hermes_install, status
from store import Store
from systemd import Unit

HERMES = ["0.22.2-store"]
SECONDS = 120

# What only the source of its launcher says.
SOURCE = "import hermes_bootstrap"


def run() -> None:
    alice = Store("alice").place()
    default = Profile("default", "alice", str(alice.root)).make()
    in_scope("user", default, alice, "--user", user="alice")
    in_scope("system", default, alice, "--system", "--run-as", "alice", user="root")
    in_place(default, alice)


def in_scope(scope: str, default: Profile, store: Store, *args: str, user: str) -> None:
    """Installed without `--hermes`; hermes is where install.sh puts it."""
    unit = Unit(default.unit, user="alice" if scope == "user" else None)
    said = [done := hermes_install("--profile", "default", *args, user=user)]
    equal(f"{scope}: install ends with", done.code, 0)
    equal(f"{scope}: gateways", default.gateways(), [unit.pid])
    said.append(again := hermes_install("--profile", "default", *args, user=user))
    contains(f"{scope}: a second run", again.err, "nothing was changed")
    shown = status(default, user=user)
    equal(f"{scope}: state in status", shown["state"], "running")
    equal(f"{scope}: owner in status", (shown["owner"] or {}).get("pid"), unit.pid)
    said.append(hermes_install("status", user=user))
    said.append(doctor := hermes_install("doctor", "--json", user=user))
    # A system unit whose code its account can change is worth a note.
    notes = {finding["rule"] for finding in json.loads(doctor.out)["findings"]}
    equal(f"{scope}: what doctor finds", notes, set() if scope == "user" else {"code-in-home"})
    said.append(doctor := hermes_install("doctor", user=user))
    contains(f"{scope}: what doctor looked at", doctor.out, "1 running gateway")
    unit.systemctl("stop")

    hand = default.by_hand("gateway", "run", hermes=str(store.hermes))
    check(f"{scope}: one by hand runs", hand.until_up(), hand.said())
    unit.systemctl("start", check=False)
    unit.until_active_state("failed")
    equal(f"{scope}: beside it the unit ends with", unit.show()["ExecMainStatus"], "69")
    contains(f"{scope}: its journal", unit.journal(), f"pid {hand.pid}")
    said.append(hermes_install("status", user=user))
    contains(f"{scope}: status names it", said[-1].text, f"pid {hand.pid}")
    hand.end()
    said.append(hermes_install("uninstall", "--yes", user=user))
    for run in said:
        check(f"{scope}: no message prints the launcher's source", SOURCE not in run.text, run.text)
    check(f"{scope}: the journal does not, either", SOURCE not in unit.journal())


def in_place(default: Profile, store: Store) -> None:
    """An older installation updated in place: hermes executes itself anew, and its arguments are in the source."""
    hermes = store.in_place()
    unit = Unit(default.unit, user="alice")
    done = hermes_install("--profile", "default", "--hermes", str(hermes), "--user", user="alice")
    equal("in place: install ends with", done.code, 0)
    equal("in place: gateways", default.gateways(), [unit.pid])
    contains("in place: its arguments are", Path(f"/proc/{unit.pid}/cmdline").read_text(), "'gateway', 'run']")
    shown = status(default, user="alice")
    equal("in place: owner in status", (shown["owner"] or {}).get("pid"), unit.pid)
