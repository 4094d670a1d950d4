"""The Debian package on a host with upstream's own unit: untouched by apt, refused by hermes-install, then moved by hand."""

import lifecycle
from check import check, contains, equal
from gateway import HERMES, Profile, fresh_account, own
from installer import hermes_install
from package import Apt
from systemd import Unit, as_user, systemctl

PACKAGES = ["deb"]
SECONDS = 40


def run() -> None:
    fresh_account()
    default = Profile("default").make()
    as_user(
        "root", HERMES, "-p", "default", "gateway", "install", "--system", "--run-as-user", "hermes",
        env={"HERMES_HOME": str(default.root)}, answers="n\nn\n",
    )
    own(default.root, "hermes")
    upstream = Unit("hermes-gateway.service")
    upstream.systemctl("enable")
    upstream.systemctl("restart")
    pid = default.until_up()
    equal("upstream's main process", upstream.pid, pid)

    apt = Apt()
    apt.set_up()
    apt.install(apt.versions.new)
    equal("after apt: gateways", default.gateways(), [pid])
    refused = hermes_install("--profile", "default", "--hermes", HERMES)
    equal("hermes-install beside it ends with", refused.code, 3)
    contains("the refusal", refused.err, "hermes-gateway.service")
    check("nothing was enabled", not systemctl("is-enabled", default.unit, check=False).startswith("enabled"))

    systemctl("disable", "--now", upstream.name)
    lifecycle.set_up(default)
    apt.purge()
    lifecycle.removed([default])
    equal("upstream's unit is still there, as it was left", upstream.show()["UnitFileState"], "disabled")
