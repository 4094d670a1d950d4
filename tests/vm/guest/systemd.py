"""Units as their manager shows them, the system's or a user's."""

import pwd
import subprocess

import wait


def systemctl(*args: str, user: str | None = None, check: bool = True) -> str:
    """Run systemctl on a manager; its standard output."""
    command = ["systemctl", "--no-pager"]
    if user:
        command += ["--user", "-M", f"{user}@"]
    done = subprocess.run([*command, *args], capture_output=True, text=True)
    if check and done.returncode != 0:
        raise RuntimeError(f"systemctl {' '.join(args)} failed ({done.returncode}): {done.stderr}")
    return done.stdout.strip()


class Unit:
    """One service."""

    def __init__(self, name: str, user: str | None = None) -> None:
        self.name = name
        self.user = user

    def systemctl(self, verb: str, check: bool = True) -> str:
        return systemctl(verb, self.name, user=self.user, check=check)

    def show(self) -> dict[str, str]:
        """Its properties."""
        lines = self.systemctl("show").splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    @property
    def pid(self) -> int:
        return int(self.show()["MainPID"])

    @property
    def restarts(self) -> int:
        return int(self.show()["NRestarts"])

    @property
    def states(self) -> tuple[str, str]:
        """ActiveState and Result."""
        shown = self.show()
        return shown["ActiveState"], shown["Result"]

    def until_active_state(self, state: str, seconds: float = 60) -> None:
        wait.until(f"{self.name} to be {state}", lambda: self.show()["ActiveState"] == state, seconds)

    def starts(self) -> int:
        """How often its manager has started it since boot, refused starts included."""
        field = f"UNIT={self.name}"
        if self.user:
            field = f"USER_UNIT={self.name}"
        # systemd.journal-fields(7); the ID of "unit started" (sd-messages.h).
        message = "MESSAGE_ID=39f53479d3a045ac8e11786248231fbf"
        lines = subprocess.run(
            ["journalctl", "-b", "-q", "--no-pager", "-o", "cat", field, message], capture_output=True, text=True
        ).stdout.splitlines()
        return len(lines)

    def journal(self) -> str:
        """Everything it and its manager said."""
        field = "_SYSTEMD_USER_UNIT" if self.user else "_SYSTEMD_UNIT"
        manager = "USER_UNIT" if self.user else "UNIT"
        return subprocess.run(
            ["journalctl", "-b", "-q", "--no-pager", "-o", "cat", f"{field}={self.name}", "+", f"{manager}={self.name}"],
            capture_output=True,
            text=True,
        ).stdout


def as_user(
    user: str, *command: str, env: dict[str, str] | None = None, answers: str = ""
) -> subprocess.CompletedProcess:
    """Run a command as a user who has just logged in: PAM, a logind session, a user manager; root runs it plainly."""
    if user == "root":
        return subprocess.run(command, capture_output=True, text=True, env={**BASE, **(env or {})}, input=answers)
    home = pwd.getpwnam(user).pw_dir
    variables = {"HOME": home, **(env or {})}
    return subprocess.run(
        [
            *("systemd-run", "--quiet", "--pipe", "--wait", "--collect", f"--uid={user}"),
            *("--property=PAMName=vmcheck", f"--working-directory={home}"),
            *(f"--setenv={k}={v}" for k, v in variables.items()),
            *command,
        ],
        capture_output=True,
        text=True,
        input=answers,
    )


BASE = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8"}
