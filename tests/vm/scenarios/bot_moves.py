"""A profile moves to another host as docs/moving.md says, and is renamed by hermes: the old unit is told to be gone."""

import json
import shutil
import subprocess
from pathlib import Path

from check import check, contains, equal
from gateway import HERMES as HERMES_OF_GUEST
from gateway import Profile, fresh_account
from installer import hermes_install, shell
from systemd import Unit

HERMES = ["0.19.0", "0.22.2"]
SECONDS = 120
ROOT = Path("/var/lib/hermes")


def run() -> None:
    fresh_account()
    coder = Profile("coder").make(env="A_SECRET=hunter2\n")
    equal("install ends with", hermes_install("--profile", "coder", "--hermes", HERMES_OF_GUEST).code, 0)
    move(coder)
    rename(coder)


def move(coder: Profile) -> None:
    equal("stop ends with", hermes_install("stop", "coder").code, 0)
    equal("uninstall ends with", hermes_install("uninstall", "--profile", "coder").code, 0)
    shell("tar", "-C", str(ROOT / "profiles"), "-czf", "/root/coder.tar.gz", "coder")

    # From here on it is another host: no root, and an account with another number.
    hermes_install("uninstall", "--yes")
    shutil.rmtree(ROOT)
    subprocess.run(["userdel", "hermes"], check=True)
    subprocess.run(["useradd", "--system", "somebody"], check=True)

    made = hermes_install("--profile", "default", "--no-start", "--no-enable", "--hermes", HERMES_OF_GUEST)
    equal("install of default ends with", made.code, 0)
    shell("install", "-d", "-o", "hermes", "-g", "hermes", "-m", "700", str(ROOT / "profiles"))
    shell("tar", "-C", str(ROOT / "profiles"), "-xzf", "/root/coder.tar.gz")
    shell("chown", "-R", "hermes:", str(coder.home))
    equal("install of coder ends with", hermes_install("--profile", "coder", "--hermes", HERMES_OF_GUEST).code, 0)
    equal("its gateway", coder.gateways(), [Unit(coder.unit).pid])
    contains("its secrets", (coder.home / ".env").read_text(), "hunter2")
    equal("doctor ends with", hermes_install("doctor").code, 0)


def rename(coder: Profile) -> None:
    equal("stop ends with", hermes_install("stop", "coder").code, 0)
    done = hermes_install("run", "default", "profile", "rename", "coder", "writer")
    equal("rename ends with", done.code, 0)
    shown = hermes_install("status", "--long")
    equal("status ends with", shown.code, 1)
    contains("status", shown.out, "coder: gone", "`hermes-install uninstall --profile coder`")
    findings = json.loads(hermes_install("doctor", "--json").out)["findings"]
    gone = [finding["hint"] for finding in findings if finding["rule"] == "profile-gone"]
    equal("what doctor says to do", gone, ["hermes-install uninstall --profile coder"])

    Unit(coder.unit).systemctl("start", check=False)
    Unit(coder.unit).until_active_state("failed")
    rules = {finding["rule"] for finding in json.loads(hermes_install("doctor", "--json").out)["findings"]}
    check("it is told once", "profile-gone" in rules and "unit-failed" not in rules, rules)
    check("and nobody is told to split it", "shared-account" not in rules, rules)

    equal("uninstall of the old name ends with", hermes_install("uninstall", "--profile", "coder").code, 0)
    equal("install of the new name ends with", hermes_install("--profile", "writer", "--hermes", HERMES_OF_GUEST).code, 0)
    writer = Profile("writer")
    equal("its gateway", writer.gateways(), [Unit(writer.unit).pid])
    equal("doctor at last ends with", hermes_install("doctor").code, 0)
