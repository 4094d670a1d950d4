"""Processes of other accounts that call themselves replacers hold up no start and no installer."""

import subprocess
import time
from pathlib import Path

from check import check, equal, measured
from gateway import Profile, fresh_account
from installer import hermes_install
from mallory import STAND_IN, mallory
from systemd import Unit

SECONDS = 90


def run() -> None:
    fresh_account()
    her = mallory()
    coder = Profile("coder").make()
    program = Path("/opt/stand-in/hermes")
    program.parent.mkdir()
    program.write_text(STAND_IN)
    program.chmod(0o755)
    hers = her.write("bin/hermes", "#!/usr/bin/python3\ninput()\n")

    replacers: list[subprocess.Popen] = []

    def again() -> None:
        """As she would renew them: always a young one."""
        while len(replacers) > 2:
            replacers.pop(0).kill()
        for home in (coder.root, coder.home):
            command = [str(hers), "--profile", "coder", "gateway", "run", "--replace"]
            replacers.append(her.start(*command, env={"HERMES_HOME": str(home)}, stdin=subprocess.PIPE))

    again()
    begin = time.monotonic()
    done = hermes_install("--profile", "coder", "--hermes", str(program))
    equal("install beside her replacers ends with", done.code, 0)
    measured("seconds of that install", round(time.monotonic() - begin, 1))
    unit = Unit(coder.unit)
    equal("gateways", coder.gateways().count(unit.pid), 1)
    again()
    unit.systemctl("restart")
    coder.until_up()
    check("it did not wait for her", "waiting:" not in unit.journal(), unit.journal())
    for replacer in replacers:
        replacer.kill()
