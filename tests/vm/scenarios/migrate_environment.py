"""A manager gives its units a HERMES_HOME that no file of theirs says, and the usual root is there, too: status and doctor name the home
that the gateway works on, and the new unit has that.
"""

import os
import pwd
import subprocess
from pathlib import Path

import gateway
import wait
from check import check, contains, equal
from gateway import Profile
from installer import hermes_install
from systemd import Unit, systemctl

SECONDS = 120

HOME = Path("/home/alice")
SERVICE = f"[Service]\nExecStart={gateway.HERMES} gateway run\nRestart=on-failure\n"


def run() -> None:
    alice = pwd.getpwnam("alice")
    for directory in (HOME / "bots", HOME / ".config", HOME / ".config/systemd", HOME / ".config/systemd/user"):
        directory.mkdir(exist_ok=True)
        os.chown(directory, alice.pw_uid, alice.pw_gid)
    usual = Profile("default", "alice", str(HOME / ".hermes")).make()
    bot = Profile("default", "alice", str(HOME / "bots/main")).make()
    of_user(bot, usual)
    by_root(bot, usual)
    of_system(bot, usual)


def of_user(bot: Profile, usual: Profile) -> None:
    directory = HOME / ".config/environment.d"
    directory.mkdir()
    (directory / "50-hermes.conf").write_text("HERMES_HOME=$HOME/bots/main\n")
    (HOME / ".config/systemd/user/hermes.service").write_text(f"{SERVICE}[Install]\nWantedBy=default.target\n")
    subprocess.run(["loginctl", "enable-linger", "alice"], check=True)
    wait.until("alice's manager", lambda: systemctl("is-system-running", user="alice", check=False))
    old = Unit("hermes.service", user="alice")
    old.systemctl("enable")
    told = f"hermes.service (enabled, stopped) would run the gateway of `{bot.home}`"
    contains("user: what runs by its manager", hermes_install("status", "--long", user="alice").text, told)
    contains("user: what runs by its manager, for root", hermes_install("status", "--long").text, told)
    old.systemctl("start")
    bot.until_up()
    told = told.replace("(enabled, stopped) would run", "(active) runs")
    contains("user: what runs", hermes_install("status", "--long", user="alice").text, told)
    contains("user: what runs, for root", hermes_install("status", "--long").text, told)
    migrated("user", bot, usual, "alice")


def by_root(bot: Profile, usual: Profile) -> None:
    """The unit is stopped: what its manager has, or will have when it starts, is all that tells."""
    directory = HOME / ".config/systemd/user"
    (directory / "hermes.service").write_text(f"{SERVICE}[Install]\nWantedBy=default.target\n")
    systemctl("daemon-reload", user="alice")
    Unit("hermes.service", user="alice").systemctl("enable")
    told = "would run the gateway of `{}`"
    other = HOME / "bots/other"
    systemctl("set-environment", f"HERMES_HOME={other}", user="alice")
    contains("root: what its manager was told", hermes_install("status", "--long").text, told.format(other))
    subprocess.run(["loginctl", "disable-linger", "alice"], check=True)
    uid = pwd.getpwnam("alice").pw_uid
    wait.until("alice's manager to end", lambda: not Path(f"/run/user/{uid}").exists())
    contains("root: what runs when it starts", hermes_install("status", "--long").text, told.format(bot.home))
    migrated("root", bot, usual, "root")


def of_system(bot: Profile, usual: Profile) -> None:
    systemctl("set-environment", f"HERMES_HOME={bot.home}")
    service = SERVICE.replace("\n", "\nUser=alice\n", 1)
    Path("/etc/systemd/system/bot.service").write_text(f"{service}[Install]\nWantedBy=multi-user.target\n")
    systemctl("daemon-reload")
    systemctl("enable", "--now", "bot.service")
    bot.until_up()
    contains("system: what runs", hermes_install("status", "--long").text, f"bot.service (active) runs the gateway of `{bot.home}`")
    migrated("system", bot, usual, "root")
    systemctl("unset-environment", "HERMES_HOME")


def migrated(name: str, bot: Profile, usual: Profile, user: str) -> None:
    done = hermes_install("--profile", "default", "--migrate", user=user)
    equal(f"{name}: migration ends with", done.code, 0)
    new = Unit(bot.unit, user=None if user == "root" else user).pid
    equal(f"{name}: gateways of the home", bot.gateways(), [new])
    equal(f"{name}: gateways of the usual root", usual.gateways(), [])
    check(f"{name}: nobody ran one there", not usual.state(), usual.state())
    variables = Path(f"/proc/{new}/environ").read_text().split("\0")
    equal(f"{name}: its root", [v for v in variables if v.startswith("HERMES_HOME=")], [f"HERMES_HOME={bot.home}"])
    equal(f"{name}: uninstall ends with", hermes_install("uninstall", "--yes", user=user).code, 0)
