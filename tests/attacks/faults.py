"""Every mutating system call of a command fails, or is its last: what is on the disk then, and what was said of it."""

import hashlib
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

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
    Case("uninstall", ("uninstall", "--system", "--yes"), installed),
]


def calls(binary: str, case: Case) -> Iterator[tuple[str, int]]:
    """The mutating calls of a run: name, and which of that name it is."""
    with Image(binary) as image:
        case.prepare(image)
        log = f"{image.top}.strace"
        done = image.run(*case.args, prefix=("strace", "-o", log, "-e", f"trace={','.join('?' + c for c in CALLS)}"))
        assert done.code == 0, done.text
        seen: dict[str, int] = {}
        for line in Path(log).read_text().splitlines():
            found = re.match(r"(\w+)\((.*)", line)
            if not found:
                continue
            name, rest = found.groups()
            seen[name] = seen.get(name, 0) + 1
            if name == "openat" and "O_CREAT" not in rest:
                continue
            if name == "write" and re.match(r"[12],", rest):
                continue
            yield name, seen[name]


def play(binary: str, case: Case) -> Tally:
    tally = Tally()
    for name, count in calls(binary, case):
        for fault in ("error=EIO", "error=ENOSPC", "signal=KILL"):
            tally.runs += 1
            where = f"{case.name}: {name} {count} {fault}"
            with Image(binary) as image:
                case.prepare(image)
                before = image.snapshot()
                # Only what is traced is tampered with, and the main thread alone changes something.
                log, inject = f"{image.top}.strace", f"inject=?{name}:{fault}:when={count}"
                done = image.run(*case.args, prefix=("strace", "-o", log, "-e", f"trace=?{name}", "-e", inject))
                if not re.search(r"INJECTED|killed by SIGKILL", Path(log).read_text()):
                    tally.bad.append(f"{where}: the fault did not happen")
                tally.bad += [f"{where}: {bad}" for bad in judge(image, case, before, done.code, done.text)]
    return tally


def judge(image: Image, case: Case, before: dict[str, str], code: int, text: str) -> Iterator[str]:
    """What is wrong after a run that met a fault."""
    after = image.snapshot()
    changed = difference(before, after)
    if UNTOUCHED in text and changed:
        yield f"says that everything is as it was, but {changed}"
    if code == 0 and any(".hermes-install-tmp" in path for path in after):
        yield "ends with 0 and leaves a temporary file"
    kept = {contents(what) for what in after.values()}
    theirs = [path for path, what in before.items() if contents(what) != "directory" and path not in case_files(before)]
    lost = [path for path in theirs if contents(before[path]) not in kept]
    if lost:
        yield f"lost {lost}"
    # The next run mends it, and an uninstall leaves nothing.
    again = image.run(*case.args)
    if again.code != 0:
        yield f"the next run ends with {again.code}: {again.text[-300:]}"
    gone = image.run("uninstall", "--system", "--yes")
    left = [path for path in difference(before, image.snapshot()) if is_left(path, before)]
    if gone.code != 0 or left:
        yield f"uninstall ends with {gone.code} and leaves {left}: {gone.text[-300:]}"


def contents(what: str) -> str:
    return what.split(" ", 2)[2]


def case_files(before: dict[str, str]) -> set[str]:
    """The program's own files, which a run may change: nobody else's."""
    receipt = next((what for path, what in before.items() if path.endswith("hermes-install/receipt.json")), None)
    if receipt is None:
        return set()
    known = json.loads(bytes.fromhex(contents(receipt)))
    return {*known["files"], "var/lib/hermes-install/receipt.json"}


def is_left(path: str, before: dict[str, str]) -> bool:
    """Whether a path is the program's and should be gone. Backups stay on purpose, and so does the directory above them."""
    return path not in before and not path.startswith("var/lib/hermes-install/backup") and path != "var/lib/hermes-install"


def run(binary: str) -> tuple[int, list[str]]:
    with ProcessPoolExecutor() as pool:
        tallies = list(pool.map(partial(play, binary), CASES))
    for case, tally in zip(CASES, tallies, strict=True):
        print(f"{case.name}: {tally.runs} faults, {len(tally.bad)} bad", flush=True)
    return sum(t.runs for t in tallies), [bad for t in tallies for bad in t.bad]


def available() -> bool:
    return subprocess.run(["strace", "--version"], capture_output=True).returncode == 0
