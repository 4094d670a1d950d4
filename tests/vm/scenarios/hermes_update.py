"""A real `hermes update`, as far as it goes without a network: the unit's gateway runs the new code within two minutes."""

import wait
from check import check, contains, equal, measured
from gateway import Profile
from installer import hermes_install
from store import Store
from systemd import Unit, as_user

HERMES: list[str] = []  # 0.22.2-store, as soon as the program restarts what an update leaves with the old code
SECONDS = 300

# Seconds from the end of an update until the new code runs.
NEW_CODE = 120


def run() -> None:
    store = Store("alice").place()
    store.repository()
    default = Profile("default", "alice", str(store.root)).make()
    for scope, args, user in (("user", ["--user"], "alice"), ("system", ["--system", "--run-as", "alice"], "root")):
        play(scope, store, default, args, user)


def play(scope: str, store: Store, default: Profile, args: list[str], user: str) -> None:
    done = hermes_install("--profile", "default", "--hermes", str(store.hermes), *args, user=user)
    equal(f"{scope}: install ends with", done.code, 0)
    unit = Unit(default.unit, user="alice" if scope == "user" else None)
    old = store.git("rev-parse", "HEAD").strip()
    equal(f"{scope}: the commit that runs", default.state().get("code_sha"), old)
    new = store.publish()
    updated = as_user("alice", str(store.hermes), "update", "--yes")
    print(updated.stdout, updated.stderr, flush=True)
    equal(f"{scope}: the commit on disk", store.git("rev-parse", "HEAD").strip(), new)
    contains(f"{scope}: its version", as_user("alice", str(store.hermes), "--version").stdout, "+", f".g{new[:7]}")
    wait.until(f"{scope}: the new code to run", lambda: default.state().get("code_sha") == new and unit.pid, NEW_CODE)
    default.until_up()
    equal(f"{scope}: gateways", default.gateways(), [unit.pid])
    check(f"{scope}: the unit is active", unit.states[0] == "active", unit.states)
    measured(f"{scope}: starts of the unit", unit.starts())
    hermes_install("uninstall", "--yes", user=user)
