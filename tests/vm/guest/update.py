"""A real `hermes update` of install.sh's installation, as far as it goes without a network."""

import subprocess

from check import contains, equal
from store import Store
from systemd import as_user

# What an update does once the dependencies are there, which it cannot fetch here: it restarts the gateways of its units and those
# that people started, and asks the ones that run older code than the checkout's all the same, such as those of units that are
# called `hermes-gateway@…` (`complete` of hermes_cli/update_completion.py and hermes_cli/update_cmd_fleet_verify.py).
END = """
import sys
sys.path.insert(0, sys.argv[1])
from hermes_cli import update_cmd_fleet as fleet
from hermes_cli.update_cmd_stale_survivors import signal_stale_fleet_survivors
from hermes_cli.update_receipt import collect_fleet_versions
done = fleet._restart_gateway_fleet_after_update(None, False)
rows = collect_fleet_versions(pre_restart_pids=done.pre_restart_gateway_pids)
print(rows, done)
print(signal_stale_fleet_survivors(rows, done, fleet._gateway_drain_budget()))
"""

# What an update does once the dependencies are there, or the next one that gets so far: start what was paused
# (`resume_paused_set`, hermes_cli/update_cmd_posix_pause.py).
RESUME = """
import sys
sys.path.insert(0, sys.argv[1])
from hermes_cli import update_cmd_posix_pause as pause
pause.resume_paused_set(pause.arm_pause(no_gateway_restart=False))
"""


def update(store: Store) -> str:
    """Upstream has a commit more, and its user updates; that commit."""
    new = store.publish()
    updated(store)
    equal("the commit on disk", store.git("rev-parse", "HEAD").strip(), new)
    contains("its version", as_user(store.user, str(store.hermes), "--version").stdout, "+", f".g{new[:7]}")
    return new


def updated(store: Store) -> str:
    """What `hermes update` says."""
    return _said(as_user(store.user, str(store.hermes), "update", "--yes"))


def resume(store: Store) -> str:
    """What an update says when it starts what it has paused."""
    return _of_update(store, RESUME)


def end_update(store: Store) -> None:
    """The end of an update."""
    _of_update(store, END)


def _of_update(store: Store, source: str) -> str:
    """Run a part of an update, as the installation's own Python."""
    return _said(as_user(store.user, str(store.environment / "bin/python3"), "-c", source, str(store.checkout)))


def _said(done: subprocess.CompletedProcess[str]) -> str:
    print(done.stdout, done.stderr, flush=True)
    return done.stdout + done.stderr
