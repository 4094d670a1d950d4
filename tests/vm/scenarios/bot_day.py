"""A day with two bots: start, stop, restart, logs, hermes itself, and the program on PATH, each with the truth at its end."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import wait
from bot import open_environment
from check import check, contains, equal, measured
from gateway import HERMES as HERMES_OF_GUEST
from gateway import Profile, fresh_account
from installer import Run, hermes_install
from mallory import mallory
from systemd import BASE, Unit

HERMES = ["0.19.0", "0.22.2"]
SECONDS = 120
COMMAND = Path("/usr/local/bin/hermes-install")


def run() -> None:
    fresh_account()
    open_environment()
    alpha, beta = Profile("alpha").make(), Profile("beta").make()
    begin = time.monotonic()
    both = hermes_install("--profile", "alpha", "--profile", "beta", "--hermes", HERMES_OF_GUEST)
    measured("seconds to install two", round(time.monotonic() - begin, 1))
    equal("install of two ends with", both.code, 0)
    contains("one job starts both", both.err, f"starting `{alpha.unit}`, `{beta.unit}`")

    # As a person types it from here on.
    equal("status from PATH ends with", typed("status").code, 0)
    start_and_stop(alpha, beta)
    restart_all(alpha, beta)
    outdated(alpha, beta)
    logs(alpha)
    hermes(alpha)
    equal("doctor ends with", typed("doctor").code, 0)
    why(alpha)
    planned(alpha)
    gone(alpha)


def typed(*words: str) -> Run:
    """By its name, as root's shell finds it."""
    done = subprocess.run(["hermes-install", *words], capture_output=True, text=True, env={**BASE, "COLUMNS": "1000"}, stdin=subprocess.DEVNULL)
    print(f"$ hermes-install {' '.join(words)}\nexit {done.returncode}\n{done.stdout}{done.stderr}", flush=True)
    return Run(done.returncode, done.stdout, done.stderr)


def start_and_stop(alpha: Profile, beta: Profile) -> None:
    which = typed("stop")
    equal("stop of nobody in particular ends with", which.code, 2)
    contains("what it says", which.err, "alpha, beta", "--all")
    stopped = typed("stop", "alpha")
    equal("stop ends with", stopped.code, 0)
    contains("what it calls", stopped.err, f"systemctl stop {alpha.unit}")
    equal("its unit", Unit(alpha.unit).states, ("inactive", "success"))
    equal("gateways", (alpha.gateways(), len(beta.gateways())), ([], 1))
    shown = typed("status", "--profile", "alpha")
    contains("status of it", shown.out, "alpha: stopped", "`hermes-install start alpha`")
    equal("status of it ends with", shown.code, 0)
    equal("start ends with", typed("start", "alpha").code, 0)
    equal("its gateway", alpha.gateways(), [Unit(alpha.unit).pid])


def restart_all(alpha: Profile, beta: Profile) -> None:
    equal("stop of one ends with", typed("stop", "alpha").code, 0)
    done = typed("restart", "--all")
    equal("restart of the others ends with", done.code, 0)
    contains("what it says of it", done.err, "is stopped, and stays so; to start it: `hermes-install start alpha`")
    equal("its gateways", (alpha.gateways(), Unit(alpha.unit).states), ([], ("inactive", "success")))
    equal("start of it ends with", typed("start", "alpha").code, 0)
    before = alpha.gateways() + beta.gateways()
    done = typed("restart", "--all")
    equal("restart of all ends with", done.code, 0)
    after = alpha.gateways() + beta.gateways()
    check("both are new", len(after) == 2 and not set(after) & set(before), (before, after))
    check("both are up", alpha.is_up(Unit(alpha.unit).pid) and beta.is_up(Unit(beta.unit).pid))
    equal("status after it ends with", typed("status").code, 0)


