"""A user unit of an account whose manager does not run: what doctor names against it works where it is printed."""

import json
import os
import subprocess
from pathlib import Path

from check import check, equal
from gateway import Profile, fresh_account
from installer import hermes_install, install

HERMES = ["0.22.2"]
SECONDS = 60
UNIT = """[Service]
Environment=HERMES_HOME=/var/lib/hermes
ExecStart=/opt/hermes/bin/hermes -p default gateway run
KillMode=none
[Install]
WantedBy=default.target
"""


def hint(rule: str) -> str:
    found = json.loads(hermes_install("doctor", "--json").out)["findings"]
    hints = [finding["hint"] for finding in found if finding["rule"] == rule]
    return hints[0] if hints else ""


def typed(command: str) -> int:
    done = subprocess.run(["sh", "-c", command], stdin=subprocess.DEVNULL, check=False, cwd="/")
    return done.returncode


def run() -> None:
    fresh_account()
    default = Profile("default").make()
    equal("install ends with", install(default).code, 0)
    units = default.root / ".config/systemd/user"
    link = units / "default.target.wants/old-bot.service"
    link.parent.mkdir(parents=True)
    (units / "old-bot.service").write_text(UNIT)
    link.symlink_to("../old-bot.service")
    subprocess.run(["chown", "-R", "hermes:", str(default.root / ".config")], check=True)
    uid = os.stat(default.root).st_uid
    check("no manager of the account runs", not Path(f"/run/user/{uid}/systemd").exists())

    equal("what disables it ends with", typed(hint("duplicate-owners")), 0)
    check("it is not enabled any more", not link.is_symlink())
    equal("doctor names it as an owner", hint("duplicate-owners"), "")

    edit = hint("kill-mode").split(", ")[0]
    check("it is edited as its account", edit.startswith(f"systemctl start user@{uid}.service && runuser --pty -u hermes"), edit)
    equal("its text, by the same way, ends with", typed(edit.replace(" edit ", " cat ")), 0)
