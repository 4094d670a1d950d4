"""Root file systems: built once, kept by the content of what they are made from.

A build happens in a temporary directory beside its place and is renamed at the end, under a lock: two runs at once
build it once, and a run that was killed leaves nothing that looks finished.
"""

import contextlib
import fcntl
import functools
import hashlib
import inspect
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

# Suite to the Python of its gateways; systemd is 252, 257 and, in sid, what came out last.
SUITES = {"bookworm": "3.11", "trixie": "3.13", "sid": "3.13"}

PACKAGES = [
    "autopkgtest",
    "dbus",
    "dbus-user-session",
    "dnf",
    "git",
    "libpam-systemd",
    "mount",
    "needrestart",
    "passwd",
    "polkitd",
    "procps",
    "python3",
    "python3-venv",
    "rpm",
    "strace",
    "systemd",
    "systemd-sysv",
    "util-linux",
    "zypper",
]


@dataclass(frozen=True)
class Differences:
    """How a suite differs from the first ones: packages in place of others, links in /usr/local/bin, options of mmdebstrap."""

    instead: dict[str, list[str]] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()


# `dnf` is dnf5, as in Fedora since 41. hermes from 0.16 on does not want the Python that sid has as python3, 3.14. A mirror
# that stands still has a Release file that expired.
DIFFERENCES = {
    "sid": Differences(
        instead={"dnf": ["dnf5"], "python3-venv": ["python3-venv", "python3.13-venv"]},
        links={"dnf": "/usr/bin/dnf5", "python3": "/usr/bin/python3.13"},
        options=('--aptopt=Acquire::Check-Valid-Until "false"',),
    )
}

# A login without a password or a terminal, so that a scenario can be a user with a real session.
PAM = """auth required pam_permit.so
account required pam_permit.so
session required pam_unix.so
session required pam_systemd.so
"""

# Who the scenarios are when they are not root.
USER = "alice"

UNIT = """[Unit]
Description=One scenario
After=multi-user.target
# In a virtual machine.
Wants=vmcheck-disks.service
SuccessAction=exit
FailureAction=exit
[Service]
Type=exec
ExecStart=%PYTHON% -B /vmcheck/guest/main.py
StandardOutput=file:/vmcheck-out/log
StandardError=inherit
"""


def unit(python: str = "/usr/bin/python3") -> str:
    """The unit of a scenario; root and this Python run it."""
    return UNIT.replace("%PYTHON%", python)


def default_cache() -> Path:
    """Where builds are kept unless told otherwise."""
    base = os.environ.get("HERMES_INSTALL_VM_CACHE")
    if base:
        return Path(base)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hermes-install-vm"


def own_suite() -> str:
    """The suite of this host, whose programs run on it; the first one where it is none of them."""
    with contextlib.suppress(FileNotFoundError):
        for line in Path("/etc/os-release").read_text().splitlines():
            name, _, value = line.partition("=")
            if name == "VERSION_CODENAME" and value in SUITES:
                return value
    return next(iter(SUITES))


def why_not(tree: Path, program: Path) -> str | None:
    """Why a program of this host cannot run in a root: what its loader says, such as a C library that is too old."""
    libraries = tree / "usr/lib/x86_64-linux-gnu"
    command = [str(libraries / "ld-linux-x86-64.so.2"), "--library-path", str(libraries), str(program), "--version"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return None if done.returncode == 0 else done.stderr.strip()


def root(cache: Path, suite: str) -> Path:
    """A Debian root with systemd as its init."""
    differences = DIFFERENCES.get(suite, Differences())

    def build(place: Path) -> None:
        bootstrap(place, suite, [name for package in PACKAGES for name in differences.instead.get(package, [package])])
        for name, program in differences.links.items():
            (place / "usr/local/bin" / name).symlink_to(program)
        (place / "etc/pam.d/vmcheck").write_text(PAM)
        (place / "etc/systemd/system/vmcheck.service").write_text(unit())
        wants = place / "etc/systemd/system/multi-user.target.wants"
        wants.mkdir(exist_ok=True)
        (wants / "vmcheck.service").symlink_to("../vmcheck.service")
        for name in ("vmcheck", "vmcheck-out", "opt/hermes"):
            (place / name).mkdir()
        run("chroot", str(place), "useradd", "--create-home", "--shell=/bin/bash", USER)

    return cached(cache, f"root-{suite}", [suite, repr(differences), USER, *PACKAGES, PAM, UNIT, recipe()], build)


@functools.cache
def recipe() -> str:
    """How roots are made, as it was when the run began. Not this whole file: another suite makes none of the others anew."""
    return inspect.getsource(root) + inspect.getsource(bootstrap)


def bootstrap(place: Path, suite: str, packages: list[str]) -> None:
    """Install a Debian with these packages into a directory."""
    hooks = [
        'rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/* "$1"/etc/resolv.conf',
        ': > "$1"/etc/machine-id',
    ]
    run(
        *("mmdebstrap", "--quiet", "--variant=apt", "--mode=root", f"--include={','.join(packages)}"),
        *DIFFERENCES.get(suite, Differences()).options,
        *(f"--customize-hook={hook}" for hook in hooks),
        *(suite, str(place)),
    )


def cached(cache: Path, name: str, inputs: list[str], build: Callable[[Path], None]) -> Path:
    """The finished build of these inputs."""
    key = hashlib.sha256("\0".join(inputs).encode()).hexdigest()[:12]
    place = cache / f"{name}-{key}"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f".{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            print(f"building {place.name}", flush=True)
            begin = time.monotonic()
            scratch = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=cache))
            try:
                build(scratch / "new")
                (scratch / "new").rename(place)
                print(f"built {place.name} in {time.monotonic() - begin:.0f} s", flush=True)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
    return place


class Overlay:
    """A writable view of a root; `merged` is where it is."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.merged = top / "merged"


@contextlib.contextmanager
def overlay(lower: Path) -> Iterator[Overlay]:
    """A throw-away overlay in memory, gone at the end."""
    top = Path(tempfile.mkdtemp(prefix="hermes-install-vm-", dir="/dev/shm"))
    view = Overlay(top)
    for name in ("upper", "work", "merged"):
        (top / name).mkdir()
    options = f"lowerdir={lower},upperdir={top}/upper,workdir={top}/work"
    try:
        run("mount", "-t", "overlay", "overlay", "-o", options, str(view.merged))
        try:
            yield view
        finally:
            run("umount", str(view.merged))
    finally:
        shutil.rmtree(top, ignore_errors=True)


def run(*command: str, env: dict[str, str] | None = None) -> None:
    """Run a program; show what it said when it fails."""
    try:
        done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    except FileNotFoundError as e:
        raise RuntimeError(f"{command[0]} is not installed; .ci/packages at the top of the tree installs it") from e
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed ({done.returncode}):\n{done.stdout}{done.stderr}")
