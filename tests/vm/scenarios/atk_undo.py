"""A migration that is undone writes nothing where an account has turned its directory to meanwhile."""

from pathlib import Path

from check import check, contains, equal
from installer import hermes_install
from mallory import Account, mallory

SECONDS = 60
DIRECTORY = ".config/systemd/user"
NAMES = ("ld.so.preload", "evil.conf")

# Her hermes knows its version, so that it is tried, and turns the directory as soon as its drop-in was taken away.
PROGRAM = """#!/bin/sh
[ "$1" = --version ] && echo "Hermes Agent v0.19.0 (2026.7.20)" && exit 0
exit 1
"""
TURN = """
cd ~/.config/systemd/user
while [ -e evil.service.d/evil.conf ]; do :; done
rm -f evil.service.d/ld.so.preload; rmdir evil.service.d; ln -s /etc evil.service.d
"""


def run() -> None:
    her = mallory()
    her.manager()
    home = her.write(".hermes/config.yaml", "", 0o600).parent
    program = her.write("bin/hermes", PROGRAM)
    unit = f"[Service]\nExecStart={program} gateway run\nEnvironment=HERMES_HOME={home}\n[Install]\nWantedBy=default.target\n"
    her.write(f"{DIRECTORY}/evil.service", unit, 0o644)
    for name in NAMES:
        her.write(f"{DIRECTORY}/evil.service.d/{name}", "[Service]\n# mallory's\n", 0o644)
    her.systemctl("daemon-reload")
    her.systemctl("enable", "evil.service")
    read_by_root(her, program, home)
    attack(her, program, home)


def read_by_root(her: Account, program: Path, home: Path) -> None:
    """A drop-in that leads to a file of root's: she cannot read it, and the new unit is for everybody to read."""
    secret = Path("/root/bot.conf")
    secret.write_text("[Service]\nEnvironment=OF_ROOT=kept\n")
    secret.chmod(0o600)
    link = her.home / DIRECTORY / "evil.service.d/link.conf"
    her.run(f"ln -s {secret} {link}")
    her.systemctl("daemon-reload")
    contains("what her manager names", her.systemctl("show", "--property=DropInPaths", "evil.service"), "link.conf")
    words = ("--profile", "default", "--system", "--run-as", her.name, "--home", str(home), "--hermes", str(program), "--migrate")
    done = hermes_install("plan", *words, "--diff")
    check("there is a plan", done.code in (0, 1), done.text)
    check("it takes nothing from root's file", "OF_ROOT" not in done.text, done.text)
    her.run(f"rm {link}")
    her.systemctl("daemon-reload")


def attack(her: Account, program: Path, home: Path) -> None:
    racer = her.start("sh", "-c", TURN, env={"HOME": str(her.home), "PATH": "/usr/bin:/bin"})
    done = hermes_install(
        "--profile", "default", "--system", "--run-as", her.name, "--home", str(home), "--hermes", str(program), "--migrate", "--yes"
    )
    racer.kill()
    equal("the migration ends with", done.code, 1)
    for name in NAMES:
        check(f"there is no /etc/{name}", not Path("/etc", name).exists())
    turned = (her.home / DIRECTORY / "evil.service.d").is_symlink()
    check("she did turn it", turned, done.text)
    check("it does not say that all is as it was", "everything is as it was before" not in done.err, done.err)
    contains("it says", done.err, "evil.conf` could not be put back", "/var/lib/hermes-install/backup/")
    kept = list(Path("/var/lib/hermes-install/backup").rglob("evil.conf"))
    equal("copies of it", len(kept), 1)
    equal("the copy's mode", f"{kept[0].stat().st_mode & 0o777:o}", "600")
    equal("her unit is back", (her.home / DIRECTORY / "evil.service").stat().st_uid, her.uid)
