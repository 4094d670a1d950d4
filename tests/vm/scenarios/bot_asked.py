"""A person asks a bot to look after its own unit: what its tool types neither waits for the turn that waits for it, nor ends half done,
nor takes what a tenant sees for the host."""

import json
import re
from pathlib import Path

import wait
from bot import answered, configure, install_library
from check import check, contains, equal
from gateway import HERMES as PROGRAM
from gateway import Profile
from installer import hermes_install, install, shell
from model import Echo
from systemd import Unit
from telegram import BotAPI
from tenant import tenant

HERMES = ["0.22.2"]
SECONDS = 150


def run() -> None:
    install_library()
    bot, model = BotAPI(), Echo()
    of_user(bot, model)
    of_tenant(bot, model)


def of_user(bot: BotAPI, model: Echo) -> None:
    default = obedient(Profile("default", "alice", "/home/alice/.hermes"), bot, model)
    shell("loginctl", "enable-linger", "alice")
    done = hermes_install("--profile", "default", "--hermes", PROGRAM, user="alice")
    equal("install ends with", done.code, 0)
    unit = Unit(default.unit, "alice")
    answered(bot, "first")

    old = unit.pid
    code, said = typed(bot, model, "hermes-install restart")
    equal("restart ends with", code, 0)
    contains("what it says", said, "restarts when this turn is over")
    equal("the next gateway", default.until_up(after=old), unit.pid)
    answered(bot, "second")

    old = unit.pid
    code, said = typed(bot, model, "hermes-install uninstall --profile default")
    equal("uninstall ends with", code, 3)
    contains("what it says of the unit", said, default.unit)
    equal("the gateway", (unit.states[0], unit.pid), ("active", old))
    outside = re.findall(r"`(systemd-run [^`]*)`", said)
    equal("commands that lead on", len(outside), 1)
    bot.say(f"type: {outside[0]}")
    receipt = Path("/home/alice/.local/state/hermes-install/receipt.json")
    check("there is a receipt before", receipt.exists())
    wait.until("the unit to be uninstalled, and all that is its own", lambda: not unit.pid and not receipt.exists(), 60)


def of_tenant(bot: BotAPI, model: Echo) -> None:
    a = tenant("a")
    equal("install of a tenant ends with", install(a, "--no-start").code, 0)
    shell("chown", "-R", f"{a.user}:", str(obedient(a, bot, model).home))
    equal("its start ends with", install(a).code, 0)
    for command in ("status", "doctor"):
        code, said = typed(bot, model, f"hermes-install {command}")
        equal(f"{command} ends with", code, 3)
        contains(f"what {command} leads to", said, f"in a shell of this host: `hermes-install {command}`")


def obedient(profile: Profile, bot: BotAPI, model: Echo) -> Profile:
    """A bot that types what it is asked to, and asks nobody."""
    configure(profile, bot, model)
    config = profile.home / "config.yaml"
    config.write_text(config.read_text() + "approvals:\n  mode: 'off'\n")
    return profile


def typed(bot: BotAPI, model: Echo, command: str) -> tuple[int, str]:
    """The bot is asked to type a command; how that ended, and what it said."""
    before = len(model.told)
    wait.until("somebody to poll", lambda: bot.polling, 60)
    bot.say(f"type: {command}")
    wait.until("the command to end", lambda: len(model.told) > before, 50)
    told = json.loads(model.told[-1])
    return told["exit_code"], told["output"]
