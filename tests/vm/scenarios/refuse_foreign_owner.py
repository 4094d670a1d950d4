"""Install refuses, before it writes anything, when a live gateway or another unit owns the profile; the way out works."""

import subprocess
from pathlib import Path

from check import check, contains, equal
from gateway import HERMES, Profile, fresh_account
from installer import difference, install, snapshot
from systemd import systemctl

SECONDS = 60


def run() -> None:
    fresh_account()
    coder = Profile("coder").make()
    before = snapshot("var/lib/hermes")

    hand = coder.by_hand("--profile", "coder", "gateway", "run")
    coder.until_up(hand.pid)
    refused = install(coder)
    equal("beside a hand-started gateway, install ends with", refused.code, 1)
    contains("the refusal", refused.err, f"pid {hand.pid} of `hermes`", "resolve it with:")
    equal("what it changed", difference(before, snapshot("var/lib/hermes")), [])
    check("the hand-started gateway runs on", hand.alive())
    hand.end()

    # Upstream's own unit, as its version writes it.
    environment = {"HERMES_HOME": str(coder.root), "HOME": "/root", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [HERMES, "--profile", "coder", "gateway", "install", "--system", "--run-as-user", "hermes"],
        env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL,
    )
    units = list(Path("/etc/systemd/system").glob("hermes-gateway*.service"))
    check("upstream installed a unit of its own", len(units) == 1, done.stdout + done.stderr)
    unit = units[0].name
    text = units[0].read_text()
    # It maps the home of the account it runs as; this profile lives under another root.
    units[0].write_text(
        "".join(
            f'Environment="HERMES_HOME={coder.home}"\n' if line.startswith('Environment="HERMES_HOME=') else
            f"WorkingDirectory={coder.home}\n" if line.startswith("WorkingDirectory=") else line
            for line in text.splitlines(keepends=True)
        )
    )
    systemctl("daemon-reload")
    systemctl("enable", unit, check=False)
    before = snapshot("var/lib/hermes")
    refused = install(coder)
    equal("beside an enabled unit of upstream's, install ends with", refused.code, 1)
    contains("the refusal", refused.err, f"system unit `{unit}`", f"systemctl disable --now {unit}")
    equal("what it changed", difference(before, snapshot("var/lib/hermes")), [])

    systemctl("disable", "--now", unit)
    equal("after the way out, install ends with", install(coder).code, 0)
    equal("gateways", len(coder.gateways()), 1)
