"""The installation of install.sh in each scope: found without being named, run, seen by status and doctor, never printed."""

import json
import os
import re
import subprocess
from pathlib import Path

from check import check, contains, equal
from gateway import Profile, fresh_account
from installer import hermes_install, status
from store import Store
from systemd import BASE, Unit
from tenant import tenant

HERMES = ["0.22.2-store"]
SECONDS = 130

# What only the source of its launcher says.
SOURCE = "import hermes_bootstrap"

# There is no network: this stands for curl, and what it prints places what install.sh would, as whoever runs it.
CURL = f"""#!/bin/sh
case $* in *https://hermes-agent.nousresearch.com/install.sh) ;; *) exit 6 ;; esac
cat <<'END'
exec /usr/bin/python3 -Bc '
import getpass, os, sys
sys.path.insert(0, "{Path(__file__).parents[1] / "guest"}")
from store import Store
Store(getpass.getuser(), os.environ["HERMES_HOME"]).place()'
END
"""


def run() -> None:
    alice = Store("alice").place()
    default = Profile("default", "alice", str(alice.root)).make()
    in_scope("user", default, alice, "--user", user="alice")
    in_scope("system", default, alice, "--system", "--run-as", "alice", user="root")
    in_place(default, alice)
    two_bots()


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


def two_bots() -> None:
    """README's recipe, then a second bot: a tenant, which is told in one command how it gets a hermes, and has one then."""
    fresh_account()
    Store("hermes", "/var/lib/hermes").place()
    first = Profile("default").make()
    equal("two bots: install of the first ends with", hermes_install("--profile", "default").code, 0)
    equal("two bots: gateways of the first", first.gateways(), [Unit(first.unit).pid])
    refused = hermes_install("--profile", "second", env={"COLUMNS": "4000"})
    equal("two bots: install of the second ends with", refused.code, 3)
    contains("two bots: the other way out", refused.err, "`hermes-install --profile second --shared --create`")
    commands = re.findall("^ +(useradd .+)$", refused.err, re.MULTILINE)
    equal("two bots: commands that it names", len(commands), 1)
    curl = Path("/usr/local/bin/curl")
    curl.write_text(CURL)
    curl.chmod(0o755)
    typed = subprocess.run(["sh", "-c", commands[0]], capture_output=True, text=True, env={**os.environ, **BASE})
    print(typed.stdout, typed.stderr, flush=True)
    equal("two bots: that command ends with", typed.returncode, 0)
    done = hermes_install("--profile", "second")
    equal("two bots: the same install then ends with", done.code, 0)
    second = tenant("second")
    pid = Unit(second.unit).pid
    equal("two bots: gateways of the second", (second.gateways(), Path(f"/proc/{pid}").owner()), ([pid], "hermes-second"))
    command = Path(f"/proc/{pid}/cmdline").read_text()
    contains("two bots: its hermes", command, str(second.root / "tools"))
    modes = {str(path): (oct(path.stat().st_mode & 0o777), path.owner()) for path in (second.root.parents[1], second.root.parent)}
    tops = {"/var/lib/hermes-tenants": ("0o711", "root"), "/var/lib/hermes-tenants/second": ("0o700", "hermes-second")}
    equal("two bots: modes of its directories", modes, tops)
