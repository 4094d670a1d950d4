"""Install a profile as an ordinary user: lingering is switched on and remembered, and uninstall takes all of it back."""

from pathlib import Path

from check import check, contains, equal
from gateway import Profile
from installer import difference, hermes_install, install, snapshot, status
from systemd import Unit

SECONDS = 40


def run() -> None:
    coder = Profile("coder", user="alice", root="/home/alice/.hermes")
    refused = install(coder, user="alice")
    equal("installing a missing profile ends with", refused.code, 3)
    with_new_root(Profile("default", user="alice", root="/home/alice/.hermes"))
    coder.make()
    with_hermes_of_default(coder)
    before = snapshot("home/alice/.hermes")

    first = install(coder, user="alice")
    equal("install as alice ends with", first.code, 0)
    unit = Unit(coder.unit, user="alice")
    check("lingering is on", Path("/var/lib/systemd/linger/alice").exists())
    shown = status(coder, user="alice")
    equal("state", shown["state"], "running")
    equal("scope", shown["scope"], "user")
    equal("gateways on the profile", coder.gateways(), [unit.pid])
    equal("enablement", unit.show()["UnitFileState"], "enabled")
    contains("ExecStart", unit.show()["ExecStart"], "/home/alice/.local/lib/hermes-install/hermes-install")
    pid = unit.pid
    again = install(coder, user="alice")
    equal("second run ends with", again.code, 0)
    contains("the second run", again.err, "nothing was changed")
    equal("main process after the second run", unit.pid, pid)

    equal("uninstall ends with", hermes_install("uninstall", "--yes", user="alice").code, 0)
    equal("gateways after uninstall", coder.gateways(), [])
    check("lingering is off again", not Path("/var/lib/systemd/linger/alice").exists())
    equal("what is left of it all", difference(before, snapshot("home/alice/.hermes")), [])
    check("the profile's data stays", (coder.home / "config.yaml").exists())


def with_new_root(default: Profile) -> None:
    """A user whose hermes was never set up has no root, and one is made when that is asked for."""
    refused = install(default, user="alice")
    equal("installing without a root ends with", refused.code, 3)
    contains("the refusal", refused.err, f"hermes root `{default.root}` does not exist", "`--create` makes an empty one", " setup` one that")
    check("nothing was made", not default.root.exists())
    made = install(default, "--create", user="alice")
    equal("installing with --create ends with", made.code, 0)
    found = default.root.stat()
    equal("its mode and owner", (oct(found.st_mode & 0o7777), default.root.owner()), ("0o700", "alice"))
    equal("gateways of it", default.gateways(), [Unit(default.unit, user="alice").pid])
    equal("uninstall of it ends with", hermes_install("uninstall", "--yes", user="alice").code, 0)


def with_hermes_of_default(coder: Profile) -> None:
    """A second profile runs the hermes that was named for the first, which is in no place where one is looked for."""
    default = Profile("default", user="alice", root="/home/alice/.hermes").make()
    words = ("--profile", "coder", "--no-start")
    nowhere = hermes_install(*words, user="alice")
    contains("without the first", nowhere.err, "no hermes executable")
    equal("installing the first ends with", install(default, "--no-start", user="alice").code, 0)
    second = hermes_install(*words, user="alice")
    check("the second is installed", second.code == 0, second.err)
    equal("uninstall of both ends with", hermes_install("uninstall", "--yes", user="alice").code, 0)
    check("nothing runs", not coder.gateways())
