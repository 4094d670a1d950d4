"""A bot whose library is not installed gets it beside its data, where hermes' environment is root's, and answers through changes.

hermes 0.18 to 0.21 install a library when they first need it; 0.22 has given that up (tools/lazy_deps.py). What status and doctor
say then, and that it helps, is bot_mute.
"""

import subprocess
from pathlib import Path

from bot import answered, around, configure, verdict
from check import check, contains, equal
from gateway import Profile
from index import Index
from installer import install, program, status
from model import Echo
from systemd import Unit
from telegram import BotAPI

HERMES = ["0.19.0"]
INDEX = True
SECONDS = 230


def run() -> None:
    index, bot, model = Index(), BotAPI(), Echo()
    default = Profile("default")
    equal("install ends with", install(default, "--no-start").code, 0)
    unit = Unit(default.unit)

    # hermes is told not to: then a start is no way out.
    configure(default, bot, model)
    unit.systemctl("start")
    default.until_up(seconds=180)
    # It is on a read-only file system here.
    contains("what status says to do", str(status(default)["hint"]), "telegram needs a library", "`hermes-agent[messaging]`")
    unit.systemctl("stop")
    configure(default, bot, model, installs=True)

    unit.systemctl("start")
    default.until_up(seconds=180)
    answered(bot, "first")
    library = Path("/var/lib/hermes/lazy-packages/telegram")
    check("the library is in the hermes root", library.is_dir())
    check("it came from the index of the host", any("python_telegram_bot" in path for path in index.fetched), index.fetched)
    shown = status(default)
    equal("status says", (shown["state"], [p["state"] for p in shown["platforms"]]), ("running", ["connected"]))

    fetched = len(index.fetched)
    around(bot, model, "restart", lambda: unit.systemctl("restart"))
    default.until_up(unit.pid)
    equal("files that the restart fetched", len(index.fetched) - fetched, 0)

    old = unit.pid
    replace = [program(), "run", "default", "gateway", "run", "--replace"]
    around(bot, model, "replace", lambda: subprocess.Popen(replace, stdin=subprocess.DEVNULL))
    new = default.until_up(after=old)
    equal("who polls", bot.polling, [new])
    check("the unit is down", unit.show()["ActiveState"] in ("inactive", "failed"), unit.show()["ActiveState"])
    verdict(bot)
