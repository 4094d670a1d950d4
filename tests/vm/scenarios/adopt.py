"""A gateway that was started by hand comes under its unit: stopped as planned, idle, busy or frozen, and never killed unasked."""

import json
import os
import signal
import subprocess
import threading
from pathlib import Path

import gateway
import wait
from check import check, contains, equal, measured
from gateway import IDLE, Profile, at_least, fresh_account, in_a_login
from installer import (
    broken_hermes,
    difference,
    hermes_install,
    install,
    program,
    shell,
    snapshot,
    status,
)
from systemd import Unit, systemctl

HERMES = ["0.22.2", "0.15.2"]
SECONDS = 120


def run() -> None:
    fresh_account()
    idle(Profile("coder").make())
    alice = Profile("default", "alice", "/home/alice/.hermes")
    busy(alice)
    frozen(alice)
    of_system_v(alice)
    if at_least(0, 21, 4) and not at_least(0, 22):
        unreaped(alice)


def idle(coder: Profile) -> None:
    unit = Unit(coder.unit)
    before = snapshot("var/lib/hermes")
    hand = in_a_login(coder, "--profile", "coder", "gateway", "run")
    refused = install(coder)
    equal("install beside it ends with", refused.code, 3)
    contains("its refusal", refused.err, "hermes-install adopt --profile coder")
    refused = adopt(coder)
    equal("adopt without anybody to ask ends with", refused.code, 3)
    contains("its refusal", refused.err, "--yes", f"pid {hand}")
    equal("files after both", difference(before, snapshot("var/lib/hermes")), [])
    equal("gateways after both", coder.gateways(), [hand])

    failed = hermes_install("adopt", "--profile", "coder", "--hermes", broken_hermes(), "--yes")
    equal("adopt for a unit that cannot run ends with", failed.code, 1)
    contains("its error", failed.err, "every file is as it was", "started by hand", "as `hermes`", "gateway run")
    equal("files after it", difference(before, snapshot("var/lib/hermes")), [])
    equal("gateways after it", coder.gateways(), [])

    hand = in_a_login(coder, "--profile", "coder", "gateway", "run")
    done = adopt(coder, "--yes", "--json")
    equal("adopt ends with", done.code, 0)
    equal("gateways", coder.gateways(), [unit.pid])
    check("it is another one", unit.pid != hand)
    said = json.loads(done.out)["profiles"][0]
    measured("idle: seconds to stop", said["stop_seconds"])
    measured("idle: seconds without a gateway", said["seconds_without_gateway"])
    check("it says for how long nobody ran", said["seconds_without_gateway"] > 0, said)
    equal("state in status", status(coder)["state"], "running")
    pid = unit.pid
    again = adopt(coder, "--yes")
    equal("a second adopt ends with", again.code, 0)
    contains("the second adopt", again.err, "nothing was changed")
    equal("its gateways", coder.gateways(), [pid])
    of_run(coder, unit)
    hermes_install("uninstall", "--yes")


def of_run(coder: Profile, unit: Unit) -> None:
    """One that `hermes-install run` started has a unit of systemd-run's, which is gone once it has ended."""
    # From 0.22 on, hermes refuses `--replace` while the gateway is younger than half a minute.
    unit.systemctl("stop")
    command = [program(), "run", "coder", "--", "gateway", "run"]
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")
    hand = coder.until_up()
    contains("run: its unit", Path(f"/proc/{hand}/cgroup").read_text(), "/run-")
    way_out = "hermes-install adopt --profile coder"
    said = hermes_install("doctor").out
    contains("run: doctor", said, f"{way_out} --system")
    check("run: doctor takes it for no owner", "has 2 owners" not in said and "disable --now" not in said, said)
    contains("run: status", status(coder)["hint"], f"started by hand: to bring it under its unit: `{way_out}`")
    done = adopt(coder, "--yes")
    equal("run: adopt ends with", done.code, 0)
    equal("run: gateways", coder.gateways(), [unit.pid])
    wait.until("the command to end", lambda: child.poll() is not None)


def busy(alice: Profile) -> None:
    """One that ignores SIGHUP, as under nohup, and hangs after its drain; account and root are read from it."""
    alice.make_busy(8642)
    config = alice.home / "config.yaml"
    config.write_text(config.read_text() + "agent:\n  restart_drain_timeout: 5\n")
    detached(alice)
    alice.keep_busy()
    done = hermes_install("adopt", "--profile", "default", "--yes", "--json")
    equal("busy: adopt ends with", done.code, 0)
    unit = Unit(alice.unit)
    equal("busy: gateways", alice.gateways(), [unit.pid])
    equal("busy: the unit runs as", unit.show()["User"], "alice")
    # Later ones do not hang in their exit.
    if not at_least(0, 20):
        contains("busy: what it says", done.err, "ended pid")
    measured("busy: seconds to stop", json.loads(done.out)["profiles"][0]["stop_seconds"])
    hermes_install("uninstall", "--yes")


