"""What may happen to a host with a gateway: each event by itself, until nobody does anything any more."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import outside
import wait
from cell import USER, Cell
from check import OUT
from gateway import HERMES, Profile, own
from installer import hermes_install, make_older, program
from systemd import as_user, systemctl

OURS = os.environ.get("VMCHECK_FIRE_UNIT", "ours") == "ours"

# How often each happens beside the others.
EVENTS = {
    "takeover": 5, "sigkill": 2, "sigsegv": 2, "usr1": 1, "reload": 1, "systemctl_restart": 2, "cli_restart": 2, "chat_restart": 1,
    "update": 2, "second_manager": 3, "second_hand": 1, "reboot": 2, **({"install_restart": 2, "upgrade": 1} if OURS else {}),
}  # fmt: skip

WAYS = ["login", "login, force", "detached", *(["hermes-install run"] if OURS else [])]
BACK = ["ctrl-c", "kill", "beside", *(["adopt"] if OURS else [])]


class Fire:
    """The host, a dice, and the events by their names."""

    def __init__(self) -> None:
        self.profile = Profile("default", USER, f"/home/{USER}/.hermes")
        self.cell = Cell("our-system" if OURS else "upstream-system", self.profile)
        self.unit, self.other = self.cell.unit, self.cell.other
        self.rng = random.Random()
        # Takeovers that hermes declined.
        self.refused = 0
        # Starts of the unit, and of the other manager's, that an event has asked for.
        self.asked = [0, 0]

    def takeover(self) -> None:
        """A person takes it over, and gives it back a while later."""
        old = self.profile.state().get("pid")
        way, back, waited, typed_start = self.rng.choice(WAYS), self.rng.choice(BACK), self.rng.uniform(15, 40), self.rng.random() < 0.5
        say(f"        by {way}, back by {back}")
        is_over = self.take(way)
        pid = wait.until("the hand to run or to end", lambda: self.up_after(old) or (-1 if is_over() else 0), 60)
        if pid == -1:
            self.refused += 1
            say("        hermes refuses")
            return
        time.sleep(waited)
        outside.HAPPENS.write_text("give back")
        if back == "adopt":
            done = hermes_install("adopt", "--profile", "default", "--yes")
            self.asked = [1, 0]
            if done.code != 0:
                raise RuntimeError(f"adopt ended with {done.code}: {done.err}")
            return
        if back == "beside":
            self.asked = [1, 0]
            self.unit.systemctl("start", check=False)
            time.sleep(waited / 4)
        end(pid, signal.SIGKILL if back == "kill" else signal.SIGINT)
        self.asked[0] += 1
        self.unit.systemctl("reset-failed", check=False)
        if OURS and typed_start:
            hermes_install("start", "default")
        else:
            self.unit.systemctl("start", check=False)

    def take(self, way: str) -> Callable[[], bool]:
        """Begin a takeover; whether that command has ended."""
        words = ["gateway", "run", "--replace"]
        if way.startswith("login"):
            hand = self.profile.by_hand(*words, *(["--force"] if "force" in way else []))
            return lambda: not hand.alive()
        command = [program(), "run", "default", *words]
        if way == "detached":
            command = ["su", "--shell=/bin/sh", USER, "--command", f"cd && exec setsid --wait env --unset=INVOCATION_ID {HERMES} {' '.join(words)}"]
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/tmp")
        return lambda: child.poll() is not None

    def up_after(self, old: int | None) -> int:
        """The gateway that runs, if it is another one."""
        pid = self.profile.state().get("pid", 0)
        return pid if pid != old and self.profile.is_up(pid) else 0

    def sigkill(self) -> None:
        self.renewed(lambda old: os.kill(old, signal.SIGKILL))

    def sigsegv(self) -> None:
        self.renewed(lambda old: os.kill(old, signal.SIGSEGV))

    def usr1(self) -> None:
        self.renewed(lambda old: os.kill(old, signal.SIGUSR1))

    def reload(self) -> None:
        self.renewed(lambda _: self.unit.systemctl("reload"))

    def systemctl_restart(self) -> None:
        self.renewed(lambda _: self.unit.systemctl("restart"))

    def install_restart(self) -> None:
        self.renewed(lambda _: hermes_install("restart", "default"))

    def cli_restart(self) -> None:
        self.renewed(lambda _: typed("gateway", "restart"))

    def chat_restart(self) -> None:
        self.renewed(lambda _: outside.TYPE.write_text("/restart"))

    def update(self) -> None:
        """hermes' own as far as it goes without a network; then as if it had gone to its end. The environment is root's."""
        typed("update", user="root", env={"HERMES_HOME": str(self.profile.root)})
        own(self.profile.root, USER)
        if not OURS:
            self.renewed(lambda _: self.unit.systemctl("restart"))
            return
        mark = next(Path(HERMES).parents[1].glob("lib/python*/site-packages/hermes_agent-*.dist-info"))
        # Younger than the gateway by more than what starts it may write.
        now = time.time() + 10
        os.utime(mark, (now, now))
        self.renewed(lambda _: hermes_install("restart", "--outdated"))
        os.utime(mark, (now - 3600, now - 3600))

    def upgrade(self) -> None:
        make_older()
        systemctl("daemon-reload")
        self.renewed(lambda _: hermes_install("upgrade", "--yes"))

    def second_manager(self) -> None:
        """alice's own manager starts it, too, and she notices a while later."""
        self.asked = [0, 1]
        self.other.systemctl("start", check=False)
        time.sleep(self.rng.uniform(45, 90))
        self.other.systemctl("stop", check=False)
        self.other.systemctl("reset-failed", check=False)

    def second_hand(self) -> None:
        typed("gateway", "run")

    def renewed(self, change: Callable[[int], object]) -> None:
        """Do what ends the gateway of the unit, and see that end."""
        self.asked = [1, 0]
        old = self.unit.pid
        change(old)
        wait.until("the old one to be gone", lambda: is_gone(old), 60)

    def is_settled(self) -> bool:
        """Does the unit run the gateway, and nobody else, and does that one poll?"""
        pid = self.unit.pid
        return pid != 0 and self.profile.gateways() == [pid] and outside.read().polling == [pid]

    def mend(self) -> None:
        """As somebody who has had enough of it."""
        self.other.systemctl("stop", check=False)
        main = self.unit.pid
        for pid in self.profile.gateways():
            if pid != main:
                end(pid, signal.SIGKILL)
        for unit in (self.other, self.unit):
            unit.systemctl("reset-failed", check=False)
        self.unit.systemctl("restart", check=False)


def say(text: str) -> None:
    """For who looks on, also in a file of all boots: the log of a boot is written over that of the one before."""
    print(text, flush=True)
    with (OUT / "events").open("a") as out:
        out.write(text + "\n")


def typed(*words: str, user: str = USER, env: dict[str, str] | None = None) -> None:
    """A command of hermes', to its end."""
    done = as_user(user, "timeout", "90", "env", "--unset=INVOCATION_ID", HERMES, *words, env=env)
    say(f"        `hermes {' '.join(words)}` ended with {done.returncode}: {(done.stdout + done.stderr).strip()[-300:]}")


def end(pid: int, number: int) -> None:
    """End a process, which may have ended, and wait for that."""
    if not is_gone(pid):
        os.kill(pid, number)
    wait.until(f"pid {pid} to end", lambda: is_gone(pid), 60)


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True
