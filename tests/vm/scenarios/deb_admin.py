"""The Debian package and what an admin decided: policy-rc.d, masks, drop-ins, a disabled and a stopped unit survive an upgrade."""

from pathlib import Path

import lifecycle
from check import check, contains, equal
from gateway import Profile
from installer import install
from package import Apt
from systemd import Unit, systemctl

PACKAGES = ["deb"]
SECONDS = 60
POLICY = Path("/usr/sbin/policy-rc.d")


def run() -> None:
    apt = Apt()
    apt.set_up()
    lifecycle.first_install(apt, apt.versions.before)
    profiles = {name: Profile(name).make() for name in ("default", "tuned", "disabled", "masked")}
    for profile in profiles.values():
        lifecycle.set_up(profile)
    default, tuned, disabled, masked = (Unit(p.unit) for p in profiles.values())
    drop_in = Path(f"/etc/systemd/system/{tuned.name}.d/60-mine.conf")
    drop_in.write_text("[Service]\nNice=5\n")
    edited = drop_in.with_name("50-hermes-install.conf")
    edited.write_text(edited.read_text() + "# mine\n")
    systemctl("daemon-reload")
    disabled.systemctl("disable")
    masked.systemctl("stop")
    masked.systemctl("mask")

    # As README.Debian has it.
    POLICY.write_text("#!/bin/sh\ncase $1 in hermes-gateway*) exit 101 ;; esac\n")
    POLICY.chmod(0o755)
    pids = {unit.name: unit.pid for unit in (default, tuned, disabled)}
    apt.install(apt.versions.new)
    equal("with policy-rc.d: main processes", {u.name: u.pid for u in (default, tuned, disabled)}, pids)
    equal("with policy-rc.d: the masked one", masked.states[0], "inactive")
    POLICY.unlink()

    up = [profiles[name] for name in ("default", "tuned", "disabled")]
    lifecycle.change_version(apt, apt.versions.before, up=up, down=[profiles["masked"]], drift=("tuned", "disabled"))
    equal("the drop-in's setting", tuned.show()["Nice"], "5")
    equal("enablement of the disabled one", disabled.show()["UnitFileState"], "disabled")
    equal("enablement of the masked one", masked.show()["UnitFileState"], "masked")

    systemctl("disable", "--now", "hermes-gateway.target")
    for profile in up:
        Unit(profile.unit).until_active_state("inactive")
    apt.install(apt.versions.new)
    equal("after an upgrade with the target disabled: instances", lifecycle.instances(), [])
    equal("the target's enablement", Unit("hermes-gateway.target").show()["UnitFileState"], "disabled")

    # A person has edited another profile's drop-in by now, and does so again.
    edited = Path("/etc/systemd/system/hermes-gateway@tuned.service.d/50-hermes-install.conf")
    text = edited.read_text()
    tenant = install(Profile("apart"), "--no-start", "--force")
    edited.write_text(text)
    equal("install of a tenant ends with", tenant.code, 0)
    said = apt.purge().out
    contains("what purge says", said, "/var/lib/hermes stays", "/var/lib/hermes-tenants/apart stays, with the data of a tenant")
    equal("home of the tenant, and whose", Path("/var/lib/hermes-tenants/apart/.hermes").owner(), "hermes-apart")
    equal("what declares it", [str(p) for p in Path("/etc").glob("*.d/hermes-tenant-*")], [])
    lifecycle.removed(list(profiles.values()))
    check("the admin's drop-in is there after purge", drop_in.exists())
    check("the edited drop-in is there after purge", edited.exists())
    check("the mask is there after purge", Path(f"/etc/systemd/system/{masked.name}").is_symlink())
    left = {str(p) for p in Path("/etc/systemd/system").rglob("*hermes-*") if p.is_symlink() or p.is_file()}
    equal("what else is there", sorted(left - {str(edited), f"/etc/systemd/system/{masked.name}"}), [])
