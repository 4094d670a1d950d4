"""A gateway's program that root asks for its version has no terminal, no rights, no time without end, and leaves nothing."""

import os
import pty
import re
import select
import time
from pathlib import Path

from check import check, contains, equal
from gateway import fresh_account, own
from installer import hermes_install, program
from mallory import is_running, mallory
from systemd import BASE

SECONDS = 90

SPY = """#!/usr/bin/python3
import fcntl, json, os, termios
seen = {"uid": os.getresuid(), "gid": os.getresgid(), "groups": os.getgroups(), "input": os.readlink("/proc/self/fd/0")}
try:
    terminal = os.open("/dev/tty", os.O_RDWR)
    seen["terminal"] = True
    for letter in b"id>/root/tiocsti\\n":
        fcntl.ioctl(terminal, termios.TIOCSTI, bytes([letter]))
except OSError as e:
    seen.setdefault("terminal", False)
    seen["error"] = str(e)
seen["leads"] = os.getsid(0) == os.getpid()
seen["open"] = sorted(int(fd) for fd in os.listdir("/proc/self/fd"))[:-1]
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
seen["rights"] = [status[k].strip() for k in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs")]
seen["environment"] = sorted(os.environ)
if os.fork() == 0:
    os.setsid()
    daemon = os.fork()
    if daemon == 0:
        while True:
            os.read(os.pipe()[0], 1)
    # Not by itself: it is ended as soon as this program is.
    open(OUT + ".daemon", "w").write(str(daemon))
    os._exit(0)
os.wait()
json.dump(seen, open(OUT, "w"))
print("Hermes Agent v0.19.0 (2026.7.20)")
"""


# Types into the terminal that it has, whichever that is.
TYPIST = """#!/usr/bin/python3
import fcntl, os, sys, termios
if "--version" in sys.argv:
    print("Hermes Agent v0.19.0 (2026.7.20)")
    sys.exit()
terminal = os.open("/dev/tty", os.O_RDWR)
for letter in b"id>>OUT\\n":
    fcntl.ioctl(terminal, termios.TIOCSTI, bytes([letter]))
print("typed")
"""


def run() -> None:
    fresh_account()
    her = mallory()
    out = her.home / "seen"
    spy = her.write("bin/hermes", SPY.replace("OUT", repr(str(out))))
    her.write(".hermes/config.yaml", "", 0o600)
    in_a_terminal("plan", "--profile", "default", "--system", "--run-as", her.name, "--hermes", str(spy))
    confined("her program", out, her.uid)

    # The bot's own hermes is the first that is found.
    bot = Path("/var/lib/hermes")
    seen = bot / "seen"
    place = bot / "hermes-agent/venv/bin/hermes"
    place.parent.mkdir(parents=True)
    place.write_text(SPY.replace("OUT", repr(str(seen))))
    place.chmod(0o755)
    own(bot, "hermes")
    in_a_terminal("plan", "--profile", "default")
    confined("the bot's program", seen, bot.stat().st_uid)
    check("nobody typed into root's shell", not Path("/root/tiocsti").exists())

    types(her, place)
    endless(her)
    replaceable(her)


def confined(who: str, out: Path, uid: int) -> None:
    import json

    seen = json.loads(out.read_text())
    equal(f"{who}: its accounts", seen["uid"], [uid, uid, uid])
    equal(f"{who}: a controlling terminal", seen["terminal"], False)
    equal(f"{who}: its input", seen["input"], "/dev/null")
    equal(f"{who}: leads its session", seen["leads"], True)
    equal(f"{who}: what is open", [fd for fd in seen["open"] if fd > 2], [])
    equal(f"{who}: its rights", seen["rights"], ["0" * 16] * 5 + ["1"])
    check(f"{who}: no group of root's", 0 not in seen["groups"] + seen["gid"], seen["groups"])
    left = int(Path(f"{out}.daemon").read_text())
    check(f"{who}: nothing of it is left", not is_running(left), left)


