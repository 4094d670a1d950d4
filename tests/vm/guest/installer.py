"""The program under test, and what it leaves on a host."""

import contextlib
import hashlib
import json
import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import gateway
from systemd import Unit, as_user, systemctl

UNDER_TEST = "/vmcheck/hermes-install"
# What another package would have placed, when the run was given it.
TREE = Path("/vmcheck/tree")
PROGRAM = "/tmp/hermes-install"
PACKAGED = "/usr/bin/hermes-install"


@dataclass
class Run:
    """How it ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return f"exit {self.code}\n{self.out}{self.err}"


def program() -> str:
    """The package's, where one is installed; else a copy as somebody downloads it, not at a place of a package."""
    if Path(PACKAGED).exists():
        return PACKAGED
    if not Path(PROGRAM).exists():
        shutil.copy(UNDER_TEST, PROGRAM)
        os.chmod(PROGRAM, 0o755)
    return PROGRAM


def hermes_install(*args: str, user: str = "root", env: dict[str, str] | None = None) -> Run:
    """Run it as root or as a user who has just logged in."""
    # So wide that no sentence which a scenario looks for is in two lines.
    done = as_user(user, program(), *args, env={"COLUMNS": "1000", **(env or {})})
    run = Run(done.returncode, done.stdout, done.stderr)
    print(f"$ hermes-install {' '.join(args)}   # as {user}\n{run.text}", flush=True)
    return run


def install(profile: gateway.Profile, *args: str, user: str = "root") -> Run:
    """Install a profile with the gateway under test, or start it when somebody else's files are to be tried."""
    if TREE.exists():
        return _placed(profile)
    return hermes_install("--profile", profile.name, "--hermes", gateway.HERMES, *args, user=user)


def broken_hermes() -> str:
    """A hermes that knows its version, as an installation does whose dependencies are gone, and dies when it is used."""
    path = Path("/opt/broken/hermes")
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && echo "Hermes Agent v0.19.0 (2026.7.20)" && exit 0\n'
        'echo "ModuleNotFoundError: No module named aiohttp" >&2\nexit 1\n'
    )
    path.chmod(0o755)
    return str(path)


def _placed(profile: gateway.Profile) -> Run:
    if not Path("/etc/systemd/system/hermes-gateway@.service").exists():
        tar = f"tar --create --directory={TREE} . | tar --extract --directory=/ --no-overwrite-dir --no-same-owner"
        shell("sh", "-ec", tar)
        hermes = Path("/opt/hermes/bin/hermes")
        if not hermes.exists():
            hermes.parent.mkdir()
            hermes.symlink_to(gateway.HERMES)
        gateway.fresh_account()
        systemctl("daemon-reload")
    Unit(profile.unit).systemctl("start")
    profile.until_up()
    return Run(0, "", "")


def make_older(user: str | None = None) -> str:
    """Change the installed template unit to what an older version would have written and recorded; its new text."""
    unit, receipt = Path("/etc/systemd/system/hermes-gateway@.service"), Path("/var/lib/hermes-install/receipt.json")
    if user:
        home = Path(pwd.getpwnam(user).pw_dir)
        unit = home / ".config/systemd/user" / unit.name
        receipt = home / ".local/state/hermes-install" / receipt.name
    new = unit.read_text()
    old = new.replace("OOMPolicy=continue\n", "")
    if old == new:
        raise ValueError(f"{unit} has no OOMPolicy= to take away")
    unit.write_text(old)
    known = json.loads(receipt.read_text())
    known["files"][str(unit)[1:]]["sha256"] = hashlib.sha256(old.encode()).hexdigest()
    receipt.write_text(json.dumps(known))
    return new


def status(profile: gateway.Profile, user: str = "root") -> dict:
    """What status says of a profile, from its JSON."""
    run = hermes_install("status", "--json", "--profile", profile.name, user=user)
    return json.loads(run.out)["profiles"][0]


# Journals, accounts of time and of sessions, what dpkg copies at midnight: they change by themselves.
NOISE = ("var/log", "var/lib/systemd", "var/cache", "var/tmp", "var/backups", "etc/machine-id", "home/alice/.cache", "etc/.pwd.lock")

# What a gateway leaves outside of its home: the record of the one gateway per account, since 0.21.4.
LOCKS = "/hermes/gateway-locks"
RECORDS = (f"{LOCKS}/host-gateway.lock", f"{LOCKS}/host-gateway.json")


def snapshot(*data: str) -> dict[str, str]:
    """Every path of the host with kind, mode, owner and contents; without the data directories and system noise."""
    found = {}
    skip = tuple(f"/{d}" for d in (*NOISE, *data))
    for top in ("/etc", "/usr/local", "/usr/lib/systemd", "/var", "/home", "/root", "/opt/hermes"):
        for directory, names, files in os.walk(top):
            names[:] = [n for n in names if not os.path.join(directory, n).startswith(skip)]
            if directory.startswith("/opt/hermes/"):
                names[:] = []
                continue
            for name in [*names, *files]:
                path = os.path.join(directory, name)
                if not path.startswith(skip) and not path.endswith(RECORDS):
                    # A gateway that runs removes files of its own all the while.
                    with contextlib.suppress(FileNotFoundError):
                        found[path] = _describe(path)
    for path in [path for path in found if path.endswith(LOCKS)]:
        _forget(path, found)
    return found


def _forget(path: str, found: dict[str, str]) -> None:
    """Leave a directory out, and those above it that hold nothing else."""
    while path in found and not any(other.startswith(f"{path}/") for other in found):
        del found[path]
        path = os.path.dirname(path)


def _describe(path: str) -> str:
    stat = os.lstat(path)
    kind = f"{stat.st_mode:o} {stat.st_uid}:{stat.st_gid}"
    if os.path.islink(path):
        return f"{kind} -> {os.readlink(path)}"
    if os.path.isfile(path):
        return f"{kind} {hashlib.sha256(Path(path).read_bytes()).hexdigest()}"
    return kind


def difference(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Paths that came, went or changed."""
    changed = [p for p in before.keys() | after.keys() if before.get(p) != after.get(p)]
    return sorted(f"{p}: {before.get(p, 'absent')} -> {after.get(p, 'absent')}" for p in changed)


def shell(*command: str) -> str:
    """Run a plain command as root; its output."""
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
