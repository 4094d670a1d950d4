"""The signed dnf repository of a release, as the README says: installed, upgraded, and nothing believed but its own signature."""

import shutil
from pathlib import Path

from check import check, contains, equal
from gateway import Profile
from lifecycle import runs, set_up
from package import Dnf
from release import Release, sh

PACKAGES = ["signed-rpm"]
SECONDS = 60


def run() -> None:
    dnf = Dnf()
    dnf.stand_in()
    # What a distribution's dnf has, and a person who says yes; Debian's plugins ask for Debian's repositories.
    for directory in ("/etc/pki/rpm-gpg", "/etc/yum.repos.d", "/etc/dnf/vars"):
        Path(directory).mkdir(parents=True, exist_ok=True)
    Path("/etc/dnf/vars/releasever").write_text("1\n")
    Path("/etc/dnf/dnf.conf").write_text("[main]\nassumeyes=1\nplugins=0\n")
    release = Release("rpm")
    release.publish("first")
    with release.served():
        done = release.follow()
        equal("the README's commands end with", done.code, 0)
        contains("whose key was imported", done.text, f'"{release.signer}"')
        equal("the installed version", dnf.installed(), release.old)
        profile = Profile("default").make()
        set_up(profile)
        old = profile.until_up()

        # The server is somebody else's now: packages, signatures and the key that it offers.
        release.publish("forged")
        done = sh("dnf --refresh upgrade")
        check("a stranger's repository is refused", done.code != 0, done.code)
        contains("what is said of it", done.text, "repomd.xml GPG signature verification error")
        done = sh("dnf --refresh --setopt=hermes-gateway.repo_gpgcheck=0 upgrade")
        check("a stranger's package is refused", done.code != 0, done.code)
        contains("what is said of it", done.text, "hermes-gateway")
        # dnf 4 and dnf5.
        reasons = ("not correct for this package", "Import of the key didn't help, wrong key?")
        check("its key is said to be wrong", any(reason in done.text for reason in reasons), done.text)

        # The signed index is the right one, and a byte of the package is not.
        changed = Path("/srv/changed")
        shutil.copytree(release.top / "next", changed)
        for package in (changed / "rpm").glob("*.rpm"):
            data = bytearray(package.read_bytes())
            data[-100] ^= 1
            package.write_bytes(data)
        signed, release.top = release.top, changed.parent
        release.publish(changed.name)
        done = sh("dnf --refresh upgrade")
        check("a changed package is refused", done.code != 0, done.code)
        contains("what is said of it", done.text, "checksum doesn't match")
        equal("what is installed", dnf.installed(), release.old)
        equal("who runs all the time", runs(profile), old)

        release.top = signed
        release.publish("next")
        done = sh("dnf --refresh upgrade")
        equal("an upgrade ends with", done.code, 0)
        equal("the new version", dnf.installed(), release.new)
        profile.until_up(after=old)
        runs(profile)
