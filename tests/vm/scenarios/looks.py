"""Four profiles start together; and what a person sees of five bots, each in another state, on terminals of 80 and 120 columns."""

import fcntl
import os
import pty
import re
import struct
import termios

import wait
from bot import configure, open_environment
from check import check, contains, equal
from gateway import HERMES as HERMES_OF_GUEST
from gateway import Profile, fresh_account, own
from installer import hermes_install, install
from model import Echo
from systemd import BASE, Unit, systemctl
from telegram import BotAPI
from tenant import tenant

# By hand, after a change of what commands print. The log has the colours; `--keep` keeps it.
HERMES: list[str] = []
SECONDS = 200

COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def run() -> None:
    fresh_account()
    open_environment()
    four = [Profile(name).make() for name in ("atlas", "backup", "calendar", "deploy-helper")]
    equal("the plan of four ends with", hermes_install("plan", *flags(four)).code, 1)
    equal("install of four ends with", hermes_install(*flags(four)).code, 0)
    five(four)
    for columns in (80, 120):
        pages(columns)
    for profile in (*four, Profile("messenger")):
        Unit(profile.unit).systemctl("stop", check=False)
    together([tenant(name) for name in ("north", "east", "south", "west")])


def together(four: list[Profile]) -> None:
    """One run of four tenants: systemd begins all of them before the first gateway is up. Those of one account take turns at
    hermes' own lock of the account, from 0.21.4 on."""
    done = hermes_install(*flags(four))
    equal("install of four tenants ends with", done.code, 0)
    contains("one job starts all", done.err, "starting " + ", ".join(f"`{profile.unit}`" for profile in four))
    begun = [int(Unit(profile.unit).show()["ExecMainStartTimestampMonotonic"]) / 1e6 for profile in four]
    words = "journalctl --no-pager --output=short-precise --identifier=systemd " + " ".join(f"--unit={profile.unit}" for profile in four)
    print(os.popen(words).read(), flush=True)
    up = [span(took) for took in re.findall(r"up after (.+)", done.err)]
    print(f"     begun at {begun}, up after {up}", flush=True)
    equal("gateways that came up", len(up), 4)
    equal("restarts by themselves", [Unit(profile.unit).restarts for profile in four], [0] * 4)
    check("the last one began before the first one was up", max(begun) - min(begun) < min(up), (begun, up))


def span(text: str) -> float:
    """The seconds of `1min 2.5s`."""
    return sum(float(number) * (60 if unit == "min" else 1) for number, unit in re.findall(r"([0-9.]+)(min|s)", text))


def flags(profiles: list[Profile]) -> list[str]:
    """Those of an installation of all of them."""
    return [*(word for profile in profiles for word in ("--profile", profile.name)), "--hermes", HERMES_OF_GUEST]


def five(four: list[Profile]) -> None:
    """Running, failed with a reason, backing off, stopped, and one whose platform cannot work."""
    fine, failed, crashes, stopped = four
    (failed.home / "config.yaml").write_text("gateway: [\n")
    own(failed.home, failed.user)
    install(stopped)
    Unit(stopped.unit).systemctl("stop")
    mute = Profile("messenger").make()
    configure(mute, BotAPI(), Echo())
    install(mute)
    Unit(failed.unit).systemctl("restart", check=False)
    unit = Unit(crashes.unit)
    wait.until("the brake of a gateway that crashes", lambda: waits(unit), 120)
    print(systemctl("list-units", "--all", "--no-legend", "--plain", "hermes-gateway@*"), flush=True)


def waits(unit: Unit) -> bool:
    """Does the brake hold it? Where it runs, it crashes now."""
    shown = unit.show()
    if shown["SubState"] == "running":
        systemctl("kill", "--kill-whom=main", "--signal=SEGV", unit.name, check=False)
    return shown["SubState"] == "start-pre" and int(shown["NRestarts"]) > 3


LINES = [
    "hermes-install status",
    "hermes-install status -p messenger",
    "hermes-install status --long",
    "hermes-install doctor",
    "hermes-install why backup",
    "hermes-install plan --profile atlas --drain-timeout 2m",
    "hermes-install install --profile atlas --drain-timeout {seconds} --yes",
    "hermes-install install --profile nobody-knows-it --shared",
    "hermes-install install --profile deploy-helper --run-as nobody --yes",
    "hermes-install adopt --profile atlas",
    "hermes-install stop",
    "hermes-install show --profile atlas",
]


def pages(columns: int) -> None:
    """Each of them, as its terminal shows it."""
    for line in LINES:
        command = line.format(seconds=columns)
        text = shown(command, columns)
        print(f"=== {columns} {command}\n{text}\n=== end", flush=True)
        plain = COLOUR.sub("", text).splitlines()
        wide = [each for each in plain if len(each) > columns and not is_whole(each)]
        equal(f"{command}: lines beyond {columns} columns", wide, [])
        said = [each.strip() for each in plain if len(each.strip()) > 30 and not is_whole(each)]
        twice = sorted({each for each in said if said.count(each) > 1})
        print(f"     {command}: said twice: {twice}", flush=True)


def is_whole(line: str) -> bool:
    """What is never cut: a command, a path, what the journal said."""
    text = line.strip()
    is_file = re.match(r"[a-z]+ +/\S+$", text)
    return bool(is_file) or line.startswith("    ") or text.startswith(("hermes-install ", "systemctl ", "journalctl ", "|")) or " " not in text


def shown(command: str, columns: int) -> str:
    """What a terminal of that width is sent."""
    child, terminal = pty.fork()
    if child == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        os.execve("/bin/sh", ["sh", "-c", command], {**BASE, "TERM": "xterm-256color"})
    said = b""
    while True:
        try:
            some = os.read(terminal, 65536)
        except OSError:
            break
        said += some
        if said.endswith(b"[y/N] "):
            os.write(terminal, b"n\n")
    os.waitpid(child, 0)
    os.close(terminal)
    return said.decode(errors="replace").replace("\r\n", "\n")
