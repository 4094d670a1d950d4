"""A user's unit takes no profile from a system service: `doctor --fix` keeps the system's, whatever the other is called."""

from pathlib import Path

from check import equal
from gateway import Profile, fresh_account
from installer import hermes_install
from mallory import STAND_IN, Account, mallory
from systemd import Unit, systemctl

SECONDS = 60


def run() -> None:
    fresh_account()
    default = Profile("default").make()
    program = Path("/opt/stand-in/hermes")
    program.parent.mkdir()
    program.write_text(STAND_IN)
    program.chmod(0o755)
    unit = Path("/etc/systemd/system/hermes-gateway.service")
    unit.write_text(
        f"[Unit]\nDescription=Hermes Agent Gateway\n[Service]\nUser=hermes\nExecStart={program} gateway run\n"
        f"Environment=HERMES_HOME={default.root}\n[Install]\nWantedBy=multi-user.target\n"
    )
    systemctl("daemon-reload")
    systemctl("enable", "--now", unit.name)
    pid = default.until_up()

    # Hers is called as an installed one, and its home is a link that she can turn.
    her = mallory()
    her.manager()
    take(her, default.root)
    kept(pid, default, "of one that cannot open the home")

    # One whose account can open it, as after a chmod by hand.
    default.root.chmod(0o777)
    (default.root / "gateway.lock").chmod(0o666)
    kept(pid, default, "of one that can open the home")
    state = her.systemctl("is-enabled", "hermes-gateway@default.service", check=False)
    equal("then hers is disabled", state, "disabled")


def take(her: Account, home: Path) -> None:
    link = her.home / "home"
    her.run(f"ln -s {home} {link}")
    her.write("bin/hermes", STAND_IN)
    her.write(
        ".config/systemd/user/hermes-gateway@default.service",
        f"[Service]\nExecStart={her.home}/bin/hermes gateway run\nEnvironment=HERMES_HOME={link}\n[Install]\nWantedBy=default.target\n",
        0o644,
    )
    her.systemctl("daemon-reload")
    her.systemctl("enable", "hermes-gateway@default.service")


def kept(pid: int, profile: Profile, which: str) -> None:
    hermes_install("doctor", "--fix", "--yes")
    unit = Unit("hermes-gateway.service")
    equal(f"a user's unit {which}: the system's is", systemctl("is-enabled", unit.name, check=False), "enabled")
    equal(f"a user's unit {which}: its main process", unit.pid, pid)
    equal(f"a user's unit {which}: gateways", profile.gateways(), [pid])