def frozen(alice: Profile) -> None:
    """One that hears nothing stays, unless that was asked for."""
    alice.make(IDLE)
    pid = detached(alice)
    before = snapshot("home/alice/.hermes")
    os.kill(pid, signal.SIGSTOP)
    refused = hermes_install("adopt", "--profile", "default", "--yes")
    equal("frozen: adopt ends with", refused.code, 3)
    contains("frozen: its error", refused.err, "did not hear the signal", "`--force` kills it", "everything is as it was before")
    equal("frozen: files after it", difference(before, snapshot("home/alice/.hermes")), [])
    equal("frozen: gateways after it", alice.gateways(), [pid])
    done = hermes_install("adopt", "--profile", "default", "--yes", "--force")
    equal("frozen: adopt --force ends with", done.code, 0)
    equal("frozen: gateways", alice.gateways(), [Unit(alice.unit).pid])


SYSTEM_V = f"""#!/bin/sh
### BEGIN INIT INFO
# Provides:          bot
# Required-Start:    $remote_fs
# Required-Stop:     $remote_fs
# Default-Start:     2 3 4 5
# Default-Stop:      0 1 6
### END INIT INFO
DAEMON={gateway.HERMES}
DAEMON_ARGS="gateway run"
PIDFILE=/run/bot.pid
do_start() {{
  start-stop-daemon --start --background --make-pidfile --pidfile $PIDFILE --chuid alice --exec /usr/bin/python3 --startas $DAEMON -- $DAEMON_ARGS
}}
case "$1" in
  start) do_start ;;
  stop) start-stop-daemon --stop --oknodo --retry 60 --pidfile $PIDFILE --remove-pidfile ;;
esac
"""


def of_system_v(alice: Profile) -> None:
    """One that an init script started: what starts it at boot again is named, and the command against that."""
    hermes_install("uninstall", "--yes")
    script = Path("/etc/init.d/bot")
    script.write_text(SYSTEM_V)
    script.chmod(0o755)
    shell("update-rc.d", "bot", "defaults")
    systemctl("daemon-reload")
    systemctl("start", "bot.service")
    alice.until_up()
    way_out = "systemctl disable bot.service"
    done = adopt(alice, "--yes")
    equal("System V: adopt ends with", done.code, 0)
    contains("System V: what it says", done.err, f"`{script}` line 13 starts this profile's gateway again", way_out)
    equal("System V: gateways", alice.gateways(), [Unit(alice.unit).pid])
    contains("System V: doctor", hermes_install("doctor").out, f"`{script}` starts a gateway of this home as `alice`", way_out)
    shell(*way_out.split())
    wanted = Path("/run/systemd/generator.late/multi-user.target.wants/bot.service")
    check("System V: it does not start at boot any more", not wanted.exists())
    check("System V: doctor has no more to say of it", "bot" not in hermes_install("doctor").out)


def unreaped(alice: Profile) -> None:
    """A killed one counts as a live one until its parent, which is this process, has waited for it: that parent is named."""
    hermes_install("uninstall", "--yes")
    pid = detached(alice, waits=False)
    os.kill(pid, signal.SIGSTOP)
    done = hermes_install("adopt", "--profile", "default", "--yes", "--force")
    equal("unreaped: adopt --force ends with", done.code, 3)
    contains("unreaped: its error", done.err, f"pid {pid} has ended", f"its parent, pid {os.getpid()}", "every file is as it was")
    equal("unreaped: gateways after it", alice.gateways(), [])
    # Python waits for children that nobody asks for when it starts another.
    equal("unreaped: install ends with", hermes_install("--profile", "default", "--run-as", "alice", "--hermes", gateway.HERMES).code, 0)
    equal("unreaped: gateways", alice.gateways(), [Unit(alice.unit).pid])


def adopt(profile: Profile, *args: str):
    return hermes_install("adopt", "--profile", profile.name, "--hermes", gateway.HERMES, *args)


def detached(profile: Profile, waits: bool = True) -> int:
    """Start hermes as a job of some other service's does, deaf for hangups; its process ID once it runs. Its parent waits for
    its end, or not.
    """
    environment = {"HOME": f"/home/{profile.user}", "PATH": "/usr/bin:/bin"}
    command = ["setpriv", f"--reuid={profile.user}", f"--regid={profile.user}", "--init-groups", gateway.HERMES, "gateway", "run"]
    line = 'trap "" HUP INT; exec "$@"'
    child = subprocess.Popen(["sh", "-c", line, "sh", *command], env=environment, stdin=subprocess.DEVNULL, cwd="/")
    if waits:
        threading.Thread(target=child.wait, daemon=True).start()
    return profile.until_up()
