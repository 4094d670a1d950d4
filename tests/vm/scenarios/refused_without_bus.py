"""A host without what a user's manager needs is told the Debian packages, and one whose profile is missing how to get it."""

import subprocess
from pathlib import Path

from check import check, contains, equal
from gateway import HERMES as HERMES_OF_GUEST
from gateway import Profile
from installer import difference, hermes_install, snapshot
from systemd import Unit

HERMES = ["0.19.0", "0.22.2"]
SECONDS = 60


def run() -> None:
    create()
    without_bus()


def create() -> None:
    """On a host that has never had a gateway: no account, no root, no profile."""
    coder = Profile("coder")
    words = ("--profile", "coder", "--shared", "--standalone", "--hermes", HERMES_OF_GUEST)
    refused = hermes_install(*words)
    equal("install of a profile that is not there ends with", refused.code, 3)
    contains("what it says", refused.err, "profile `coder` does not exist", "`--create` has hermes create it", "runuser --pty -u hermes")
    check("nothing names a program that Debian does not have", "sudo" not in refused.err, refused.err)
    done = hermes_install(*words, "--create")
    equal("with --create it ends with", done.code, 0)
    equal("its gateway", coder.gateways(), [Unit(coder.unit).pid])
    equal("its home belongs to", coder.home.owner(), "hermes")
    check("no program of that name is on anybody's PATH", not list(Path("/var/lib/hermes").glob(".local/bin/coder")))
    equal("again it ends with", hermes_install(*words, "--create").code, 0)
    equal("uninstall ends with", hermes_install("uninstall", "--yes").code, 0)


def without_bus() -> None:
    """As on a minimal Debian."""
    purge = ["dpkg", "--purge", "--force-depends", "dbus-user-session", "libpam-systemd"]
    subprocess.run(purge, check=True, capture_output=True)
    before = snapshot("home/alice/.hermes")
    words = ("runuser", "-u", "alice", "--", "/tmp/hermes-install", "--user", "--profile", "default", "--hermes", HERMES_OF_GUEST)
    Path("/home/alice/.hermes").mkdir()
    subprocess.run(["chown", "alice:", "/home/alice/.hermes"], check=True)
    refused = subprocess.run(words, capture_output=True, text=True, env={"HOME": "/home/alice", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
    print(refused.stdout, refused.stderr)
    equal("install without a bus ends with", refused.returncode, 3)
    contains("what it says", refused.stderr, "apt install dbus-user-session libpam-systemd")
    check("it says nothing about root's manager", "--system" not in refused.stderr, refused.stderr)
    equal("what it changed", difference(before, snapshot("home/alice/.hermes")), [])
