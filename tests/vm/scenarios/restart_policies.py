"""Settings of a profile: when a gateway comes back, how far it is shut off, and credentials that it is handed."""

import os
import signal
import time
from pathlib import Path

import wait
from check import check, contains, equal
from gateway import Profile, fresh_account
from installer import hermes_install, install, status
from systemd import Unit

SECONDS = 240
# Longer than a restart delay.
PAUSE = 20

CONFIGURATION = """
[profiles.never]
restart = "never"
hardening = "relaxed"
credentials = { token = "/etc/token" }

[profiles.unless-killed]
restart = "unless-killed"
credentials = { token = "/etc/token" }
environment-files = ["/etc/bot.env"]
"""


def confinement(pid: int) -> tuple[str, int]:
    """no_new_privs, and how many filters of system calls a process has more than PID 1 (proc_pid_status(5))."""

    def fields(pid: int) -> dict[str, str]:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return {name: value.strip() for name, value in (line.split(":", 1) for line in lines)}

    mine, first = fields(pid), fields(1)
    return mine["NoNewPrivs"], int(mine["Seccomp_filters"]) - int(first["Seccomp_filters"])


def stays_down(unit: Unit, number: int) -> None:
    os.kill(unit.pid, number)
    unit.until_active_state("failed")
    time.sleep(PAUSE)
    equal(f"{unit.name} after signal {number}", (unit.states[0], unit.restarts), ("failed", 0))
    unit.systemctl("start")


def comes_back(profile: Profile, unit: Unit, how: str) -> None:
    pid = unit.pid
    if how == "reload":
        unit.systemctl("reload")
    else:
        os.kill(pid, signal.SIGSEGV)
    profile.until_up(after=pid, seconds=90)
    check(f"{unit.name} comes back after {how}", unit.pid not in (0, pid), unit.pid)


def is_refused(profile: Profile, unit: Unit, token: Path) -> None:
    """Without a file that systemd itself reads nothing of the unit can run; a start by somebody is refused, once."""
    away, before = token.rename("/etc/token.away"), unit.restarts
    unit.systemctl("restart", check=False)
    unit.until_active_state("inactive")
    time.sleep(PAUSE)
    equal(f"{unit.name} without its credential", (unit.states, unit.restarts), (("inactive", "success"), before))
    row = status(profile)
    equal("its state in status", row["state"], "failed")
    contains("why", row["last_end"]["why"], "systemd refused its start")
    contains("what systemctl says", unit.systemctl("status", check=False), f"AssertPathExists={token} was not met")
    away.rename(token)
    equal("start with the credential ends with", hermes_install("start", profile.name).code, 0)
    equal("gateways", profile.gateways(), [unit.pid])


def crashes_without(profile: Profile, unit: Unit, variables: Path) -> None:
    """Before an automatic restart 252 asks whether the file is there, and 257 does not: the start limit ends that loop."""
    away = variables.rename("/etc/bot.env.away")
    os.kill(unit.pid, signal.SIGSEGV)
    wait.until(f"{unit.name} to be given up", lambda: unit.states[0] in ("failed", "inactive"), 180)
    starts, states = unit.restarts, unit.states
    time.sleep(PAUSE)
    equal("its state and restarts later", (unit.states, unit.restarts), (states, starts))
    row = status(profile)
    equal("its state in status", row["state"], "failed")
    contains("why", row["last_end"]["why"], f"its environment file `{variables}` is not there")
    away.rename(variables)
    equal("start with the file ends with", hermes_install("start", profile.name).code, 0)
    equal("gateways", profile.gateways(), [unit.pid])


def run() -> None:
    settings = Path("/etc/hermes-install/config.toml")
    settings.parent.mkdir()
    settings.write_text(CONFIGURATION)
    token = Path("/etc/token")
    token.write_text("secret")
    token.chmod(0o600)
    variables = Path("/etc/bot.env")
    variables.write_text("A=1\n")
    fresh_account()
    never, unless_killed = (Profile(name).make() for name in ("never", "unless-killed"))
    for profile in (never, unless_killed):
        equal(f"install of {profile.name} ends with", install(profile).code, 0)

    unit = Unit(never.unit)
    environment = Path(f"/proc/{unit.pid}/environ").read_bytes().split(b"\0")
    directory = next(e.split(b"=", 1)[1].decode() for e in environment if e.startswith(b"CREDENTIALS_DIRECTORY="))
    equal("the credential", Path(directory, "token").read_text(), "secret")
    equal("no_new_privs and system call filters, relaxed", confinement(unit.pid), ("0", 0))
    equal("what stays", [unit.show()[p] for p in ("ProtectSystem", "ProtectHome")], ["strict", "yes"])
    stays_down(unit, signal.SIGSEGV)
    never.until_up()
    comes_back(never, unit, "reload")

    unit = Unit(unless_killed.unit)
    found = confinement(unit.pid)
    check("no_new_privs and system call filters, strict", found[0] == "1" and found[1] > 0, found)
    stays_down(unit, signal.SIGKILL)
    unless_killed.until_up()
    comes_back(unless_killed, unit, "a crash")
    comes_back(unless_killed, unit, "reload")
    is_refused(unless_killed, unit, token)
    crashes_without(unless_killed, unit, variables)
