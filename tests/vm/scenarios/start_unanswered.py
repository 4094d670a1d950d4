"""A gateway of 0.22 that asks to be started again, because another one of its root does not answer yet, is no failed start."""

import os
import signal
from threading import Thread

import wait
from check import contains, equal
from gateway import HERMES as PROGRAM
from gateway import Profile, fresh_account
from installer import Run, hermes_install
from systemd import Unit

HERMES = ["0.22.2"]
SECONDS = 120


def run() -> None:
    fresh_account()
    alpha, beta = Profile("alpha").make(), Profile("beta").make()
    equal("install of two ends with", hermes_install("--profile", "alpha", "--profile", "beta", "--hermes", PROGRAM).code, 0)
    equal("stop ends with", hermes_install("stop", "alpha").code, 0)
    unit, busy = Unit(alpha.unit), Unit(beta.unit).pid
    done: list[Run] = []
    starting = Thread(target=lambda: done.append(hermes_install("start", "alpha")))
    os.kill(busy, signal.SIGSTOP)
    try:
        starting.start()
        wait.until("alpha to ask for another start", lambda: "a service supervisor will retry" in unit.journal(), 180)
    finally:
        os.kill(busy, signal.SIGCONT)
    starting.join(180)
    equal("start ends with", done[0].code, 0)
    contains("what it says", done[0].err, f"`{alpha.unit}` runs")
    equal("gateways of alpha", alpha.gateways(), [unit.pid])
    equal("gateways of beta", beta.gateways(), [busy])
