"""The signed apt repository of a release, as the README says: installed, upgraded, and not believed under a stranger's signature."""

import shutil
from pathlib import Path

from check import check, contains, equal
from gateway import Profile
from installer import Run
from lifecycle import runs, set_up
from package import Apt
from release import Release, sh

PACKAGES = ["signed-deb"]
SECONDS = 60


def run() -> None:
    apt = Apt()
    # No network, and a person who says yes.
    Path("/etc/apt/sources.list").write_text("")
    shutil.rmtree("/etc/apt/sources.list.d", ignore_errors=True)
    Path("/etc/apt/sources.list.d").mkdir()
    Path("/etc/apt/apt.conf.d/99yes").write_text('APT::Get::Assume-Yes "true";\n')
    release = Release("deb")
    release.publish("first")
    with release.served():
        done = release.follow()
        equal("the README's commands end with", done.code, 0)
        check("nobody warns of signatures", "GPG error" not in done.text, done.text)
        equal("the installed version", apt.installed(), release.old)
        profile = Profile("default").make()
        set_up(profile)
        old = profile.until_up()

        release.publish("next")
        done = sh("apt update && apt upgrade")
        equal("an upgrade ends with", done.code, 0)
        equal("the new version", apt.installed(), release.new)
        profile.until_up(after=old)
        running = runs(profile)

        # A host that knows the repository keeps what it knew.
        release.publish("forged")
        done = sh("apt update")
        check("a stranger's signature is said to be one", says(done, "not available: NO_PUBKEY", "Missing key"), done.text)
        done = sh("apt update -o APT::Update::Error-Mode=any")
        check("whoever asks is told by the exit status", done.code != 0, done.code)

        # So does one that is new to it, when a line of the signed file was changed.
        sh("apt purge hermes-gateway")
        equal("a gateway that is left", [pid for pid in profile.gateways() if pid == running], [])
        forged = Path("/srv/changed")
        shutil.copytree(release.top / "next", forged)
        signed = forged / "deb/dists/stable/InRelease"
        signed.write_text(signed.read_text().replace("Origin: hermes-install", "Origin: hermes-instail"))
        (forged / "deb/dists/stable/Release").unlink()
        (forged / "deb/dists/stable/Release.gpg").unlink()
        release.top = Path("/srv")
        release.publish("changed")
        shutil.rmtree("/var/lib/apt/lists")
        done = release.follow()
        check("the README's commands fail", done.code != 0, done.code)
        check("a changed file is said to be one", says(done, "BADSIG", "Message has been manipulated"), done.text)
        contains("what is said of the repository", done.text, "is not signed")
        equal("what is installed", apt.installed(), None)


def says(done: Run, *words: str) -> bool:
    """Whether apt says so, with gpgv (Debian 12) or with sqv (apt 3)."""
    return any(word in done.text for word in words)
