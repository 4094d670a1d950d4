"""A setuid program with a gateway's command line is nobody's gateway: adopt runs nothing of its caller, least of all as root."""

import os
import pty
import sys
from pathlib import Path

import wait
from check import check, contains, equal
from gateway import fresh_account
from installer import hermes_install
from mallory import mallory

SECONDS = 40


def run() -> None:
    fresh_account()
    her = mallory()
    ran = her.home / "ran"
    program = her.write("bin/hermes", f"#!/bin/sh\nid >>{ran}\ncp /etc/shadow {her.home}/shadow\necho 'Hermes Agent v0.19.0'\n")
    her.write(".hermes/config.yaml", "security: {}\n", 0o600)

    # su waits for a password, with root's rights and her words.
    words = [str(program), her.name, "-c", "gateway"]
    pid, terminal = pty.fork()
    if pid == 0:
        os.setgroups([])
        os.setresgid(her.gid, her.gid, her.gid)
        os.setresuid(her.uid, her.uid, her.uid)
        os.execve("/usr/bin/su", words, {"HERMES_HOME": f"{her.home}/.hermes", "HOME": str(her.home)})
    status = Path(f"/proc/{pid}/status")
    wait.until("su to have root's rights", lambda: f"Uid:\t{her.uid}\t0\t0\t0" in status.read_text())
    wait.until("su to ask", lambda: b"assword" in os.read(terminal, 100))

    for profile in ("default", "coder"):
        done = hermes_install("adopt", "--profile", profile, "--yes")
        check(f"adopt of {profile} refuses", done.code in (1, 2, 3), done.text)
    check("nothing of hers was run", not ran.exists(), ran.exists() and ran.read_text())
    check("she has no copy of the passwords", not (her.home / "shadow").exists())
    seen = hermes_install("doctor")
    contains("doctor", seen.out, "0 running gateways looked at")

    # Asked by name, her program is run as her and as nobody else, without what root has.
    hermes_install("plan", "--profile", "default", "--run-as", her.name, "--hermes", str(program))
    equal("who ran it", sorted({line.split()[0] for line in ran.read_text().splitlines()}), [f"uid={her.uid}({her.name})"])
    os.close(terminal)
    os.waitpid(pid, 0)
    sys.stdout.flush()
