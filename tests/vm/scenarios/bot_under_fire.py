"""A bot on Telegram to which a person writes all the time, while takeovers, crashes, restarts, updates, reboots and a second manager
happen at random: every message answered once, at most one poller, no loop. Played by hand, with `--hermes VERSION`.

VMCHECK_FIRE_SECONDS is how long (3600), VMCHECK_FIRE_SEED repeats a run's events, and VMCHECK_FIRE_UNIT=upstream plays them with
hermes' own unit, the negative control. VMCHECK_FIRE_PACE is how many seconds pass between two messages (10).
"""

import json
import os
import random
import shutil
import subprocess
import time
from collections import Counter
from pathlib import Path

import outside
import verdict
import wait
from bot import configure, install_library
from check import OUT, check, equal, measured
from fire import EVENTS, OURS, Fire, say
from gateway import at_least

HERMES: list[str] = []
# At most; each reboot is one.
BOOTS = 1000
SECONDS = 3700

LASTS = int(os.environ.get("VMCHECK_FIRE_SECONDS", "3600"))
STATE = Path("/var/lib/outside/fire.json")

# A planned restart waits for turns since 0.20: who began one answers.
WAITS = ("reload", "usr1", "install_restart", "cli_restart", "chat_restart") if at_least(0, 20) else ()


def run() -> None:
    fire = Fire()
    state = json.loads(STATE.read_text()) if STATE.exists() else begin(fire)
    say(f"seed {state['seed']}, boot {outside.read().boots}")
    if state["event"]:
        settle(fire, state)
    while time.time() < state["begin"] + LASTS:
        state["number"] += 1
        # Of its own number, so that a reboot changes nothing.
        fire.rng = random.Random(f"{state['seed']}/{state['number']}")
        time.sleep(fire.rng.uniform(5, 20))
        answers_again(state)
        state["event"] = fire.rng.choices(list(EVENTS), list(EVENTS.values()))[0]
        start(fire, state)
        if state["event"] == "reboot":
            # The end of this boot's part is the end of the boot; the next one settles it.
            return
        play(fire, state)
    outside.SILENT.touch()
    # A turn that was lost can be read there, in which boot it ever was.
    shutil.copytree(fire.profile.home / "logs", OUT / "hermes-logs")
    finish(state)


def begin(fire: Fire) -> dict:
    """A bot that answers, under the unit, and the unit of another manager beside it, which is not started."""
    install_library()
    outside.place()
    configure(fire.profile, outside.BOT, outside.MODEL)
    config = fire.profile.home / "config.yaml"
    # As the default is, a message would end the turn of the one before.
    config.write_text(config.read_text() + "display:\n  busy_input_mode: queue\n")
    fire.cell.put(fire.other, "--no-enable")
    fire.other.systemctl("disable", check=False)
    fire.cell.begin()
    wait.until("the unit's gateway to poll", fire.is_settled, 60)
    outside.HAPPENS.write_text("calm")
    seed = os.environ.get("VMCHECK_FIRE_SEED") or str(random.SystemRandom().randrange(1000000))
    seen: dict = {"played": [], "loops": [], "mended": [], "mute": [], "refused": 0}
    return {"seed": seed, "begin": time.time(), "calm": time.time(), "number": 0, "event": "", **seen}


def answers_again(state: dict) -> None:
    """Give the bot the time for a turn after an event, however slow the machine is."""
    since = state["calm"]

    def answered() -> bool:
        record = outside.read()
        return any(account.answers and record.said[account.number] > since for account in outside.accounts(record))

    try:
        wait.until("an answer after the last event", answered, 100, every=1)
    except wait.TimedOut:
        state["mute"].append(state["played"][-1][0] if state["played"] else "start")


def start(fire: Fire, state: dict) -> None:
    """Note what is about to happen, and how often the units had been started before, in this boot or the next."""
    name = state["event"]
    state |= {"since": time.time(), "starts": [fire.unit.starts(), fire.other.starts()]}
    say(f"{time.time() - state['begin']:7.1f} {name}")
    outside.HAPPENS.write_text(name)
    if name == "reboot":
        state["starts"] = [0, 0]
    save(state)


def play(fire: Fire, state: dict) -> None:
    """One event, until the unit runs the gateway again."""
    name = state["event"]
    try:
        getattr(fire, name)()
    except (RuntimeError, OSError, wait.TimedOut, subprocess.CalledProcessError) as e:
        state["mended"].append(f"{name}: {e}")
        say(f"        {e}")
    settle(fire, state)


