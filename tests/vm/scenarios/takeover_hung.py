"""A frozen gateway (SIGSTOP) is replaced by hand: it is killed after 10 s, systemd tries once, the launcher declines."""

import os
import signal

from check import equal
from gateway import Profile
from installer import install
from systemd import Unit
from takeover import give_back, refused_once, replace

SECONDS = 120


def run() -> None:
    default = Profile("default")
    equal("install ends with", install(default).code, 0)
    coder = Profile("coder").make()
    equal("install of coder ends with", install(coder).code, 0)
    unit = Unit(coder.unit)
    os.kill(unit.pid, signal.SIGSTOP)
    hand = replace(coder, unit)
    refused_once(unit, hand)
    give_back(coder, unit, hand)
