"""The installer killed at every moment of its writing: each file is old or new and whole, and the next run repairs.
One that is asked to end puts everything back."""

import json
import os
import signal
import subprocess
from pathlib import Path

import wait
from check import check, contains, equal, measured
from gateway import HERMES, Profile, fresh_account
from installer import hermes_install, install, program, snapshot
from systemd import Unit, as_user

SECONDS = 300
# What we write; the rest of the host is not ours in any state.
OURS = ("hermes-gateway", "hermes-install")


def run() -> None:
    fresh_account()
    coder = Profile("coder").make()
    empty = ours()
    equal("reference install ends with", install(coder, "--no-start").code, 0)
    new = ours()
    equal("reference uninstall ends with", hermes_install("uninstall", "--yes").code, 0)
    equal("nothing is left of the reference", ours(), empty)

    # Killed at the entry of the Nth rename, sync or link: the boundaries of every step that changes a file.
    # tests/attacks kills an install on an image at all of them; here systemd and the programs that it brings are there.
    moments = [("renameat", n) for n in (1, 4, 7, 10)] + [("fsync", 17), ("unlinkat", 1), ("symlinkat", 1), ("symlinkat", 2)]
    killed = 0
    for call, n in moments:
        if not check(f"an install gets as far as {call} {n}", cut(call, n, "--no-start")):
            hermes_install("uninstall", "--yes")
            continue
        killed += 1
        whole(f"install killed at {call} {n}", ours(), empty, new)
        equal(f"install killed at {call} {n}: the next run ends with", install(coder, "--no-start").code, 0)
        equal(f"install killed at {call} {n}: the next run repairs", receipt_apart(ours()), receipt_apart(new))
        equal(f"install killed at {call} {n}: uninstall ends with", hermes_install("uninstall", "--yes").code, 0)
        equal(f"install killed at {call} {n}: uninstall leaves", ours(), empty)
    measured("different moments of an install", killed)
    check("an install was killed at seven moments or more", killed >= 7, killed)

    # A change of settings under a running gateway, killed; the next run has yet other settings.
    equal("install ends with", install(coder).code, 0)
    unit = Unit(coder.unit)
    old = ours()
    for call, n in [("renameat", 1), ("renameat", 2), ("fsync", 2), ("fsync", 4)]:
        if not cut(call, n, "--drain-timeout", "7"):
            continue
        after = ours()
        temporary = [p for p in after if p.endswith("hermes-install-tmp")]
        changed = [p for p in after if after[p] != old.get(p) and p not in temporary]
        drop_in = f"/etc/systemd/system/{coder.unit}.d/50-hermes-install.conf"
        receipt = "/var/lib/hermes-install/receipt.json"
        check(f"change killed at {call} {n}: only these changed", set(changed) <= {drop_in, receipt}, changed)
        check(f"change killed at {call} {n}: the drop-in is whole", "[Service]\n" in Path(drop_in).read_text())
        equal(f"change killed at {call} {n}: gateways", len(coder.gateways()), 1)
        # What was typed before the kill holds, if it was recorded by then.
        done = install(coder, "--reset", "drain-timeout", "--yes")
        equal(f"change killed at {call} {n}: the next run ends with", done.code, 0)
        equal(f"change killed at {call} {n}: the next run repairs", ours(), old)
        equal(f"change killed at {call} {n}: gateways after it", coder.gateways(), [unit.pid])
        check(f"change killed at {call} {n}: systemd has read it", unit.show()["NeedDaemonReload"] == "no")
    equal("uninstall ends with", hermes_install("uninstall", "--yes").code, 0)
    while_it_waits(coder, unit, empty)


def while_it_waits(coder: Profile, unit: Unit, empty: dict[str, str]) -> None:
    """An install that waits for its gateway is asked to end, and killed: nothing runs that nobody knows of."""
    for number in (signal.SIGINT, signal.SIGTERM):
        code, said = cut_while_waiting(unit, number)
        equal(f"{number.name}: install ends with", code, 1)
        contains(f"{number.name}: it says", said, "interrupted", "everything is as it was before")
        equal(f"{number.name}: what is left", ours(), empty)
        equal(f"{number.name}: gateways", coder.gateways(), [])

    command = "hermes-install --profile coder"
    for words in (("uninstall", "--yes"), ("uninstall", "--profile", "coder"), ("--profile", "coder", "--yes")):
        cut_while_waiting(unit, signal.SIGKILL)
        seen = hermes_install("status")
        equal("status of a run that was killed ends with", seen.code, 1)
        contains("status says", seen.out, "an earlier run of hermes-install was cut short", f"`{command}`")
        found = json.loads(hermes_install("doctor", "--json").out)["findings"]
        check("doctor says so", command in {finding["hint"] for finding in found}, found)
        done = hermes_install(*words)
        equal(f"{words} ends with", done.code, 0)
        if words[0] == "uninstall":
            contains(f"{words} says", done.err, f"removed {unit.name}")
            equal(f"{words}: what is left", ours(), empty)
            equal(f"{words}: gateways", coder.gateways(), [])
    equal("completed: gateways", coder.gateways(), [unit.pid])
    equal("completed: status ends with", hermes_install("status").code, 0)


def cut_while_waiting(unit: Unit, number: signal.Signals) -> tuple[int, str]:
    """Send an install this signal once systemd has started its unit; how it ends and what it says."""
    words = (program(), "--profile", "coder", "--hermes", HERMES)
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env={**os.environ, "COLUMNS": "1000"})
    wait.until("the unit to be started", lambda: unit.states[0] == "active")
    process.send_signal(number)
    said = process.communicate()[1]
    print(f"$ {' '.join(words)}   # {number.name}: {process.returncode}\n{said}", flush=True)
    return process.returncode, said


def cut(call: str, n: int, *args: str) -> bool:
    """Run install and kill it at its Nth such system call; whether it came that far."""
    done = as_user(
        "root",
        *("strace", "-qq", "-f", "-o", "/dev/null", "-e", f"trace={call}"),
        *("-e", f"inject={call}:signal=SIGKILL:when={n}"),
        *(program(), "--profile", "coder", "--hermes", HERMES, *args),
    )
    return done.returncode in (-9, 137)


def ours() -> dict[str, str]:
    """Our files and directories, with their contents."""
    return {p: s for p, s in snapshot("var/lib/hermes").items() if any(name in p for name in OURS)}


def receipt_apart(files: dict[str, str]) -> dict[str, str]:
    """A repaired host has the same files; its receipt lists directories that the killed run made."""
    return {p: s for p, s in files.items() if not p.endswith("receipt.json")}


def whole(when: str, after: dict[str, str], old: dict[str, str], new: dict[str, str]) -> None:
    """Every file is as before or as it will be; temporary ones have a name that nobody reads."""
    torn = [
        p
        for p, seen in after.items()
        if seen not in (old.get(p), new.get(p)) and not p.endswith(("hermes-install-tmp", "receipt.json"))
    ]
    equal(f"{when}: torn files", torn, [])
    temporary = [p for p in after if p.endswith("hermes-install-tmp")]
    check(f"{when}: at most one temporary file", len(temporary) <= 1, temporary)
