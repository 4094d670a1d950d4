"""A task on the Kanban board is done: within the unit in the system's manager, which has no user manager for it, and in a scope of its
own in a user's. One that runs during a restart of the unit is done after it."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import wait
from check import check, contains, equal
from gateway import HERMES as PROGRAM
from gateway import IDLE, Profile
from installer import hermes_install, install, shell
from model import Echo, configured
from systemd import Unit, as_user
from tenant import tenant

HERMES = ["0.22.2"]
SECONDS = 120


def run() -> None:
    model = Echo()
    config = f"{IDLE}kanban:\n  dispatch_interval_seconds: 2\n{configured(model.port)}"
    of_tenant(model, config)
    of_user(model, config)


def of_tenant(model: Echo, config: str) -> None:
    bot = tenant("a")
    equal("install ends with", install(bot, "--no-start").code, 0)
    path = bot.home / "config.yaml"
    path.write_text(config)
    shell("chown", f"{bot.user}:", str(path))
    equal("its start ends with", install(bot).code, 0)
    typed = lambda *words: hermes_install("run", "a", "--", *words).out  # noqa: E731
    task = created(bot, model, typed)
    contains("where the worker runs", Path(f"/proc/{working(bot, model, task)}/cgroup").read_text(), f"/{bot.unit}\n")
    model.may_answer.set()
    equal("how its runs ended", done(bot, task), ["completed"])

    task = created(bot, model, typed)
    worker = working(bot, model, task)
    unit = Unit(bot.unit)
    old = unit.pid
    restarted = hermes_install("run", "a", "--", "gateway", "restart")
    contains("what hermes says of a restart", restarted.text, "relaunched by its supervisor")
    equal("the next gateway", bot.until_up(after=old), unit.pid)
    equal("gateways", bot.gateways(), [unit.pid])
    check("the worker ended with the unit", not Path(f"/proc/{worker}").exists())
    model.may_answer.set()
    outcomes = done(bot, task)
    equal("how the last run of its task ended", (len(outcomes), outcomes[-1]), (2, "completed"))


def of_user(model: Echo, config: str) -> None:
    """In its own manager, and in the system's as long as its own is there, which a task is handed to."""
    bot = Profile("default", "alice", "/home/alice/.hermes").make(config)
    shell("loginctl", "enable-linger", "alice")
    named = ("--profile", "default", "--hermes", PROGRAM)
    equal("install by a user ends with", hermes_install(*named, user="alice").code, 0)
    scoped(bot, model)
    equal("uninstall ends with", hermes_install("uninstall", "--profile", "default", user="alice").code, 0)
    equal("install for that user ends with", hermes_install(*named, "--run-as", "alice").code, 0)
    scoped(bot, model)


def scoped(bot: Profile, model: Echo) -> None:
    task = created(bot, model, lambda *words: as_user("alice", PROGRAM, *words).stdout)
    where = Path(f"/proc/{working(bot, model, task)}/cgroup").read_text()
    contains("where a user's worker runs", where, "/user@", "/hermes-worker-kanban-")
    check("that is not in the unit", bot.unit not in where, where)
    model.may_answer.set()
    equal("how its runs ended", done(bot, task), ["completed"])


def created(bot: Profile, model: Echo, hermes: Callable[..., str]) -> str:
    """A task on the board of a gateway that runs, and a model that does not answer yet."""
    bot.until_up()
    model.may_answer.clear()
    return json.loads(hermes("kanban", "create", "say hello", "--assignee", "default", "--json"))["id"]


def working(bot: Profile, model: Echo, task: str) -> int:
    """The worker that has asked the model; it may be a wrapper of systemd-run's before."""
    wait.until("it to ask the model", lambda: any(task in asked for asked in model.asked_for), 60)
    return int(one(bot, "SELECT worker_pid FROM tasks WHERE id = ?", task))


def done(bot: Profile, task: str) -> list[str]:
    """Wait until it is done; how its runs ended."""
    wait.until("the task to be done", lambda: one(bot, "SELECT status FROM tasks WHERE id = ?", task) == "done", 90)
    return json.loads(one(bot, "SELECT json_group_array(outcome) FROM task_runs WHERE task_id = ?", task))


def one(bot: Profile, question: str, task: str) -> str:
    """One value of the board's database."""
    database = sqlite3.connect(f"file:{bot.root}/kanban.db?mode=ro", uri=True)
    try:
        return str(database.execute(question, (task,)).fetchone()[0])
    finally:
        database.close()
