"""The signed dnf repository of a release, as the README says: installed, upgraded, and not believed under a stranger's signature."""

import shutil
from pathlib import Path

from check import check, contains, equal
from gateway import Profile
from lifecycle import runs, set_up
from package import Dnf
from release import Release, sh

PACKAGES = ["signed-rpm"]
BACKENDS = ["container"]
SECONDS = 60


def run() -> None:
    dnf = Dnf()
    dnf.set_up()
    # No network and no plugins, and a person who says yes; packages are believed by their signature alone.
    (dnf.REPOSITORIES / "hermes.repo").unlink()
    Path("/etc/rpm/macros.vmcheck").unlink()
    Path("/etc/dnf/vars").mkdir(parents=True, exist_ok=True)
    Path("/etc/dnf/vars/releasever").write_text("1\n")
    Path("/etc/dnf/dnf.conf").write_text("[main]\nassumeyes=1\nplugins=0\nmetadata_expire=0\n")
    release = Release("rpm")
    release.publish("first")
    with release.served():
        done = release.follow()
        equal("the README's commands end with", done.code, 0)
        contains("what was imported", done.text, "release@example.org")
        before = dnf.installed() or ""
        contains("the installed version", before, "before")
        profile = Profile("default").make()
        set_up(profile)
        old = profile.until_up()

        release.publish("next")
        done = sh("dnf upgrade")
        equal("an upgrade ends with", done.code, 0)
        check("the version is another one", dnf.installed() not in (None, before), dnf.installed())
        profile.until_up(after=old)
        runs(profile)

        release.publish("forged")
        sh("dnf remove hermes-gateway")
        sh("dnf clean all")
        done = sh("dnf install hermes-gateway")
        check("a stranger's repository is refused", done.code != 0, done.code)
        contains("what is said of its signature", done.text, "repomd.xml GPG signature verification error")
        # A package that was changed, in a repository that is signed again by nobody.
        changed = Path("/srv/changed")
        shutil.copytree(release.top / "next", changed)
        for package in (changed / "rpm").glob("*.rpm"):
            data = bytearray(package.read_bytes())
            data[-100] ^= 1
            package.write_bytes(data)
        release.top = Path("/srv")
        release.publish("changed")
        sh("dnf clean all")
        done = sh("dnf install hermes-gateway")
        check("a changed package is refused", done.code != 0, done.code)
        equal("what is installed", dnf.installed(), None)
