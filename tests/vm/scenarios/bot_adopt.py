"""A bot on Telegram that speaks while it is adopted, and while the unit of hermes' own is migrated: each message is answered once, and
two gateways never poll. Played by hand, with `--hermes VERSION`."""

import gateway
from cell import USER, Cell
from check import contains, equal
from gateway import Profile
from installer import hermes_install
from model import Echo
from systemd import Unit
from telegram import BotAPI, answered, around, configure, install_library, verdict

HERMES: list[str] = []
SECONDS = 120


def run() -> None:
    install_library()
    bot, model = BotAPI(), Echo()
    default = configure(Profile("default", USER, f"/home/{USER}/.hermes"), bot, model)
    unit = Unit(default.unit)

    hand = default.by_hand("gateway", "run")
    default.until_up(hand.pid)
    answered(bot, "hand")
    codes: list[int] = []
    around(bot, model, "adopt", lambda: codes.append(hermes_install("adopt", "--profile", "default", "--yes").code))
    default.until_up(unit.pid)
    equal("adopt ends with", codes.pop(), 0)
    equal("who polls", bot.polling, [unit.pid])
    equal("uninstall ends with", hermes_install("uninstall", "--yes").code, 0)

    Cell("upstream-system", default).begin()
    default.until_up()
    answered(bot, "theirs")
    ours = ("--profile", "default", "--hermes", gateway.HERMES, "--run-as", USER)
    around(bot, model, "migrate", lambda: codes.append(hermes_install(*ours, "--migrate", "--yes").code))
    default.until_up(unit.pid)
    equal("migrate ends with", codes.pop(), 0)
    equal("gateways", default.gateways(), [unit.pid])
    contains("status", hermes_install("status", "--profile", "default").out, "telegram connected")
    verdict(bot)