def outdated(alpha: Profile, beta: Profile) -> None:
    """Beside a profile that does not run, and one of which nobody can tell who has it."""
    before = Unit(alpha.unit).pid
    equal("stop ends with", typed("stop", "beta").code, 0)
    done = typed("restart", "--outdated")
    equal("restart of what is old ends with", done.code, 0)
    new, down = "its gateway is as new as its hermes", "it does not run"
    contains("what it says", done.err, f"`{alpha.unit}`: nothing to do, {new}", f"`{beta.unit}`: nothing to do, {down}")

    lock = beta.home / "gateway.lock"
    lock.unlink(missing_ok=True)
    os.mkfifo(lock)
    shown = typed("status", "--profile", "beta")
    contains("status of it", shown.out, "beta: unknown", f"`{lock}` cannot be examined: it is a pipe")
    mark = next(Path(HERMES_OF_GUEST).parents[1].glob("lib/python*/site-packages/hermes_agent-*.dist-info"))
    now, then = time.time(), mark.stat().st_mtime
    # Younger than the gateway by more than what starts it may write.
    os.utime(mark, (now + 10, now + 10))
    done = typed("restart", "--outdated")
    os.utime(mark, (then, then))
    equal("beside a broken lock it ends with", done.code, 1)
    contains("what it says", done.err, f"`{beta.unit}` is left alone: `{lock}` cannot be examined: it is a pipe")
    check("the old one is new", alpha.is_up(Unit(alpha.unit).pid) and Unit(alpha.unit).pid != before)
    equal("the broken one", Unit(beta.unit).states[0], "inactive")
    # hermes 0.22 has removed it.
    lock.unlink(missing_ok=True)
    unit = Unit(beta.unit)
    unit.systemctl("start")
    # Before it can have the profile.
    os.kill(unit.pid, signal.SIGSTOP)
    done = typed("restart", "--outdated")
    os.kill(unit.pid, signal.SIGCONT)
    contains("what it says of one that starts", done.err, f"`{beta.unit}`: nothing to do, its gateway starts just now")
    equal("start ends with", typed("start", "beta").code, 0)


def logs(alpha: Profile) -> None:
    shown = typed("logs", "alpha", "-n", "300")
    equal("logs ends with", shown.code, 0)
    contains("logs", shown.out, "Started hermes-gateway@alpha.service", "systemd")
    check("they are of one profile", "hermes-gateway@beta" not in shown.out, shown.out)


def hermes(alpha: Profile) -> None:
    version = typed("run", "alpha", "--", "--version")
    equal("hermes --version ends with", version.code, 0)
    contains("it", version.out, "Hermes Agent v")
    done = typed("run", "alpha", "config", "set", "agent.restart_drain_timeout", "7")
    equal("hermes config set ends with", done.code, 0)
    config = alpha.home / "config.yaml"
    contains("the configuration of that profile", config.read_text(), "restart_drain_timeout: 7")
    equal("its owner", config.owner(), "hermes")


def why(alpha: Profile) -> None:
    unit = Unit(alpha.unit)
    liar = Liar(alpha.unit)
    liar.asked_for_a_stop()
    equal("stop ends with", typed("stop", "alpha").code, 0)
    told = typed("why", "alpha")
    equal("why ends with", told.code, 0)
    contains("why it is down", told.out, "alpha: ended", "after systemd was asked to stop it")
    check("nobody's word is taken for sudo's", "mallory" not in told.out and "alice" not in told.out, told.out)
    equal("start ends with", typed("start", "alpha").code, 0)
    pid = unit.pid
    os.kill(pid, signal.SIGKILL)
    alpha.until_up(after=pid)
    liar.ended()
    told = typed("why", "alpha")
    contains("why it was killed", told.out, "alpha: runs now; before that ended", "SIGKILL", f"{alpha.unit}: Main process exited")
    check("nobody's word is taken for systemd's", "forged" not in told.out, told.out)


