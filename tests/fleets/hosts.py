"""Hosts of a fleet: booted Debians with sshd and cloud-init, as a cloud's images have them, on a network of their own."""

import contextlib
import functools
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/vm"))

from lib import booted, environments, roots  # noqa: E402

PACKAGES = ["ca-certificates", "cloud-init", "dbus", "iproute2", "libpam-systemd", "openssh-server", "procps"]
# python3-apt is what Ansible's apt works with.
PACKAGES += ["python3-apt", "python3-packaging", "python3-venv", "systemd-sysv"]

# hermes, and what its API server needs: the one platform that wants no network.
HERMES = "0.19.0"
REQUIREMENTS = [f"hermes-agent=={HERMES}", "aiohttp"]

# The house that the fleet gets its packages from; also where Ansible runs.
HOUSE = "10.77.0.1"
PORT = 8017
URL = f"http://{HOUSE}:{PORT}"
PIP = f"[global]\nno-index = true\nfind-links = {URL}/wheels/\ntrusted-host = {HOUSE}\n"

# Of each host; systemd-networkd sees to it, and cloud-init waits for it, as on a cloud.
NETWORK = "[Match]\nName=host0\n[Network]\nAddress={address}/24\nLinkLocalAddressing=no\n"

# Seconds; a boot ends after what cloud-init installs in it.
BOOT = 600

# Where a run of the system leaves traces that nobody asked for; the tenants' part is what their gateways write.
NOISE = ("var/log/", "var/lib/systemd/", "var/cache/ldconfig/", "var/cache/apt/", "root/.ansible", "tmp/", "var/tmp/", "etc/machine-id", "var/lib/hermes-tenants/")


def root(cache: Path, suite: str) -> Path:
    """A Debian as a cloud has it; nothing in it knows an address of Debian's."""

    def build(place: Path) -> None:
        roots.bootstrap(place, suite, PACKAGES)
        (place / "etc/apt/sources.list").unlink(missing_ok=True)
        (place / "etc/pip.conf").write_text(PIP)
        roots.run("systemctl", f"--root={place}", "--quiet", "enable", "systemd-networkd.service")

    return roots.cached(cache, f"fleet-{suite}", [suite, *PACKAGES, PIP, "networkd"], build)


def wheels(cache: Path, suite: str) -> Path:
    """hermes and all that it needs, as a package index has them."""

    def build(place: Path) -> None:
        place.mkdir()
        environments.download(suite, place, *REQUIREMENTS)

    return roots.cached(cache, f"fleet-wheels-{suite}", [suite, *REQUIREMENTS], build)


@dataclass
class Host:
    """One of them."""

    name: str
    address: str
    guest: booted.Guest
    view: roots.Overlay

    def status(self) -> dict[str, dict]:
        """What hermes-install says of each profile; nothing before it is installed."""
        said = self.guest.ask("hermes-install", "status", "--json")
        return {profile["profile"]: profile for profile in json.loads(said)["profiles"]} if said else {}

    def pids(self) -> dict[str, int]:
        """The gateway of each profile that runs one."""
        return {name: profile["main_pid"] for name, profile in self.status().items() if profile["state"] == "running"}

    def environment(self, pid: int) -> dict[str, str]:
        """The variables of a process."""
        listed = self.guest.ask("cat", f"/proc/{pid}/environ").split("\0")
        return dict(entry.split("=", 1) for entry in listed if "=" in entry)

    def written(self) -> dict[str, tuple]:
        """Every file that was written since the host was made, as the file system has it."""
        upper = self.view.top / "upper"
        found = {}
        for directory, _, names in os.walk(upper):
            for name in names:
                path = Path(directory) / name
                short = str(path.relative_to(upper))
                if not short.startswith(NOISE):
                    stat = path.lstat()
                    found[short] = (stat.st_mode, stat.st_size, stat.st_mtime_ns)
        return found


