"""An idle gateway is replaced by hand: it exits 0, and its unit stays down."""

from check import contains, equal
from gateway import Profile
from installer import hermes_install, install
from systemd import Unit
from takeover import give_back, replace

HERMES = ["0.22.2", "0.16.0"]
SECONDS = 100


def run() -> None:
    coder = Profile("coder")
    default = Profile("default")
    equal("install of default ends with", install(default).code, 0)
    equal("install of coder ends with", install(coder.make()).code, 0)
    unit = Unit(coder.unit)
    hand = replace(coder, unit, extra_starts=0)
    equal("state and result", unit.states, ("inactive", "success"))
    equal("the other profile's gateways", default.gateways(), [Unit(default.unit).pid])
    give_back(coder, unit, hand)
    contains("why, when it is long gone", hermes_install("why", "coder").out, f"pid {hand.pid} of `hermes`", "takes the profile over")
    equal("a restart ends with", hermes_install("restart", "coder").code, 0)