def types(her, place: Path) -> None:
    """What root runs on purpose for an account has a terminal, and not root's own."""
    typed = Path("/root/typed")
    typist = her.write("bin/typist", TYPIST.replace("OUT", str(typed)))
    at_a_shell(f"setpriv --reuid={her.name} --regid={her.name} --clear-groups {typist}")
    # Otherwise this kernel lets nobody type (dev.tty.legacy_tiocsti), and what follows shows nothing.
    check("a program with root's terminal types into root's shell", "uid=0" in typed.read_text())
    typed.unlink()
    place.write_text(TYPIST.replace("OUT", str(typed)))
    said = at_a_shell(f"{program()} run default -- gateway setup")
    contains("what the bot's program said", said, "typed")
    check("the bot's program types into its own terminal alone", not typed.exists(), said)
    # What root is told to type.
    told = hermes_install("plan", "--profile", "typo", "--shared").err
    hint = re.search(r"runuser[^`\n]* profile create typo", told)
    check("root is told to have hermes create a profile", hint, told)
    if hint:
        contains("what the bot's program said to that", at_a_shell(hint[0]), "typed")
        check("it types into its own terminal alone", not typed.exists())
    piped = f"echo 'python3 {typist}; echo was run' | setsid --wait runuser -u {her.name} -- env HOME={her.home} bash -s -- --skip-setup"
    contains("a script of hers in a pipe", at_a_shell(piped), "was run")
    check("it has no terminal", not typed.exists())


def at_a_shell(command: str) -> str:
    """Root's shell in a terminal: a command, then what somebody typed meanwhile, then its end; what is on the screen."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve("/bin/sh", ["sh"], BASE)
    os.write(terminal, f"{command}; echo has''ended\n".encode())
    said = screen(terminal, b"hasended")
    os.write(terminal, b"exit\n")
    said += screen(terminal, None)
    os.waitpid(pid, 0)
    print(said.decode(errors="replace"), flush=True)
    return said.decode(errors="replace")


def endless(her) -> None:
    for what, script in (
        ("writes without end", "#!/bin/sh\nexec yes\n"),
        ("leaves a child that keeps the pipe", "#!/bin/sh\nsleep 6000 &\necho 'Hermes Agent v0.19.0'\n"),
    ):
        path = her.write("bin/hermes", script)
        done = hermes_install("plan", "--profile", "default", "--system", "--run-as", her.name, "--hermes", str(path))
        check(f"one that {what} ends plan with an answer", done.code in (1, 2, 3), done.text)
    sleeping = her.run("pgrep -u mallory sleep || true")
    equal("what is left of them", sleeping, "")


def replaceable(her) -> None:
    """Root runs nothing that somebody else could have put there, whoever it is for."""
    shared = Path("/srv/shared")
    shared.mkdir(parents=True)
    shared.chmod(0o777)
    ran = her.home / "ran"
    path = her.write("/srv/shared/hermes", f"#!/bin/sh\nid >>{ran}\necho 'Hermes Agent v0.19.0'\n")
    for account in ("root", "hermes"):
        home = "/root" if account == "root" else "/var/lib/hermes"
        done = hermes_install("plan", "--profile", "default", "--run-as", account, "--home", home, "--hermes", str(path))
        equal(f"a program of hers for {account}: plan ends with", done.code, 3)
        contains("its refusal", done.err, "/srv/shared", "written by")
    check("it was not run", not ran.exists())


def in_a_terminal(*args: str) -> str:
    """Run the program as root does, in a terminal of its own; what it says."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(program(), ["hermes-install", *args], BASE)
    said = screen(terminal, None)
    os.waitpid(pid, 0)
    print(said.decode(errors="replace"), flush=True)
    return said.decode(errors="replace")


def screen(terminal: int, end: bytes | None) -> bytes:
    """What is written there up to these words, or until nobody has it open."""
    said, deadline = b"", time.monotonic() + 120
    while time.monotonic() < deadline and (end is None or end not in said):
        if select.select([terminal], [], [], 1)[0]:
            try:
                said += os.read(terminal, 4096)
            except OSError:
                break
    return said
