"""Since 0.21.4 the gateway of the default profile serves the others: install brings that about, a unit of its own is refused
once and not for ever, in whatever order they start, and a profile that is to stand alone gets one."""

from pathlib import Path

import wait
from check import check, contains, equal
from gateway import HERMES as PROGRAM
from gateway import Profile, at_least
from installer import Run, hermes_install, install, shell, status
from systemd import Unit, systemctl

HERMES = ["0.22.2"]
SECONDS = 180


def run() -> None:
    default = Profile("default")
    equal("install of default ends with", install(default).code, 0)
    coder = Profile("coder").make(standalone=False)
    host, own = Unit(default.unit), Unit(coder.unit)
    alone = host.pid

    planned = hermes_install("plan", "--profile", "coder", "--hermes", PROGRAM)
    contains("plan", planned.out, "profile coder served by the gateway of default")
    equal("install of coder ends with", install(coder).code, 0)
    equal("who is served", sorted(default.state()["served_profiles"]), ["coder", "default"])
    check("the gateway was restarted as planned", host.pid != alone and host.show()["Result"] == "success", host.show())
    equal("automatic restarts of it", host.restarts, 0)
    equal("gateways of coder's own", coder.gateways(), [])
    row = status(coder)
    equal("status of coder", (row["state"], row["served_by"], row["owner"]["pid"]), ("served", "default", host.pid))
    text = hermes_install("status", "--long").out
    contains("status in words", text, "coder: served", "the gateway of `default` serves it")
    check("a gateway that was just started is not called old", "restart needed" not in text, text)
    equal("doctor ends with", hermes_install("doctor").code, 0)
    equal("a second install ends with", install(coder).code, 0)
    equal("the gateway after it", default.gateways(), [host.pid])

    # A manager has one unit of `default`, and that of another root serves nobody here. Nothing is made before that is told.
    elsewhere = hermes_install("plan", "--profile", "writer", "--run-as", "alice", "--create", "--hermes", PROGRAM)
    equal("plan of a profile in another root ends with", elsewhere.code, 3)
    contains("it says", elsewhere.err, "cannot serve it", "--run-as alice --create", "--standalone`")

    # Somebody starts the template's instance all the same.
    own.systemctl("start", check=False)
    own.until_active_state("failed")
    equal("exit status of a second gateway", own.show()["ExecMainStatus"], "69")
    equal("its starts", own.starts(), 1)
    contains("its journal", own.journal(), "served by the gateway of profile `default`", "--standalone")
    contains("uninstall of coder", hermes_install("uninstall", "--profile", "coder").err, "has no unit of its own")
    at_boot("the gateway of default first", default, host, own)
    at_boot("coder's own unit first", default, own, host)

    if at_least(0, 21, 5):
        stands_alone(default, coder)


def at_boot(name: str, default: Profile, *order: Unit) -> None:
    """Both units are started, in this order: one gateway serves both, and the other unit gives up."""
    host, own = sorted(order, key=lambda unit: unit.name != default.unit)
    for unit in order:
        unit.systemctl("stop", check=False)
        unit.systemctl("reset-failed", check=False)
    before = own.starts()
    for unit in order:
        systemctl("start", "--no-block", unit.name)
    wait.until(f"{name}: coder to be served", lambda: "coder" in served(default), 90)
    own.until_active_state("failed")
    equal(f"{name}: starts of coder's own unit", own.starts() - before, 1)
    equal(f"{name}: gateways", default.gateways(), [host.pid])
    own.systemctl("reset-failed")


def served(default: Profile) -> list[str]:
    """The profiles that the gateway of the root says it serves."""
    return default.state().get("served_profiles") or [] if default.gateways() else []


def fails_for_another_reason(default: Profile, coder: Profile) -> None:
    """A profile that is served, whose unit fails all the same: only a refusal to run beside its server is no failure."""
    own = Unit(coder.unit)
    drop_in = Path(f"/etc/systemd/system/{own.name}.d/99-fault.conf")

    def restart(status: int) -> Run:
        drop_in.parent.mkdir(exist_ok=True)
        drop_in.write_text(f"[Service]\nExecStart=\nExecStart=/bin/sh -c 'exit {status}'\n")
        systemctl("daemon-reload")
        return hermes_install("restart", "coder")

    another = restart(1)
    equal("restart of a unit that fails ends with", another.code, 1)
    check("nobody is said to serve it", "is served by" not in another.err, another.err)
    equal("restart of one that refuses ends with", restart(78).code, 0)
    # What the other gateway says of it may be older than the choice.
    coder.make(standalone=True)
    alone = restart(78)
    equal("restart of one that is to stand alone ends with", alone.code, 1)
    check("nor here", "is served by" not in alone.err, alone.err)
    coder.make(standalone=False)
    drop_in.unlink()
    systemctl("daemon-reload")
    wait.until("coder to be served again", lambda: "coder" in served(default), 60)


def stands_alone(default: Profile, coder: Profile) -> None:
    equal("install --standalone ends with", install(coder, "--standalone").code, 0)
    own = Unit(coder.unit)
    equal("gateways of coder's own", coder.gateways(), [own.pid])
    equal("status of coder", status(coder)["state"], "running")
    wait.until("the other gateway to let go of coder", lambda: "coder" not in served(default), 60)
    found = hermes_install("doctor")
    check("doctor has no complaint of either", found.code == 0, found.text)
    default_pid = Unit(default.unit).pid
    own.systemctl("restart")
    coder.until_up(own.pid)
    equal("the other gateway", default.gateways(), [default_pid])

    # And back. A restart of both is what follows an update from a hermes before 0.21.4.
    coder.make(standalone=False)
    restarted = hermes_install("restart", "--all")
    equal("restart of both ends with", restarted.code, 0)
    contains("what it says", restarted.err, "profile `coder` is served by the gateway of `default`", "uninstall --profile coder`")
    check("coder is served after it", "coder" in served(default) and not coder.gateways(), default.state())
    fails_for_another_reason(default, coder)
    refused = install(coder)
    equal("install of one with its own unit ends with", refused.code, 3)
    contains("the refusal", refused.err, "--standalone`", "--profile coder --migrate`")
    equal("install --migrate ends with", install(coder, "--migrate").code, 0)
    equal("gateways of coder's own", coder.gateways(), [])
    check("coder is served", "coder" in served(default), served(default))
    check("it has no unit of its own any more", not status(coder)["installed"])
    keeps_the_choice(coder)


def keeps_the_choice(coder: Profile) -> None:
    """What hermes was told stays when the unit goes; the command that takes it back is one that works."""
    equal("install --standalone ends with", install(coder, "--standalone").code, 0)
    gone = hermes_install("uninstall", "--profile", "coder")
    contains("what an uninstallation says", gone.err, "`gateway.standalone` stays set")
    command = next(part for part in gone.err.split("`") if "config set gateway.standalone" in part)
    print(shell("script", "-qec", command, "/dev/null"))
    contains("the configuration after the command that it names", (coder.home / "config.yaml").read_text(), "standalone: false")