def settle(fire: Fire, state: dict) -> None:
    """Wait for the unit's gateway, or have somebody mend it; then count what was started."""
    name = state["event"]
    try:
        wait.until("the unit's gateway, alone", fire.is_settled, 100, every=0.5)
    except wait.TimedOut:
        state["mended"].append(f"{name}: gateways {fire.profile.gateways()}, the unit {fire.unit.states}, pid {fire.unit.pid}")
        say(f"        mended: {state['mended'][-1]}")
        fire.mend()
        wait.until("it to be mended", fire.is_settled, 60)
    started = [unit.starts() - before for unit, before in zip((fire.unit, fire.other), state["starts"], strict=True)]
    # Which a reboot asks for.
    asked = [1, 0] if name == "reboot" else fire.asked
    if any(n > most + verdict.EXTRA_STARTS for n, most in zip(started, asked, strict=True)):
        state["loops"].append(f"{name}: started {started} times, asked for {asked}")
        say(f"        loops: {state['loops'][-1]}")
    state["refused"] += fire.refused
    fire.refused, fire.asked = 0, [0, 0]
    state["played"].append([name, round(time.time() - state["since"], 1)])
    state |= {"event": "", "calm": time.time()}
    outside.HAPPENS.write_text("calm")
    save(state)


def save(state: dict) -> None:
    STATE.write_text(json.dumps(state))


def finish(state: dict) -> None:
    """The last answers, then the verdict; of hermes' own unit, that the same eyes see what is wrong with it."""

    def answered() -> bool:
        return all(account.answers or account.repeats or account.is_refused or account.interrupted for account in outside.accounts(outside.read()))

    try:
        wait.until("the last answers", answered, 30)
    except wait.TimedOut as e:
        say(str(e))
    record = outside.read()
    (OUT / "record.json").write_text(outside.RECORD.read_text())
    (OUT / "over").touch()
    report(state, record)
    found = outside.accounts(record)
    cut = [a for a in found if a.interrupted]
    calm = [a for a in found if not a.interrupted]
    silent = [a for a in found if not a.answers and not a.repeats and not a.is_refused]
    unanswered = [a for a in silent if not a.interrupted or (a.begun and set(a.interrupted) <= set(WAITS))]
    twice = [a for a in found if len(a.answers) > 1 and a.fetched_by == 1]
    measured("messages", {
        "said": len(found), "answered": sum(bool(a.answers) for a in found), "of them not interrupted": sum(bool(a.answers) for a in calm),
        "refused with a notice": sum(a.is_refused for a in found), "interrupted": len(cut), "interrupted, and no answer": len(cut) and sum(a in silent for a in cut),
        "sent again, and said so": sum(bool(a.repeats) for a in found), "twice, as two had fetched it": sum(len(a.answers) > 1 < a.fetched_by for a in found),
    })  # fmt: skip
    if OURS:
        equal("messages without an answer", unanswered, [])
        equal("messages with two answers", twice, [])
        equal("times that one polled beside another", record.conflicts, [])
        equal("loops", state["loops"], [])
        equal("what did not come back by itself", state["mended"], [])
        equal("messages that hermes had Telegram forget", record.dropped, [])
        return
    for what, seen in (("unanswered", unanswered), ("twice", twice), ("conflicts", record.conflicts), ("loops", state["loops"]),
                       ("mended", state["mended"])):  # fmt: skip
        measured(what, [len(seen), *map(str, seen[:40])])
    check("the control is seen to loop, or to poll twice", state["loops"] or record.conflicts)


def report(state: dict, record: outside.Record) -> None:
    """What happened, and how long nobody polled."""
    measured("seed", state["seed"])
    measured("seconds", round(time.time() - state["begin"]))
    measured("events", dict(Counter(name for name, _ in state["played"])))
    measured("boots", record.boots)
    measured("no answer for minutes after", state["mute"])
    measured("takeovers that hermes refused", state["refused"])
    ended = [silence for silence in record.silences if silence.end and silence.begin >= state["begin"]]
    for cause in sorted({silence.cause for silence in ended}):
        seconds = sorted(round(silence.seconds, 1) for silence in ended if silence.cause == cause)
        figures = {"times": len(seconds), "sum": round(sum(seconds), 1), "median": seconds[len(seconds) // 2], "longest": seconds[-1]}
        measured(f"silence, {cause}", figures)
    measured("silence", {"sum": round(sum(s.seconds for s in ended)), "longest": round(max(s.seconds for s in ended), 1)})
    waits = sorted(min(answers) - record.said[number] for number, answers in ((a.number, a.answers) for a in outside.accounts(record)) if answers)
    measured("seconds until an answer", {"median": round(waits[len(waits) // 2], 1), "longest": round(waits[-1], 1)})
