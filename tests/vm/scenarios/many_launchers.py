"""Of 300 launchers of one profile that start at once exactly one becomes the gateway; the others exit 69 and name it."""

import os
import pwd
import subprocess
from collections import Counter
from pathlib import Path

import wait
from check import equal
from gateway import Profile, fresh_account
from installer import program
from mallory import STAND_IN

SECONDS = 60


def run() -> None:
    fresh_account()
    coder = Profile("coder").make()
    account = pwd.getpwnam("hermes")
    hermes = Path("/opt/stand-in/hermes")
    hermes.parent.mkdir()
    hermes.write_text(STAND_IN)
    hermes.chmod(0o755)
    command = [program(), "exec", "--profile", "coder", "--home", str(coder.root), "--hermes", str(hermes)]
    for attempt in range(3):
        log = Path(f"/vmcheck-out/launchers-{attempt}")
        with log.open("w") as out:
            launchers = [
                subprocess.Popen(
                    command, user=account.pw_uid, group=account.pw_gid, extra_groups=[], stderr=out, stdin=subprocess.DEVNULL,
                    env={"PATH": "/usr/bin:/bin", "HOME": str(coder.root)},
                )
                for _ in range(300)
            ]
        winner = coder.until_up()
        losers = [launcher for launcher in launchers if launcher.pid != winner]
        wait.until("the others to end", lambda losers=losers: all(launcher.poll() is not None for launcher in losers))
        codes = Counter(launcher.returncode for launcher in losers)
        equal("how the others ended", dict(codes), {69: 299})
        equal("gateways", coder.gateways(), [winner])
        # A sentence and the end of its line are two writes, and another launcher may write between them.
        equal("sentences that say who has the profile", log.read_text().count("is owned by"), 299)
        os.kill(winner, 2)
        wait.until("the gateway to end", lambda: not coder.gateways())
        for launcher in launchers:
            launcher.wait()
