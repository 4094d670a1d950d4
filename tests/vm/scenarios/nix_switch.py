"""A switch of NixOS, played on its units: who is restarted, who stays down, and that a takeover by hand fails none."""

import os
import signal
from pathlib import Path

from check import check, contains, equal
from gateway import HERMES as HERMES_PROGRAM
from gateway import Profile, fresh_account
from installer import hermes_install, status
from nixos import FAILED, System, declines, switch
from systemd import Unit, systemctl

# Dear, and another systemd changes little: played by hand.
HERMES: list[str] = []
SECONDS = 60
CALM = {"default": "", "coder": ""}


def run() -> None:
    fresh_account()
    default, coder = Profile("default"), Profile("coder")
    ours, by_request = Unit(default.unit), Unit(coder.unit)
    first = System(1, CALM, manual=("coder",))
    equal("the first switch ends with", switch(None, first), 0)
    default.until_up()
    equal("who may look into the homes", [oct(p.home.stat().st_mode & 0o777) for p in (default, coder)], ["0o700", "0o700"])
    equal("the target of all is", systemctl("is-active", "hermes-gateway.target", check=False), "active")
    equal("a gateway without autoStart is", by_request.states[0], "inactive")

    # What somebody stopped or started by hand, and a switch that is about something else.
    ours.systemctl("stop")
    by_request.systemctl("start")
    pid = coder.until_up()
    equal("a switch after a stop by hand ends with", switch(first, first), 0)
    equal("the gateway that was stopped", default.until_up(), ours.pid)
    equal("the gateway that was started by hand", by_request.pid, pid)
    before = ours.pid

    # The commands of the day, though no receipt has these profiles.
    contains("why it ended", hermes_install("why", "default").out, "default: runs now", "systemd was asked to stop it")
    equal("restart without a name ends with", hermes_install("restart").code, 2)
    equal("restart --all ends with", hermes_install("restart", "--all").code, 0)
    pid = coder.until_up()
    check("both are others", ours.pid not in (0, before) and by_request.pid == pid, (ours.pid, before, by_request.pid, pid))
    before = ours.pid

    # A setting of one profile.
    second = System(2, CALM | {"coder": 'drain-timeout = 300\nenvironment.MARK = "nix"\n'}, manual=("coder",))
    equal("a switch with a new setting ends with", switch(first, second), 0)
    equal("the gateway that it is for is another", coder.until_up(after=pid), by_request.pid)
    equal("its time to drain, and what systemd leaves it", by_request.show()["TimeoutStopUSec"], "5min 30s")
    equal("the other gateway", ours.pid, before)
    asked = hermes_install("run", "coder", "--", "config", "path")
    contains("hermes of that profile", asked.text, f"{coder.home}/config.yaml", "--setenv=MARK=nix", f"-- {HERMES_PROGRAM} ")
    check("it was stopped as planned", "Failed with result" not in by_request.journal(), by_request.journal())
    by_request.systemctl("stop")
    equal("a switch after a stop without autoStart ends with", switch(second, second), 0)
    equal("that gateway stays", (by_request.states[0], coder.gateways()), ("inactive", []))

    third = taken(second, default, ours)
    missing(third, default, ours)

    # No module, no gateway; the data stays.
    fourth = System(4, {})
    equal("a switch without the module ends with", switch(third, fourth), 0)
    equal("gateways", default.gateways(), [])
    equal("what is left of the unit", systemctl("cat", ours.name, check=False), "")
    check("the data is", (default.home / "gateway_state.json").exists())


def taken(second: System, default: Profile, ours: Unit) -> System:
    """Somebody replaces the gateway by hand; a kill, which systemd cannot tell from a crash."""
    os.kill(ours.pid, signal.SIGSTOP)
    hand = default.by_hand("--profile", "default", "gateway", "run", "--replace")
    default.until_up(hand.pid)
    ours.until_active_state("inactive")
    third = System(3, CALM | {"default": "drain-timeout = 330\n"}, manual=("coder",))
    for what, old, new in (("an unrelated switch", second, second), ("one that changes its unit", second, third)):
        equal(f"after a takeover by hand {what} ends with", switch(old, new), 0)
        ours.until_active_state("inactive")
        equal("the unit's exit status and result", [ours.show()[key] for key in ("ExecMainStatus", "Result")], ["69", "success"])
        equal("gateways", default.gateways(), [hand.pid])
    equal("state in status", status(default)["state"], "owned-elsewhere")
    contains("what systemctl status shows", ours.systemctl("status", check=False), "is owned by", f"pid {hand.pid}")
    declines("nixos-rebuild switch")
    equal("gateways", default.gateways(), [hand.pid])
    hand.end()
    equal("a switch after the other one has ended ends with", switch(third, third), 0)
    equal("gateways", [default.until_up()], [ours.pid])
    return third


def missing(third: System, default: Profile, ours: Unit) -> None:
    """A secret that is not there fails the switch, and status says so in a sentence; when it comes, so does the gateway."""
    secret = Path("/run/secrets/hermes")
    fifth = System(5, CALM | {"default": f'environment-files = ["{secret}"]\n'}, manual=("coder",))
    equal("a switch without the secret ends with", switch(third, fifth), FAILED)
    said = hermes_install("status", "--profile", "default")
    contains("status", said.text, f"its environment file `{secret}` is not there")
    secret.parent.mkdir()
    secret.write_text("")
    equal("a switch with the secret ends with", switch(fifth, fifth), 0)
    equal("gateways", [default.until_up()], [ours.pid])
    before = ours.pid
    equal("a switch back ends with", switch(fifth, third), 0)
    equal("gateways", [default.until_up(after=before)], [ours.pid])
