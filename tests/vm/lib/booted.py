"""A container that stays up while commands are typed into it; a scenario's ends with the scenario."""

import contextlib
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from . import cgroups, container, roots

# Of a boot, and of a shutdown.
PATIENCE = 120

T = TypeVar("T")


class Guest:
    """The system whose PID 1 is this process of the host's."""

    def __init__(self, leader: int) -> None:
        self.enter = ["nsenter", f"--target={leader}", "--mount", "--root", "--wd", "--uts", "--ipc", "--net", "--pid"]

    def run(self, *command: str) -> int:
        """Run a command as root, with its output where this program's goes; its exit status."""
        return subprocess.run([*self.enter, "env", "--ignore-environment", *ENVIRONMENT, *command]).returncode

    def ask(self, *command: str) -> str:
        """What a command prints, whether it succeeds or not."""
        done = subprocess.run([*self.enter, *command], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        return done.stdout.strip()

    def login(self, account: str, line: str) -> None:
        """Type a line into the shell of an account that has just logged in; what it leaves running goes on."""
        session = ["systemd-run", "--quiet", "--pipe", "--wait", "--collect", f"--uid={account}"]
        # A person's shell has no INVOCATION_ID, and hermes behaves as a service with it.
        shell = ["--property=PAMName=vmcheck", "env", "--unset=INVOCATION_ID", "bash"]
        subprocess.run([*self.enter, *session, *shell], input=line, text=True, check=True)

    def shell(self) -> None:
        """A shell of root's on this terminal, in a unit of the guest's own."""
        unit = ("systemd-run", "--quiet", "--pty", "--wait", "--collect", "--working-directory=/root")
        variables = [f"--setenv={variable}" for variable in ENVIRONMENT]
        subprocess.run([*self.enter, *unit, *variables, "bash", "--norc"])


ENVIRONMENT = [
    *("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8"),
    *("COLUMNS=80", "TERM=xterm", "SYSTEMD_PAGER=", "PS1=root@guest# "),
]


@contextlib.contextmanager
def boot(view: roots.Overlay, *binds: str, patience: float = PATIENCE) -> Iterator[Guest]:
    """Boot a view of a root and wait until it is up, so many seconds at most; it is shut down at the end."""
    machine = container.machine(view)
    with tempfile.TemporaryFile("w+") as console, cgroups.own(machine) as enter:
        nspawn = subprocess.Popen(
            [*enter, *container.nspawn(view, machine, *binds)],
            env=container.environment(),
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=subprocess.STDOUT,
        )

        try:
            guest = Guest(until("systemd as PID 1", lambda: _leader(nspawn)))
            until("the boot to end", lambda: guest.ask("systemctl", "is-system-running") in ("running", "degraded"), patience)
            yield guest
        except RuntimeError as e:
            console.seek(0)
            raise RuntimeError(f"{e}\n{console.read()}") from e
        finally:
            nspawn.terminate()
            try:
                nspawn.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                nspawn.kill()
                nspawn.wait()


def until(what: str, condition: Callable[[], T | None], seconds: float = PATIENCE) -> T:
    """Wait for a value that is true, and return it."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise RuntimeError(f"waited {seconds:.0f} s for {what}")
        time.sleep(0.1)
    return value


def _leader(nspawn: subprocess.Popen) -> int | None:
    """The child that is PID 1 of another namespace and has become systemd."""
    if nspawn.poll() is not None:
        raise RuntimeError(f"systemd-nspawn ended with {nspawn.returncode}")
    for child in Path(f"/proc/{nspawn.pid}/task/{nspawn.pid}/children").read_text().split():
        with contextlib.suppress(OSError):
            status = Path(f"/proc/{child}/status").read_text()
            name = Path(f"/proc/{child}/comm").read_text().strip()
            if name == "systemd" and f"NSpid:\t{child}\t1\n" in status:
                return int(child)
    return None
