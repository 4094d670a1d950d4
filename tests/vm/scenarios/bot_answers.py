"""A bot on Telegram answers each message once, before, during and after restarts; two gateways never poll."""

import os
import signal

from check import equal
from gateway import Profile
from installer import install
from model import Echo
from systemd import Unit
from telegram import BotAPI, answered, around, configure, install_library, verdict

HERMES = ["0.19.0", "0.22.2"]
SECONDS = 120


def run() -> None:
    install_library()
    bot, model = BotAPI(), Echo()
    default = Profile("default")
    equal("install ends with", install(default, "--no-start").code, 0)
    configure(default, bot, model)
    unit = Unit(default.unit)

    # What stands in for Telegram is right when a gateway of a person's answers.
    hand = default.by_hand("gateway", "run")
    default.until_up(hand.pid)
    answered(bot, "hand")
    hand.end()

    unit.systemctl("start")
    default.until_up()
    answered(bot, "unit")
    around(bot, model, "restart", lambda: unit.systemctl("restart"))
    default.until_up(unit.pid)
    around(bot, model, "usr1", lambda: os.kill(unit.pid, signal.SIGUSR1))
    default.until_up()
    equal("gateways after both", default.gateways(), [unit.pid])
    verdict(bot)
