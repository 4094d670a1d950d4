"""One bot in two tenants: both gateways ask Telegram for its messages, as hermes' own lock is one account's, and doctor says so."""

import json

import wait
from bot import configure, install_library
from check import check, contains, equal
from installer import hermes_install, install
from model import Echo
from systemd import Unit
from telegram import TOKEN, BotAPI
from tenant import tenant

HERMES = ["0.22.2"]
SECONDS = 120


def run() -> None:
    install_library()
    bot, model = BotAPI(), Echo()
    tenants = [tenant(name) for name in ("a", "b")]
    for one in tenants:
        equal(f"install of {one.name} ends with", install(one, "--no-start").code, 0)
        configure(one, bot, model)
        equal("its start ends with", hermes_install("start", one.name).code, 0)
    pids = sorted(Unit(one.unit).pid for one in tenants)
    wait.until("both to poll", lambda: sorted(set(bot.chat.pollers)) == pids, 120)
    check("they disturb each other", bot.chat.conflicts, bot.chat.pollers)
    found = same()
    equal("what doctor finds", len(found), 1)
    contains("what it says", found[0]["what"], "TELEGRAM_BOT_TOKEN", str(tenants[0].home))
    told = hermes_install("doctor").text
    contains("the way out", told, f"{tenants[1].home}/.env")
    check("nobody sees the token", TOKEN not in told, told)

    equal("a stop ends with", hermes_install("stop", "b").code, 0)
    equal("what doctor finds of one that starts with the system", len(same()), 1)
    equal("uninstall ends with", hermes_install("uninstall", "--profile", "b").code, 0)
    equal("what doctor finds when one is left", same(), [])


def same() -> list[dict]:
    findings = json.loads(hermes_install("doctor", "--json").out)["findings"]
    return [finding for finding in findings if finding["rule"] == "same-token"]