@contextlib.contextmanager
def network() -> Iterator[None]:
    """The bridge that all hosts are at. This process has a network of its own (`alone`), so nobody else sees it."""
    roots.run("ip", "link", "set", "lo", "up")
    roots.run("ip", "link", "add", "fleet", "type", "bridge")
    roots.run("ip", "address", "add", f"{HOUSE}/24", "dev", "fleet")
    roots.run("ip", "link", "set", "fleet", "up")
    yield


def alone() -> None:
    """Begin this program anew in a network of its own, unless it is there."""
    if os.environ.get("FLEETS_ALONE") != "1":
        os.environ["FLEETS_ALONE"] = "1"
        os.execvp("unshare", ["unshare", "--net", sys.executable, *sys.argv])


@contextlib.contextmanager
def web(place: Path) -> Iterator[None]:
    """Serve a directory at `URL`."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer((HOUSE, PORT), functools.partial(Quiet, directory=str(place)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()


@contextlib.contextmanager
def host(lower: Path, number: int, prepare: dict[str, str], *binds: str) -> Iterator[Host]:
    """Boot one with these files and mounts; `number` makes its name and address."""
    name, address = f"bots{number}", f"10.77.0.{10 + number}"
    with roots.overlay(lower) as view:
        for path, text in prepare.items():
            place = view.merged / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
            place.chmod(0o600)
        (view.merged / "etc/systemd/network/10-house.network").write_text(NETWORK.format(address=address))
        with booted.boot(view, f"--hostname={name}", "--network-bridge=fleet", *binds, patience=BOOT) as guest:
            yield Host(name, address, guest, view)


def key(place: Path) -> str:
    """A new SSH key; its public part."""
    roots.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(place))
    return place.with_suffix(".pub").read_text()


def repository(packages: Path, place: Path) -> None:
    """A signed apt repository of these packages, as a release has it, for `URL/NAME` where NAME is the directory's."""
    keys = place.parent / "keys"
    keys.mkdir(mode=0o700, exist_ok=True)
    environment = {**os.environ, "GNUPGHOME": str(keys)}
    made = ("--batch", "--quiet", "--passphrase", "", "--quick-generate-key")
    if not list(keys.glob("*.kbx")):
        roots.run("gpg", *made, "release <release@example.org>", "rsa3072", "sign", "never", env=environment)
    words = ("--url", f"{URL}/{place.name}", "--key", "release@example.org", str(packages), str(place))
    try:
        roots.run(str(TOP / "release/repository"), *words, env=environment)
    finally:
        subprocess.run(["gpgconf", "--kill", "gpg-agent"], env=environment, check=False)


def only(packages: Path, place: Path, *, is_before: bool) -> Path:
    """A directory with the package of this tree, or of the one before it, alone; its package."""
    place.mkdir()
    chosen = next(file for file in sorted(packages.glob("*.deb")) if ("before" in file.name) == is_before)
    return Path(shutil.copy(chosen, place))


@dataclass(frozen=True)
class Given:
    """What a play is made of: the system, a hermes for it, Ansible, the packages, the program, what the house serves, a directory to
    work in; where images are kept, and of which suite.
    """

    lower: Path
    hermes: Path
    tools: Path
    packages: Path
    binary: Path
    site: Path
    work: Path
    cache: Path
    suite: str


class Check:
    """What was found, so far."""

    passed = 0
    failed = 0

    @classmethod
    def that(cls, what: str, good: bool, told: str = "") -> None:
        """Say whether it is so; what was told where it is not."""
        if good:
            cls.passed += 1
        else:
            cls.failed += 1
        print(f"{'ok    ' if good else 'FAILED'} {what}" + ("" if good else f"\n{told}"), flush=True)

    @classmethod
    def equal(cls, what: str, found: object, expected: object, told: str = "") -> None:
        """Say whether both are the same."""
        cls.that(what, found == expected, f"  is {found!r}\n  not {expected!r}\n{told}")
