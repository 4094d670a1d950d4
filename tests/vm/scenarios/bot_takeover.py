"""A bot on Telegram answers each message once, before, during and after a takeover by hand; two gateways never poll."""

from bot import answered, around, configure, install_library, verdict
from check import check, equal
from gateway import Profile
from installer import install
from model import Echo
from systemd import Unit
from telegram import BotAPI

HERMES = ["0.22.2"]
SECONDS = 60


def run() -> None:
    install_library()
    bot, model = BotAPI(), Echo()
    default = Profile("default")
    equal("install ends with", install(default, "--no-start").code, 0)
    configure(default, bot, model)
    unit = Unit(default.unit)
    unit.systemctl("start")
    default.until_up()
    answered(bot, "unit")
    old = unit.pid
    around(bot, model, "replace", lambda: default.by_hand("gateway", "run", "--replace"))
    default.until_up(after=old)
    equal("who polls", bot.polling, default.gateways())
    check("the unit is down", unit.show()["ActiveState"] in ("inactive", "failed"), unit.show()["ActiveState"])
    verdict(bot)
