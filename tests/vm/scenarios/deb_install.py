"""The Debian package: installing starts nothing, then two ways lead to a running gateway with the package's own units."""

from pathlib import Path

from check import check, contains, equal
from gateway import Profile
from installer import hermes_install
from lifecycle import first_install, link_hermes, runs, set_up
from package import Apt
from systemd import Unit, systemctl

PACKAGES = ["deb"]
SECONDS = 40

# A hermes at a place that nobody searches, and what somebody says of an instance.
SHOW = """#!/bin/sh
echo "$(id -un):$(id -gn) $HERMES_HOME $MARK $FROM_FILE $(cat $CREDENTIALS_DIRECTORY/token) $*"
"""
OWN = """[Service]
User=daemon
Group=adm
Environment=HERMES_HOME=/srv/%i HERMES_INSTALL_HERMES=/srv/bin/hermes MARK=%p API_KEY=not-for-the-screen
EnvironmentFile=-/srv/none.env
EnvironmentFile=/srv/%i.env
LoadCredential=token:/srv/%i.token
"""


def run() -> None:
    apt = Apt()
    apt.set_up()
    first_install(apt, apt.versions.new)
    set_up(Profile("default").make())

    link_hermes()
    coder = Profile("coder").make()
    systemctl("enable", "--now", coder.unit)
    runs(coder)
    # Of what systemctl enabled there is no receipt.
    before = Unit(coder.unit).pid
    equal("restart ends with", hermes_install("restart", "coder").code, 0)
    check("it is another gateway", coder.until_up() != before, before)
    contains("why the one before ended", hermes_install("why", "coder").out, "coder: runs now", "a planned restart")
    as_its_unit_says()
    equal("enablement", Unit(coder.unit).show()["UnitFileState"], "enabled")
    check("the target starts what is enabled at boot", coder.unit in systemctl("list-dependencies", "hermes-gateway.target"))


def as_its_unit_says() -> None:
    """Of an instance that somebody made with `systemctl edit` nothing but its unit is known."""
    files = {"bin/hermes": SHOW, "other.env": "FROM_FILE=file\n", "other.token": "secret\n"}
    for name, text in files.items():
        (Path("/srv") / name).parent.mkdir(exist_ok=True)
        (Path("/srv") / name).write_text(text)
    Path("/srv/bin/hermes").chmod(0o755)
    for name in ("other.env", "other.token"):
        (Path("/srv") / name).chmod(0o600)
    drop_in = Path("/etc/systemd/system/hermes-gateway@other.service.d/override.conf")
    drop_in.parent.mkdir()
    drop_in.write_text(OWN)
    done = hermes_install("run", "other", "--", "a", "$HOME")
    equal("run ends with", done.code, 0)
    contains("what hermes had", done.out, "daemon:adm /srv/other hermes-gateway file secret --profile other a $HOME")
    check("no secret is on the screen", "not-for-the-screen" not in done.text, done.text)
    # Without the unit it is a profile of the package's account.
    drop_in.unlink()
    drop_in.parent.rmdir()
    said = hermes_install("run", "other", "--", "--version").text
    contains("a profile without a unit", said, "--uid=hermes --gid=hermes", "--setenv=HERMES_HOME=/var/lib/hermes ", "--profile other")
