"""A changing system call of `doctor --fix` fails, once or from then on, or is its last: nothing is lost or half, nothing untrue is said,
and the next run goes on."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from check import check, equal, measured
from gateway import Profile, fresh_account, own
from installer import hermes_install, install, program
from systemd import BASE

SECONDS = 60

# What changes a file system, as in tests/attacks/faults.py; opens that create are told by their flags.
CALLS = ("mkdirat", "mkdir", "openat", "write", "fchmod", "fchmodat", "fchmodat2", "fchown", "fchownat", "symlinkat",
         "renameat", "renameat2", "unlinkat", "unlink", "fsync")
FAULTS = ("error=EIO:when={}", "error=ENOSPC:when={}+", "signal=KILL:when={}")
# All of them take minutes; 1 plays them.
EACH = 7
ROOT = Path("/var/lib/hermes")
BACKUPS = Path("/var/lib/hermes-install/backup")
FIX = ("doctor", "--fix", "--yes")
FOREIGN, SECRET, STALE = ROOT / "state.db", ROOT / ".env", ROOT / "gateway.pid"
TEXTS = {FOREIGN: "of root", SECRET: "KEY=1\n", STALE: json.dumps({"pid": 999999, "kind": "hermes-gateway"})}


def run() -> None:
    fresh_account()
    default = Profile("default").make()
    equal("install ends with", install(default, "--no-start").code, 0)
    break_it()
    equal("without a fault it ends with", hermes_install(*FIX).code, 0)
    equal("what is left to mend", wrong(), [])
    break_it()
    every = [(name, fault.format(count)) for name, count in calls() for fault in FAULTS]
    check("there are calls that change something", len(every) > 120, len(every))
    bad = []
    for name, fault in every[1::EACH]:
        break_it()
        before = state()
        # Only what is traced is tampered with.
        done = fix("-e", f"trace=?{name}", "-e", f"inject=?{name}:{fault}")
        if not re.search(r"INJECTED|killed by SIGKILL", Path("/tmp/strace").read_text()):
            bad.append(f"{name} {fault}: the fault did not happen")
        bad += [f"{name} {fault}: {what}" for what in judge(before, done, fault)]
    measured("faults", len(every[1::EACH]))
    check("nothing is lost, untrue or left", not bad, "\n".join(bad[:20]))


def break_it() -> None:
    """A host with a file of root's in a home, a secret for everybody, and what a gateway that is gone has left."""
    shutil.rmtree(BACKUPS, ignore_errors=True)
    for path in ROOT.glob(".*hermes-install-tmp"):
        path.unlink()
    for path, text in TEXTS.items():
        path.unlink(missing_ok=True)
        path.write_text(text)
        path.chmod(0o644)
        own(path, "root" if path == FOREIGN else "hermes")
    os.utime(STALE, (0, 0))
    ROOT.chmod(0o755)


def state() -> dict[Path, tuple[int, int, str] | None]:
    """Owner, mode and text of each; none where it is gone."""
    seen = {}
    for path in TEXTS:
        is_there = path.exists()
        stat = path.stat() if is_there else None
        seen[path] = (stat.st_uid, stat.st_mode & 0o7777, path.read_text()) if stat else None
    return seen


def wrong() -> list[str]:
    """What is still to be mended."""
    found = []
    if FOREIGN.stat().st_uid == 0:
        found.append("foreign")
    if SECRET.stat().st_mode & 0o004:
        found.append("secret")
    if STALE.exists():
        found.append("stale")
    return found


def fix(*options: str) -> subprocess.CompletedProcess:
    """`doctor --fix` with the calls of its main thread under strace: that is the one which changes something."""
    command = ["strace", "-qq", "-o", "/tmp/strace", *options, program(), *FIX]
    return subprocess.run(command, capture_output=True, text=True, env=BASE)


def calls() -> Iterator[tuple[str, int]]:
    """The changing calls of a run: name, and which of that name it is."""
    done = fix("-e", f"trace={','.join('?' + name for name in CALLS)}")
    equal("under strace it ends with", done.returncode, 0)
    seen: dict[str, int] = {}
    for line in Path("/tmp/strace").read_text().splitlines():
        found = re.match(r"(\w+)\((.*)", line)
        if not found:
            continue
        name, rest = found.groups()
        seen[name] = seen.get(name, 0) + 1
        is_reading = name == "openat" and "O_CREAT" not in rest
        is_told = name == "write" and re.match(r"[12],", rest)
        if not is_reading and not is_told:
            yield name, seen[name]


def judge(before: dict, done: subprocess.CompletedProcess, fault: str) -> Iterator[str]:
    """What is wrong after a run that met a fault."""
    said, after = done.stdout + done.stderr, state()
    records = [json.loads(path.read_text()) for path in BACKUPS.glob("*/before.json")]
    recorded = {file["path"] for record in records for file in record["files"]}
    changed = [path for path in TEXTS if after[path] != before[path]]
    yield from (f"{path} was changed and is not recorded" for path in changed if str(path) not in recorded)
    for path in changed:
        copies = [copy.read_text() for copy in BACKUPS.glob(f"*/{str(path)[1:]}")]
        still = after[path]
        texts = [still[2]] if still else copies
        if TEXTS[path] not in texts:
            yield f"the text of {path} is lost"
    lines = said.splitlines()
    for what, line in (("foreign", rf"ok chown hermes `{FOREIGN}`"), ("secret", rf"ok chmod \d+ {SECRET}"), ("stale", rf"ok remove .*`{STALE}`.*")):
        if what in wrong() and any(re.fullmatch(line, told.strip()) for told in lines):
            yield f"says that {what} is mended"
    if done.returncode == 0 and wrong():
        yield f"ends with 0, and {wrong()} is there"
    named = re.search(r"what was before is recorded in `(.*?)`", said)
    if named and not (Path(named[1]) / "before.json").exists():
        yield f"says that {named[1]} has what was before"
    tops = (ROOT, BACKUPS)
    left = [str(path) for top in tops for path in top.rglob("*hermes-install-tmp")]
    if left and "KILL" not in fault:
        yield f"leaves {left}"
    again = fix("-e", "trace=none")
    if again.returncode != 0 or wrong() or any(ROOT.glob(".*hermes-install-tmp")):
        yield f"the next run ends with {again.returncode}, {wrong()}: {again.stderr[-300:]}"
