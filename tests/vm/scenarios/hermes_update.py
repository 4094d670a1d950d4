"""A real `hermes update`, as far as it goes without a network: `restart --outdated` from a timer has the new code run within two
minutes of the turns that go on, which are finished first."""

import json
from pathlib import Path

import wait
from check import check, contains, equal
from gateway import Profile
from installer import PROGRAM, hermes_install
from model import Echo
from store import Store
from systemd import Unit, as_user, systemctl

HERMES = ["0.22.2-store"]
SECONDS = 150

# Seconds from the timer's start until the gateway is asked, and from the end of the turns until the new code runs.
NEW_CODE = 120

# docs/hermes-versions.md has these.
SERVICE = f"[Service]\nType=oneshot\nExecStart={PROGRAM} restart --outdated\n"
TIMER = "[Timer]\nOnCalendar=minutely\n[Install]\nWantedBy=timers.target\n"


def run() -> None:
    store = Store("alice").place()
    store.repository()
    default = Profile("default", "alice", str(store.root))
    model = Echo()
    default.serve_api(8642, model.port)
    equal("install ends with", hermes_install("--profile", "default", "--run-as", "alice").code, 0)
    unit = Unit(default.unit)
    before = unit.pid
    equal("the commit that runs", default.state().get("code_sha"), store.git("rev-parse", "HEAD").strip())
    check("status does not call it old", "restart needed" not in hermes_install("status", "--long").out)
    equal("restart --outdated ends with", hermes_install("restart", "--outdated").code, 0)
    equal("the gateway after it", unit.pid, before)

    model.may_answer.clear()
    answer = default.ask("ping-turn")
    wait.until("the turn to begin", lambda: model.asked)
    new = update(store)
    contains("status", hermes_install("status", "--long").out, "restart needed", "`hermes-install restart default`")
    found = json.loads(hermes_install("doctor", "--json").out)["findings"]
    check("doctor finds it", "hermes-changed" in {finding["rule"] for finding in found}, found)

    directory = Path("/etc/systemd/system")
    (directory / "hermes-outdated.service").write_text(SERVICE)
    (directory / "hermes-outdated.timer").write_text(TIMER)
    systemctl("daemon-reload")
    systemctl("enable", "--now", "hermes-outdated.timer")
    wait.until("the gateway to drain", lambda: default.state().get("gateway_state") == "draining", NEW_CODE)
    equal("its turn goes on in", default.gateways(), [before])
    contains("status", hermes_install("status").out, "draining")
    model.may_answer.set()
    wait.until("the answer", lambda: answer)
    contains("the answer of the turn", answer[0], "pong-turn")

    wait.until("the new code to run", lambda: default.state().get("code_sha") == new and default.is_up(unit.pid), NEW_CODE)
    equal("gateways", default.gateways(), [unit.pid])
    check("the unit is active", unit.states[0] == "active", unit.states)
    equal("starts of the unit", unit.starts(), 2)
    timed = Unit("hermes-outdated.service")
    wait.until("the timer's service to end", lambda: timed.show()["ActiveState"] != "activating")
    equal("its result", timed.show()["Result"], "success")


def update(store: Store) -> str:
    """Upstream has a commit more, and alice updates; that commit."""
    new = store.publish()
    updated = as_user("alice", str(store.hermes), "update", "--yes")
    print(updated.stdout, updated.stderr, flush=True)
    equal("the commit on disk", store.git("rev-parse", "HEAD").strip(), new)
    contains("its version", as_user("alice", str(store.hermes), "--version").stdout, "+", f".g{new[:7]}")
    return new
