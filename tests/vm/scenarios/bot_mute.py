"""A bot whose library cannot be had is not green: status and doctor name the platform, and what they say to do helps."""

import json
import re
import subprocess

from bot import answered, configure, open_environment
from check import check, contains, equal
from gateway import Profile
from index import Index
from installer import hermes_install, install, status
from model import Echo
from systemd import Unit
from telegram import BotAPI

HERMES = ["0.15.2", "0.22.2"]
INDEX = True
SECONDS = 140


def run() -> None:
    open_environment()
    bot, model = BotAPI(), Echo()
    default = Profile("default")
    equal("install ends with", install(default, "--no-start").code, 0)
    configure(default, bot, model, installs=True)
    Unit(default.unit).systemctl("start")
    default.until_up(seconds=180)

    shown = hermes_install("status", "--long")
    equal("status ends with", shown.code, 1)
    contains("what it says", shown.out, "default: degraded", "platform telegram", "hermes-install restart default")
    hint = str(status(default)["hint"])
    findings = json.loads(hermes_install("doctor", "--json").out)["findings"]
    mute = [finding for finding in findings if finding["rule"] == "no-platform"]
    check("doctor has one finding about it", len(mute) == 1 and "telegram" in mute[0]["what"], findings)

    Index()
    for command in re.findall(r"`(\S*pip install [^`]+)`", hint):
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
        equal(f"`{command}` ends with", (done.returncode, done.stderr), (0, ""))
    equal("restart ends with", hermes_install("restart", "default").code, 0)
    answered(bot, "helped")
    equal("status after it ends with", hermes_install("status").code, 0)
    equal("state", status(default)["state"], "running")
    equal("doctor after it ends with", hermes_install("doctor").code, 0)
