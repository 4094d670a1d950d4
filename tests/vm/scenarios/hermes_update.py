"""A real `hermes update`, as far as it goes without a network: `restart --outdated` from a timer has the new code run within two
minutes of the turns that go on, which are finished first. So does what hermes itself does at the end of an update."""

import json
import threading
from pathlib import Path

import wait
from check import check, contains, equal
from gateway import Profile
from installer import PROGRAM, hermes_install
from model import Echo
from store import Store
from systemd import Unit, systemctl
from update import end_update, update

HERMES = ["0.22.2-store"]
SECONDS = 220

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

    answer = begin_turn(default, model, "timer")
    new = update(store)
    contains("status", hermes_install("status", "--long").out, "restart needed", "`hermes-install restart default`")
    found = json.loads(hermes_install("doctor", "--json").out)["findings"]
    check("doctor finds it", "hermes-changed" in {finding["rule"] for finding in found}, found)

    directory = Path("/etc/systemd/system")
    (directory / "hermes-outdated.service").write_text(SERVICE)
    (directory / "hermes-outdated.timer").write_text(TIMER)
    systemctl("daemon-reload")
    systemctl("enable", "--now", "hermes-outdated.timer")
    renewed(default, model, answer, new, "timer")
    timed = Unit("hermes-outdated.service")
    wait.until("the timer's service to end", lambda: timed.show()["ActiveState"] != "activating")
    equal("its result", timed.show()["Result"], "success")
    systemctl("disable", "--now", "hermes-outdated.timer")

    answer = begin_turn(default, model, "end")
    new = update(store)
    end = threading.Thread(target=end_update, args=(store,))
    end.start()
    renewed(default, model, answer, new, "end")
    end.join(60)
    equal("starts of the unit", unit.starts(), 3)


def begin_turn(default: Profile, model: Echo, word: str) -> list[str]:
    """A turn that goes on until the model may answer."""
    model.may_answer.clear()
    answer = default.ask(f"ping-{word}")
    wait.until("the turn to begin", lambda: any(f"ping-{word}" in said for said in model.asked_for))
    return answer


def renewed(default: Profile, model: Echo, answer: list[str], new: str, word: str) -> None:
    """The gateway is asked, finishes its turn, and the next one runs the new code."""
    unit = Unit(default.unit)
    before = unit.pid
    wait.until("the gateway to drain", lambda: default.state().get("gateway_state") == "draining", NEW_CODE)
    equal(f"{word}: its turn goes on in", default.gateways(), [before])
    contains(f"{word}: status", hermes_install("status").out, "draining")
    model.may_answer.set()
    wait.until("the answer", lambda: answer)
    contains(f"{word}: the answer of the turn", answer[0], f"pong-{word}")
    wait.until("the new code to run", lambda: default.state().get("code_sha") == new and default.is_up(unit.pid), NEW_CODE)
    equal(f"{word}: gateways", default.gateways(), [unit.pid])
    check(f"{word}: the unit is active", unit.states[0] == "active", unit.states)
