"""A real `hermes update` beside hermes' own unit under the guard: hermes stops the gateway once its turn is finished, ends without a
network where it fetches dependencies, and leaves the unit stopped; what it does after them starts the unit with the new code."""

import threading

import wait
from cell import UPSTREAM, USER, Cell
from check import check, contains, equal, measured
from installer import hermes_install
from model import Echo
from store import Store
from update import resume, updated
from watch import Watch

# By hand, before a release: `tests/vm/run --scenario hermes_update_guarded --hermes 0.22.2-store`. The guard itself is played by
# `guard` and the matrix, and an update by `hermes_update`.
HERMES: list[str] = []
SECONDS = 150


def run() -> None:
    equal("guard ends with", hermes_install("guard").code, 0)
    store = Store(USER).place()
    store.repository()
    cell = Cell("upstream-user", hermes=str(store.hermes))
    default, model = cell.profile, Echo()
    default.serve_api(8642, model.port)
    cell.begin()
    unit = cell.unit
    old = default.until_up()
    contains("drop-ins", unit.show()["DropInPaths"], f"{UPSTREAM}.d/50-hermes-install-guard.conf")

    model.may_answer.clear()
    answer = default.ask("ping-turn")
    wait.until("the turn to begin", lambda: any("ping-turn" in said for said in model.asked_for))
    new = store.publish()
    said: list[str] = []
    update = threading.Thread(target=lambda: said.append(updated(store)))
    with Watch(default) as watch:
        update.start()
        wait.until("the gateway to drain", lambda: default.state().get("gateway_state") == "draining", 120)
        equal("its turn goes on in", default.gateways(), [old])
        model.may_answer.set()
        wait.until("the answer", lambda: answer)
        contains("the answer of the turn", answer[0], "pong-turn")
        update.join(600)
        contains("what the update says", said[0], "Paused for the update: hermes-gateway", "Paused gateway(s) left stopped")
        equal("the commit on disk", store.git("rev-parse", "HEAD").strip(), new)
        equal("gateways", default.gateways(), [])
        equal("the unit", unit.states, ("inactive", "success"))
        start = f"systemctl --user start {UPSTREAM}"
        shown = hermes_install("status", "--user", user=USER)
        equal("status ends with", shown.code, 1)
        contains("status", shown.out, "stopped", f"an update of hermes stopped `{UPSTREAM}` and did not start it again", start)
        told = hermes_install("why", "--user", "default", user=USER)
        equal("why ends with", told.code, 0)
        contains("why", told.out, "default: ended", "an update of hermes stopped", start)
        contains("logs", hermes_install("logs", "--user", "default", user=USER).out, f"Started {UPSTREAM}")
        # hermes' record stays, and somebody else stops it this time.
        unit.systemctl("start")
        default.until_up(after=old)
        unit.systemctl("stop")
        shown = hermes_install("status", "--user", user=USER)
        check("a later stop is not the update's", shown.code == 0 and "an update" not in shown.out, shown.text)

        contains("what the end of one says", resume(store), "Restarted paused gateway(s): hermes-gateway")
        wait.until("the new code to run", lambda: default.state().get("code_sha") == new and default.is_up(unit.pid), 120)
    equal("gateways after it", default.gateways(), [unit.pid])
    check("never two that hold the lock", watch.most_owners <= 1, watch.owners)
    check("the unit is active", unit.states[0] == "active", unit.states)
    measured("starts of the unit", unit.starts())
