"""Install refuses, before it writes anything, when a live gateway or another unit owns the profile; the way out works."""

import contextlib
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

from check import check, contains, equal
from gateway import HERMES, Profile, fresh_account
from installer import difference, hermes_install, install, snapshot
from systemd import systemctl

SECONDS = 60


@contextlib.contextmanager
def renamed(path: Path) -> Iterator[None]:
    """A file is renamed and comes back all the while, as fast as can be."""
    away = path.with_name("away")
    over = threading.Event()

    def rename() -> None:
        while not over.is_set():
            # The gateway itself may have written a new one meanwhile.
            with contextlib.suppress(FileNotFoundError):
                path.rename(away)
                away.rename(path)

    thread = threading.Thread(target=rename)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def run() -> None:
    fresh_account()
    coder = Profile("coder").make()
    before = snapshot("var/lib/hermes")

    hand = coder.by_hand("--profile", "coder", "gateway", "run")
    coder.until_up(hand.pid)
    refused = install(coder)
    equal("beside a hand-started gateway, install ends with", refused.code, 3)
    contains("the refusal", refused.err, f"pid {hand.pid} of `hermes`", "resolve it with:")
    equal("what it changed", difference(before, snapshot("var/lib/hermes")), [])
    check("the hand-started gateway runs on", hand.alive())
    with renamed(coder.home / "gateway_state.json"):
        plans = [hermes_install("plan", "--profile", "coder", "--hermes", HERMES) for _ in range(20)]
    equal("plans while a file comes and goes end with", {plan.code for plan in plans}, {3})
    check("each names the gateway", all(f"pid {hand.pid} of `hermes`" in plan.err for plan in plans))
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
    equal("beside an enabled unit of upstream's, install ends with", refused.code, 3)
    contains("the refusal", refused.err, f"system unit `{unit}`", f"systemctl disable --now {unit}")
    equal("what it changed", difference(before, snapshot("var/lib/hermes")), [])

    systemctl("disable", "--now", unit)
    equal("after the way out, install ends with", install(coder).code, 0)
    equal("gateways", len(coder.gateways()), 1)
