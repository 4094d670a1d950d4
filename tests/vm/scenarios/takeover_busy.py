"""A busy gateway is replaced by hand: it is killed after 10 s, systemd tries once, and the launcher declines."""

from check import equal
from gateway import Profile
from installer import install
from systemd import Unit
from takeover import give_back, refused_once, replace

SECONDS = 120


def run() -> None:
    default = Profile("default")
    equal("install ends with", install(default).code, 0)
    unit = Unit(default.unit)
    default.make_busy(8642)
    unit.systemctl("restart")
    default.until_up()
    default.keep_busy()
    hand = replace(default, unit)
    refused_once(unit, hand)
    give_back(default, unit, hand)
