"""Somebody takes a home away from the account whose gateway works on it: the gateway goes on, nothing ends it, and status, doctor and
restart name what helps, which does."""

import os
import re
import shutil

import wait
from check import check, contains, equal
from gateway import Profile, fresh_account
from installer import hermes_install, shell, status
from lifecycle import HERMES_LINK, link_hermes
from systemd import Unit

HERMES = ["0.19.0", "0.22.2"]
SECONDS = 90


def run() -> None:
    fresh_account()
    coder = Profile("coder").make()
    link_hermes()
    equal("install ends with", hermes_install("--profile", "coder", "--hermes", str(HERMES_LINK)).code, 0)
    unit, account = Unit(coder.unit), coder.home.stat().st_uid
    wait.until("the bot to be well", lambda: status(coder)["state"] == "running", 60)
    pid = unit.pid

    for what, take in (
        ("closed", lambda: coder.home.chmod(0)),
        ("read-only", lambda: coder.home.chmod(0o500)),
        ("of root", lambda: os.chown(coder.home, 0, 0)),
    ):
        take()
        row = status(coder)
        equal(f"{what}: its state, and whose it is", (row["state"], row["main_pid"]), ("degraded", pid))
        contains(f"{what}: hint", row["hint"], f"cannot work in `{coder.home}`")
        told = hermes_install("doctor").out
        contains(f"{what}: doctor says", told, "not-reachable", str(coder.home))
        check(f"{what}: nobody is told to stop it", "systemctl stop" not in told + row["hint"], told)
        refused = hermes_install("restart", "coder")
        equal(f"{what}: restart ends with", (refused.code, unit.pid), (3, pid))
        commands = re.findall(r": `([^`]*ch(?:own|mod)[^`]*)`", refused.text)
        equal(f"{what}: ways out", len(commands), 1)
        shell("sh", "-c", commands[0])
        coder.home.chmod(0o700)
        equal(f"{what}: whose it is again", coder.home.stat().st_uid, account)
        equal(f"{what}: its state again", status(coder)["state"], "running")

    away = coder.home.with_name("away")
    coder.home.rename(away)
    refused = hermes_install("restart", "coder")
    equal("moved: restart ends with", (refused.code, unit.pid), (3, pid))
    contains("moved: it says", refused.text, f"its home `{coder.home}` is not there")
    shutil.rmtree(coder.home, ignore_errors=True)
    away.rename(coder.home)
    equal("put back: restart ends with", hermes_install("restart", "coder").code, 0)
    pid = coder.until_up(after=pid)

    HERMES_LINK.unlink()
    contains("no hermes: doctor says", hermes_install("doctor").out, "program-gone", f"`{HERMES_LINK}`, which does not exist")
    contains("no hermes: status says", str(status(coder)["hint"]), "could not start again", "--hermes PATH")
    equal("no hermes: restart ends with", (hermes_install("restart", "coder").code, unit.pid), (3, pid))
    # One that the launcher finds by itself, and then does not.
    link_hermes()
    equal("not named any more: ends with", hermes_install("--profile", "coder", "--reset", "hermes", "--yes").code, 0)
    pid = coder.until_up(after=pid)
    HERMES_LINK.unlink()
    contains("not found: doctor says", hermes_install("doctor").out, "program-gone", "there is no hermes any more", "--hermes PATH")
    equal("not found: restart ends with", (hermes_install("restart", "coder").code, unit.pid), (3, pid))
