"""A profile that the gateway of `default` serves, or is to serve, is run by somebody whatever fails: a gateway of its own that does not
come up, one that hermes would not serve, and an `uninstall` of the one that serves says whom it leaves."""

from pathlib import Path

import wait
from check import check, contains, equal
from gateway import HERMES as PROGRAM
from gateway import Profile, fresh_account
from installer import hermes_install, install
from systemd import Unit, systemctl

HERMES = ["0.22.2"]
SECONDS = 200


def served(default: Profile) -> list[str]:
    return default.state().get("served_profiles") or [] if default.gateways() else []


def run() -> None:
    fresh_account()
    default = Profile("default")
    equal("install of default ends with", install(default).code, 0)
    # Units of a hermes before 0.21.4: nobody has said that they stand alone.
    coder, poet = Profile("coder").make(), Profile("poet").make()
    for one in (coder, poet):
        equal(f"install of {one.name} ends with", install(one).code, 0)
        one.make(standalone=False)
    equal("restart of default ends with", hermes_install("restart", "default").code, 0)
    wait.until("default to stand alone", lambda: default.state().get("multiplex_standalone_reason"), 60)
    pid = Unit(coder.unit).pid
    refused = hermes_install("--profile", "coder", "--hermes", PROGRAM, "--migrate")
    equal("one that hermes would not serve: ends with", refused.code, 3)
    contains("it says", refused.text, "`poet` runs a gateway of its own", "--profile poet --standalone", "--profile poet --migrate")
    equal("gateways of coder", coder.gateways(), [pid])
    both = hermes_install("--profile", "coder", "--profile", "poet", "--hermes", PROGRAM, "--migrate")
    equal("both: ends with", both.code, 0)
    equal("who is served", sorted(served(default)), ["coder", "default", "poet"])

    drop_in = Path(f"/etc/systemd/system/{coder.unit}.d/90-mine.conf")
    drop_in.parent.mkdir(exist_ok=True)
    drop_in.write_text("[Service]\nEnvironment=PYTHONHOME=/nonexistent\n")
    failed = hermes_install("--profile", "coder", "--standalone", "--hermes", PROGRAM)
    equal("a gateway of its own that fails ends with", failed.code, 1)
    check("it is not set to stand alone", "standalone: true" not in (coder.home / "config.yaml").read_text())
    wait.until("it to be served again", lambda: "coder" in served(default), 90)
    drop_in.unlink()
    systemctl("daemon-reload")

    gone = hermes_install("uninstall", "--profile", "default")
    equal("uninstall of the one that serves ends with", gone.code, 0)
    contains("it says", gone.text, "nobody serves `coder`, `poet` any more", "`hermes-install --profile coder --standalone`")