class Liar:
    """mallory, who writes to the journal what systemd and sudo would."""

    SOURCE = "import socket, sys; socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(sys.argv[1].encode(), '/run/systemd/journal/socket')"

    def __init__(self, unit: str) -> None:
        self.unit = unit
        self.account = mallory()
        # The journal names a process after its file, too.
        self.sudo = self.account.home / "sudo"
        shutil.copy(os.path.realpath("/usr/bin/python3"), self.sudo)
        self.sudo.chmod(0o755)

    def says(self, **fields: str) -> None:
        text = "".join(f"{name}={value}\n" for name, value in fields.items())
        # journald asks /proc for the name of a process: one that is gone by then has none.
        process = self.account.start(str(self.sudo), "-c", f"{self.SOURCE}; import time; time.sleep(600)", text)
        found = ["journalctl", "-b", "-q", "--no-pager", "-o", "cat", f"MESSAGE={fields['MESSAGE']}", f"_UID={self.account.uid}", "_COMM=sudo"]
        wait.until("the journal to have it", lambda: subprocess.run(found, capture_output=True, text=True).stdout)
        process.kill()
        process.wait()

    def asked_for_a_stop(self) -> None:
        self.says(MESSAGE="mallory : COMMAND=/usr/bin/systemctl stop hermes", SYSLOG_IDENTIFIER="sudo", PRIORITY="5")
        # journald looks at who has sent something when it reads it, and by then she is sudo.
        sudo = Path("/usr/bin/sudo")
        shutil.copy("/usr/bin/sleep", sudo)
        journald = Unit("systemd-journald.service").pid
        os.kill(journald, signal.SIGSTOP)
        becomes = f"{self.SOURCE}; import os; os.execv('{sudo}', ['sudo', '600'])"
        said = "MESSAGE=alice : TTY=pts/0 ; USER=root ; COMMAND=/usr/bin/systemctl stop hermes"
        process = self.account.start(str(self.sudo), "-c", becomes, said + "\n")
        wait.until("her to be sudo", lambda: os.path.realpath(f"/proc/{process.pid}/exe") == str(sudo))
        os.kill(journald, signal.SIGCONT)
        found = ["journalctl", "-b", "-q", "--no-pager", "-o", "cat", f"_UID={self.account.uid}", f"_EXE={sudo}"]
        wait.until("the journal to have it as sudo's", lambda: "alice" in subprocess.run(found, capture_output=True, text=True).stdout)
        process.kill()
        sudo.unlink()

    def ended(self) -> None:
        """Newer than anything that systemd has said of the unit."""
        invocation = {"UNIT": self.unit, "INVOCATION_ID": "f" * 32}
        exited = {"MESSAGE_ID": "98e322203f7a4ed290d09fe03c09fe15", "EXIT_CODE": "exited", "EXIT_STATUS": "forged"}
        self.says(MESSAGE="forged", **exited, **invocation)
        self.says(MESSAGE="forged too", MESSAGE_ID="d9b373ed55a64feb8242e02dbe79a49c", **invocation)


def planned(alpha: Profile) -> None:
    change = ("plan", "--profile", "alpha", "--hermes", HERMES_OF_GUEST, "--drain-timeout", "2min")
    told = typed(*change)
    contains("the plan", told.out, f"then restart {alpha.unit}, after its running turns, 2min at most")
    as_json = json.loads(typed(*change, "--json").out)
    equal("what it restarts", as_json["restarts"], [{"unit": alpha.unit, "drain_seconds": 120}])
    equal("what it starts and stops", (as_json["starts"], as_json["stopped"]), ([], []))
    drop_in = f"/etc/systemd/system/{alpha.unit}.d/50-hermes-install.conf"
    changed = {change["path"]: change["text"] for change in as_json["changes"] if change["action"] == "update"}
    contains("the drop-in that it would write", changed[drop_in], "HERMES_RESTART_DRAIN_TIMEOUT=120")

    config = Path("/etc/hermes-install/config.toml")
    config.parent.mkdir()
    config.write_text('[profiles.alpha]\nread-write-paths = ["/srv/none"]\nenvironment-files = ["/etc/none.env"]\n')
    refused = typed("--profile", "alpha")
    equal("an install with paths that are not there ends with", refused.code, 3)
    named = (f"`{key}` in `[profiles.alpha]` of `{config}`" for key in ("read-write-paths", "environment-files"))
    contains("what it says", refused.err, "`/srv/none`", "`/etc/none.env`", *named)
    config.unlink()


def gone(alpha: Profile) -> None:
    equal("uninstall ends with", typed("uninstall", "--yes").code, 0)
    check("the command is gone", not COMMAND.is_symlink())
    COMMAND.write_text("#!/bin/sh\necho mine\n")
    os.chmod(COMMAND, 0o755)
    equal("install beside another command ends with", hermes_install("--profile", "alpha", "--hermes", HERMES_OF_GUEST).code, 0)
    equal("uninstall after it ends with", hermes_install("uninstall", "--yes").code, 0)
    contains("the other command", COMMAND.read_text(), "echo mine")
