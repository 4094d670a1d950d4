"""Install a profile as an ordinary user, beside units of others that she cannot look into: lingering is switched on and remembered,
no variable moves what is installed, and uninstall takes all of it back."""

import shutil
import subprocess
from pathlib import Path

from check import check, contains, equal
from gateway import Profile
from installer import difference, hermes_install, install, snapshot, status
from systemd import Unit, systemctl

SECONDS = 40


def run() -> None:
    private_units()
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
    with_a_variable(coder, unit)

    equal("uninstall ends with", hermes_install("uninstall", "--yes", user="alice").code, 0)
    equal("gateways after uninstall", coder.gateways(), [])
    check("lingering is off again", not Path("/var/lib/systemd/linger/alice").exists())
    equal("what is left of it all", difference(before, snapshot("home/alice/.hermes")), [])
    check("the profile's data stays", (coder.home / "config.yaml").exists())


def private_units() -> None:
    """Units that would run gateways of accounts whose homes nobody else can look into: which profile is active there is not hers."""
    subprocess.run(["useradd", "--create-home", "--key=HOME_MODE=0700", "bob"], check=True)
    for name, account in (("of-bob", "User=bob"), ("of-root", "")):
        text = f"[Service]\n{account}\nExecStart=/opt/private/hermes gateway run\n[Install]\nWantedBy=multi-user.target\n"
        Path(f"/etc/systemd/system/{name}.service").write_text(text)
        systemctl("enable", f"{name}.service")


def with_a_variable(coder: Profile, unit: Unit) -> None:
    """HERMES_HOME of a shell that has it for another bot moves none that is installed; `--home` does, and says so."""
    pid = unit.pid
    other = Profile("coder", user="alice", root="/home/alice/h2").make()
    command = ("--profile", "coder")
    for words in ((), ("--yes",)):
        refused = hermes_install(*command, *words, user="alice", env={"HERMES_HOME": str(other.root)})
        equal(f"another root by a variable ends with {words}", refused.code, 3)
        contains("the refusal", refused.err, f"`{coder.root}`", f"`{other.root}`", f"env -u HERMES_HOME hermes-install --profile coder{''.join(f' {w}' for w in words)}`")
        contains("the way there", refused.err, f" --home {other.root}`")
        equal("gateways after it", (coder.gateways(), other.gateways()), ([pid], []))
    own = hermes_install(*command, user="alice", env={"HERMES_HOME": str(coder.home)})
    equal("with the variable of its own gateway it ends with", own.code, 0)
    contains("what that says", own.err, "nothing was changed")
    for before, after in ((coder, other), (other, coder)):
        moved = hermes_install(*command, "--home", str(after.root), "--yes", user="alice")
        equal("a move on purpose ends with", moved.code, 0)
        contains("what it says", moved.err, f"moves from `{before.home}` to `{after.home}`")
        equal("gateways after it", (before.gateways(), after.gateways()), ([], [unit.pid]))
    shutil.rmtree(other.root)


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
