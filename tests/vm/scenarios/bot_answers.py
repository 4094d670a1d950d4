"""A bot on Telegram answers each message once, before, during and after restarts, but for a turn that hermes interrupts and says so
of; two gateways never poll."""

import os
import signal

import wait
from bot import answered, around, configure, install_library, verdict
from check import equal
from gateway import Profile, at_least
from installer import install
from model import Echo
from systemd import Unit
from telegram import BotAPI

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

    # Since 0.20 a planned restart waits for turns.
    finishes = at_least(0, 20)
    old = unit.pid

    def planned() -> None:
        os.kill(old, signal.SIGUSR1)
        if finishes:
            wait.until("it to drain", lambda: default.state().get("gateway_state") == "draining")

    around(bot, model, "usr1", planned, finishes)
    default.until_up(after=old)
    equal("gateways after both", default.gateways(), [unit.pid])
    verdict(bot)
