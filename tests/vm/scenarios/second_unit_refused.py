"""A second unit for one profile, of the other scope, is refused once with 69, and the first is not disturbed."""

import time
from pathlib import Path

from check import check, contains, equal
from gateway import HERMES, Profile
from installer import PROGRAM, hermes_install, install
from systemd import Unit, as_user, systemctl

SECONDS = 60


def run() -> None:
    mine = Profile("coder", user="alice", root="/home/alice/.hermes").make()
    equal("install as alice ends with", install(mine, user="alice").code, 0)
    first = Unit(mine.unit, user="alice")
    pid = first.pid

    # The installer does not even begin.
    refused = hermes_install("--profile", "coder", "--system", "--run-as", "alice", "--hermes", HERMES)
    equal("install of the second ends with", refused.code, 3)
    contains("the refusal", refused.err, "user unit of `alice` `hermes-gateway@coder.service`", "systemctl --user -M alice@ disable --now")
    check("nothing was written", not Path("/etc/systemd/system/hermes-gateway@.service").exists())

    # Somebody makes the second unit all the same: from another profile's installation and a drop-in of their own.
    equal("install of default ends with", install(Profile("default")).code, 0)
    drop_in = Path(f"/etc/systemd/system/{mine.unit}.d/mine.conf")
    drop_in.parent.mkdir()
    drop_in.write_text(
        "[Service]\nUser=alice\nGroup=alice\nProtectHome=no\nEnvironment=HERMES_HOME=/home/alice/.hermes "
        f"HERMES_INSTALL_HERMES={HERMES}\n"
    )
    second = Unit(mine.unit)
    systemctl("daemon-reload")
    second.systemctl("start", check=False)
    second.until_active_state("failed")
    time.sleep(30)  # Longer than the restart delays: once means once.
    equal("exit status", second.show()["ExecMainStatus"], "69")
    equal("starts", second.starts(), 1)
    contains("the journal", second.journal(), f"pid {pid}", "user unit `hermes-gateway@coder.service`", "systemctl --user -M alice@ stop")
    equal("gateways on the profile", mine.gateways(), [pid])
    equal("the first one's main process", first.pid, pid)
    equal("the first one's automatic restarts", first.restarts, 0)

    # The launcher says the same to a person.
    by_hand = as_user("alice", PROGRAM, "exec", "--profile", "coder", "--hermes", HERMES)
    equal("exec by hand ends with", by_hand.returncode, 69)
    contains("what it says", by_hand.stderr, f"pid {pid}", "systemctl --user stop hermes-gateway@coder.service")
