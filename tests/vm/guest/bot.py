"""A bot of Telegram's: its profile, its library, and what its chat sees while gateways change."""

import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import wait
from check import check, equal, measured
from gateway import CONFIG, VERSION, Profile, at_least
from model import Echo, configured
from telegram import TOKEN, USER, BotAPI

# Up to then a gateway that starts asks Telegram to forget what was said while there was none.
KEEPS_PENDING = at_least(0, 21, 5)


class Serves(Protocol):
    """Something that listens on loopback."""

    port: int


def configure(profile: Profile, bot: Serves, model: Serves, installs: bool = False) -> Profile:
    """Make a profile whose gateway speaks with this stand-in and asks this model, and installs what it lacks, or not."""
    config = CONFIG.replace("allow_lazy_installs: false", f"allow_lazy_installs: {str(installs).lower()}")
    config += (
        f"{configured(model.port)}platforms:\n  telegram:\n    enabled: true\n    extra:\n      base_url: http://127.0.0.1:{bot.port}/bot\n"
        "      drop_pending_on_cold_boot: false\n"
    )
    # Without the last one it asks the network for addresses of the real service.
    env = f"TELEGRAM_BOT_TOKEN={TOKEN}\nTELEGRAM_ALLOWED_USERS={USER}\nHERMES_TELEGRAM_DISABLE_FALLBACK_IPS=1\n"
    return profile.make(config, env)


def open_environment() -> None:
    """Let root write hermes' environment, which is the host's, for the rest of this boot."""
    place = f"/opt/hermes/{VERSION}"
    layers = Path("/run/vmcheck-library")
    for name in ("upper", "work"):
        (layers / name).mkdir(parents=True)
    options = f"lowerdir={place},upperdir={layers}/upper,workdir={layers}/work"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, place], check=True)


def install_library() -> None:
    """Install what hermes needs for Telegram into its environment, as its administrator does with pip."""
    open_environment()
    place = f"/opt/hermes/{VERSION}"
    pip = (f"{place}/bin/pip", "install", "--quiet", "--no-index", f"--find-links={place}/wheels")
    subprocess.run([*pip, "python-telegram-bot[webhooks]"], check=True)


def install_into(environment: Path) -> None:
    """The same into an environment that has no pip, such as that of install.sh's."""
    origin = f"/opt/hermes/{VERSION}"
    packages = next(environment.glob("lib/python*/site-packages"))
    # Into a directory pip installs dependencies anew, and these are there.
    pip = (f"{origin}/bin/pip", "install", "--quiet", "--no-index", "--no-deps", "--upgrade", f"--target={packages}")
    subprocess.run([*pip, *Path(f"{origin}/wheels").glob("*.whl")], check=True)


def answered(bot: BotAPI, word: str, seconds: float = 60) -> None:
    """A message is answered while a gateway runs, which may take so long to poll."""
    wait.until("somebody to poll", lambda: bot.polling, seconds)
    bot.say(f"ping-{word}")
    wait.until(f"an answer to {word}", lambda: bot.answers(f"pong-{word}"), 60)


def around(bot: BotAPI, model: Echo, name: str, change: Callable[[], object], finishes: bool = False) -> None:
    """A message whose turn goes on while gateways change, one while nobody polls, one after it.

    A stop does not wait for turns, unless the profile says so, and a planned restart does from 0.20 on, which `finishes` says: then
    the old gateway answers. Else it tells the person, interrupts the turn and notes that, and the next one asks the model anew with a
    note that asks it to say that the session was restored, and not to go on with the work. So a message in such a turn is answered
    once at most, as the model pleases (`_stop_impl` and `build_resume_recovery_note` of gateway/run.py, 0.19.0 to 0.22.2).
    """
    before, during, after = (f"{name}{when}" for when in ("before", "during", "after"))
    old = wait.until("somebody to poll", lambda: bot.polling)[0]
    told = len(model.restored)
    model.may_answer.clear()
    bot.say(f"ping-{before}")
    wait.until("the turn to begin", lambda: any(f"ping-{before}" in said for said in model.asked_for))
    change()
    gone = lambda: not Path(f"/proc/{old}").exists()  # noqa: E731
    if finishes:
        check(f"{name}: the old one works on", not gone())
        model.may_answer.set()
        wait.until("an answer to the one before", lambda: bot.answers(f"pong-{before}"), 60)
    wait.until("the old one to be gone", gone, 90)
    model.may_answer.set()
    bot.say(f"ping-{during}")
    wait.until("another to poll", lambda: bot.polling, 90)
    answered(bot, after)
    if not finishes:
        wait.until("the model to be told of the interruption", lambda: len(model.restored) > told, 60)
        # 0.22 has no texts in a wheel, and says their names.
        notices = ("Your current task will be interrupted", "gateway.shutdown.notice")
        check(f"{name}: the person is told", any(bot.answers(notice) for notice in notices))
    forgotten = f"ping-{during}" in bot.chat.dropped
    if KEEPS_PENDING:
        wait.until("an answer to the one during it", lambda: bot.answers(f"pong-{during}"), 60)
        check(f"{name}: hermes had Telegram forget nothing", not forgotten)
    for word in (before, during, after):
        said = bot.answers(f"pong-{word}")
        # It cannot know whether an answer arrived that it sent when it was stopped, and says so when it sends it again.
        plain = [text for text in said if "may be a duplicate" not in text]
        if word != before or finishes:
            wanted = not (word == during and forgotten)
            check(f"{word} is answered {'once' if wanted else 'by nobody'}", len(plain) <= 1 and bool(said) == wanted, said)
        else:
            check(f"{word} is answered once at most", len(plain) <= 1, said)


def verdict(bot: BotAPI) -> None:
    """What holds of all of it."""
    equal("the most that polled at a time", bot.chat.most_pollers, 1)
    equal("pollers that came back", len(bot.chat.pollers), len(set(bot.chat.pollers)))
    measured("methods called", dict(Counter(bot.chat.calls)))
    measured("what the bot said", list(bot.chat.answers.values()))
