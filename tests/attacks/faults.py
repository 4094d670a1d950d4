"""Every mutating system call of a command fails, or is its last: what is on the disk then, and what was said of it."""

import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from image import MALLORY, UNIT, Image, difference

# What changes a file system, and fsync, which may fail late. Opens that create are told by their flags.
CALLS = ("mkdirat", "mkdir", "openat", "write", "fchmod", "fchmodat", "fchmodat2", "fchown", "fchownat", "lchown",
         "symlinkat", "symlink", "renameat", "renameat2", "rename", "unlinkat", "unlink", "rmdir", "fsync", "flock")
INSTALL = ("--profile", "default", "--system", "--hermes", "/opt/h/bin/hermes", "--no-start")
UNTOUCHED = "everything is as it was before"


@dataclass
class Case:
    """A command, and how an image gets to where it is run."""

    name: str
    args: tuple[str, ...]
    prepare: Callable[[Image], None]
    goes_on: bool = False


@dataclass
class Tally:
    """What was seen."""

    runs: int = 0
    bad: list[str] = field(default_factory=list)


def nothing(_: Image) -> None:
    pass


def installed(image: Image) -> None:
    done = image.run(*INSTALL)
    assert done.code == 0, done.text


def outdated(image: Image) -> None:
    """As an older version wrote it."""
    import hashlib
    import json

    installed(image)
    receipt = image.top / "var/lib/hermes-install/receipt.json"
    known = json.loads(receipt.read_text())
    for path in ("etc/systemd/system/hermes-gateway@.service", "etc/systemd/system/hermes-gateway.target"):
        if path in known["files"]:
            text = (image.top / path).read_text() + "# older\n"
            (image.top / path).write_text(text)
            known["files"][path]["sha256"] = hashlib.sha256(text.encode()).hexdigest()
    receipt.write_text(json.dumps(known))


def edited(image: Image) -> None:
    image.write("etc/systemd/system/hermes-gateway@.service", "# mine\n")


def migratable(image: Image) -> None:
    directory = "home/mallory/.config/systemd/user"
    unit = UNIT.format(user="", home="/var/lib/hermes").replace("User=\n", "")
    image.write(f"{directory}/bot.service", unit, MALLORY)
    image.write(f"{directory}/bot.service.d/a.conf", "[Service]\nNice=1\n", MALLORY)
    image.write(f"{directory}/bot.service.d/notes.txt", "mine", MALLORY)
    image.write(f"{directory}/default.target.wants/other.service", "", MALLORY)
    (image.top / directory / "default.target.wants/bot.service").symlink_to("../bot.service")


CASES = [
    Case("install", INSTALL, nothing),
    Case("upgrade", ("upgrade", "--system", "--yes"), outdated),
    Case("force", (*INSTALL, "--force"), edited),
    Case("migrate", (*INSTALL, "--run-as", "hermes", "--home", "/var/lib/hermes", "--migrate"), migratable),
    Case("uninstall", ("uninstall", "--system", "--yes"), installed, goes_on=True),
]


def calls(binary: str, case: Case) -> Iterator[tuple[str, int]]:
    """The mutating calls of a run: name, and which of that name it is."""
    with Image(binary) as image:
        case.prepare(image)
        log = "/tmp/attack-strace"
        done = image.run(*case.args, prefix=("strace", "-f", "-o", log, "-e", f"trace={','.join('?' + c for c in CALLS)}"))
        assert done.code == 0, done.text
        seen: dict[str, int] = {}
        for line in open(log):
            found = re.match(r"\d+ +(\w+)\((.*)", line)
            if not found:
                continue
            name, rest = found.groups()
            seen[name] = seen.get(name, 0) + 1
            if name == "openat" and "O_CREAT" not in rest:
                continue
            if name == "write" and re.match(r"[12],", rest):
                continue
            yield name, seen[name]


def play(binary: str, case: Case, tally: Tally) -> None:
    for name, count in calls(binary, case):
        for fault in ("error=EIO", "error=ENOSPC", "signal=KILL"):
            tally.runs += 1
            where = f"{case.name}: {name} {count} {fault}"
            with Image(binary) as image:
                case.prepare(image)
                before = image.snapshot()
                inject = f"inject=?{name}:{fault}:when={count}"
                done = image.run(*case.args, prefix=("strace", "-f", "-o", "/dev/null", "-e", "trace=none", "-e", inject))
                tally.bad += [f"{where}: {bad}" for bad in judge(image, case, before, done.code, done.text)]


def judge(image: Image, case: Case, before: dict[str, str], code: int, text: str) -> Iterator[str]:
    after = image.snapshot()
    changed = difference(before, after)
    if UNTOUCHED in text and changed:
        yield f"says that everything is as it was, but {changed}"
    lost = [p for p, what in before.items() if p not in after and what.split(" ", 2)[2] not in all_contents(after)]
    recorded = "hermes-install" in "".join(before) and case.name in ("upgrade", "uninstall")
    if not recorded and [p for p in lost if "directory" not in before[p]]:
        yield f"lost {lost}"
    # The next run mends it, and an uninstall leaves nothing.
    again = image.run(*case.args)
    if again.code != 0 and not (case.name == "uninstall" and again.code == 1):
        yield f"the next run ends with {again.code}: {again.text[-300:]}"
    if image.run("uninstall", "--system", "--yes").code == 0:
        left = [p for p in difference(before, image.snapshot()) if is_left(p, before)]
        if left:
            yield f"left after uninstall: {left}"


def all_contents(snapshot: dict[str, str]) -> set[str]:
    return {what.split(" ", 2)[2] for what in snapshot.values()}


def is_left(path: str, before: dict[str, str]) -> bool:
    """Whether a path is the program's and should be gone. Backups stay on purpose."""
    return path not in before and "/backup" not in path and path != "var/lib/hermes-install"


def run(binary: str) -> tuple[int, list[str]]:
    tally = Tally()
    for case in CASES:
        begin = tally.runs
        play(binary, case, tally)
        print(f"{case.name}: {tally.runs - begin} faults", flush=True)
    return tally.runs, tally.bad


def available() -> bool:
    return subprocess.run(["strace", "--version"], capture_output=True).returncode == 0
