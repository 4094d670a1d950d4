"""No file that an account can plant makes a command of root's, or the launcher, wait or grow."""

import os
import resource
import subprocess
import time
from pathlib import Path

import wait
from check import check, contains, equal
from gateway import Profile
from installer import install, program
from mallory import Account, mallory, planted
from systemd import Unit

SECONDS = 170
# Seconds of a command, on a machine that plays a dozen scenarios at once.
LIMIT = 90
MEMORY = 512 << 20
UNITS = 4000
BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
)
# A process chooses which part of its memory is its command line and its environment (prctl(2), PR_SET_MM_MAP).
CHOOSER = """
import ctypes, mmap, os, signal, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = libc.sbrk.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
libc.sbrk.argtypes = [ctypes.c_long]
fields = open("/proc/self/stat").read().rsplit(")", 1)[1].split()
field = lambda n: int(fields[n - 3])
def choose(words, room):
    arguments = libc.mmap(None, len(words), 3, 0x22, -1, 0)
    ctypes.memmove(arguments, words, len(words))
    # MAP_NORESERVE
    environment = libc.mmap(None, room, 3, 0x4022, -1, 0)
    ends = (arguments, arguments + len(words), environment, environment + room)
    new = struct.pack("<11QQII", *map(field, (26, 27, 45, 46, 47)), libc.sbrk(0), field(28), *ends, 0, 0, 0xFFFFFFFF)
    if libc.prctl(35, 14, ctypes.create_string_buffer(new), len(new), 0) != 0:
        sys.exit(os.strerror(ctypes.get_errno()))
begin = b"hermes\\0gateway\\0run\\0"
if sys.argv[-1] == "environment":
    choose(begin, 1 << 30)
else:
    choose(begin + b"a\\0" * (1 << 19), 4096)
    for _ in range(200):
        if os.fork() == 0:
            break
    else:
        print("ready", flush=True)
signal.pause()
"""
COMMANDS = (("status",), ("doctor",), ("plan", "--profile", "default"), ("doctor", "--fix", "--yes"))


def run() -> None:
    default = Profile("default")
    install(default)
    unit = Unit(default.unit)
    unit.systemctl("stop")
    names = ("gateway.lock", "gateway.pid", "gateway_state.json", ".env", "active_profile", "config.yaml")
    for path, how in planted(default.home, names, PLANTS):
        for command in COMMANDS:
            ends(f"{' '.join(command)} with {how} as {path.name}", command)

    launcher(default, unit)
    her = mallory()
    # Her shell knows no HOME, and so no `~`.
    her.run("mkdir .hermes && mkfifo .hermes/active_profile")
    her.write("gateway", "import signal\nsignal.pause()\n")
    process = her.start("hermes", "gateway", "run", executable="/usr/bin/python3", env={"HOME": str(her.home)})
    wait.until("her process to be one", lambda: Path(f"/proc/{process.pid}/cmdline").read_bytes().startswith(b"hermes"))
    for command in COMMANDS:
        ends(f"{' '.join(command)} with a pipe as her active_profile", command)
    process.kill()
    sizes(her)
    lines = {"commands": "ExecStart=/x/hermes gateway\n" * 90_000, "specifiers": "Environment=A=hermes%h%%%n\n" * 150_000}
    for what, text in lines.items():
        her.write(".config/systemd/user/many.service", "[Service]\n" + text, 0o644)
        ends(f"doctor with her unit of {what}", ("doctor",))
    script = her.write("loop.sh", "#!/bin/sh\n# hermes\n" + f"{her.home}/loop.sh\n" * 500)
    her.write(".config/systemd/user/many.service", f"[Service]\nExecStart={script}\n", 0o644)
    ends("doctor with her script that names itself", ("doctor",))
    variables(her)
    many(her)


def variables(her: Account) -> None:
    """What her manager would give to a unit that names no home (environment.d(5))."""
    her.write(".config/systemd/user/many.service", "[Service]\nExecStart=/x/hermes gateway run\n[Install]\nWantedBy=default.target\n", 0o644)
    file = her.home / ".config/environment.d/a.conf"
    her.write(".config/environment.d/b.conf", "A=xxxxxxxxxxxxxxxx\n" + "A=$A$A$A$A\n" * 90_000, 0o644)
    for how in ("mkfifo {}", "ln -s /dev/zero {}", "ln -s a.conf {}", "truncate -s 1G {}", "mkdir {}"):
        her.run(f"rm -rf {file}; {how.format(file)}")
        for command in COMMANDS[:2]:
            ends(f"{' '.join(command)} with her environment.d by `{how}`", command)
    her.run(f"rm -r {file.parent}")


def many(her: Account) -> None:
    """More units than are read for one account: it is said, and of somebody else's profile there is a plan."""
    directory = her.home / ".config/systemd/user"
    unit = "[Service]\nExecStart=/x/hermes gateway run\nEnvironment=HERMES_HOME=/x/%N\n[Install]\nWantedBy=default.target\n"
    for number in range(UNITS):
        (directory / f"bot{number}.service").write_text(unit)
    done = ends(f"doctor with {UNITS} units of hers", ("doctor",))
    contains("doctor", done.stdout, f"what runs as `{her.name}` is not known: not all of its units were read")
    done = ends(f"plan with {UNITS} units of hers", ("plan", "--profile", "default"))
    check("another's profile is planned", done.returncode in (0, 1), done.stderr)


def sizes(her: Account) -> None:
    """What her process calls its environment and its arguments."""
    her.write("gateway", CHOOSER)
    for what in ("environment", "arguments"):
        process = her.start("hermes", "gateway", "run", what, executable="/usr/bin/python3", stdout=-1, text=True)
        if what == "environment":
            wait.until("her process to have chosen", lambda process=process: Path(f"/proc/{process.pid}/cmdline").read_bytes().endswith(b"run\0"))
        else:
            equal("her processes", process.stdout and process.stdout.readline(), "ready\n")
        for command in COMMANDS:
            ends(f"{' '.join(command)} with {what} of a size that she chose", command, 4 << 30)
        os.killpg(process.pid, 9)


def launcher(default: Profile, unit: Unit) -> None:
    """It refuses, or the gateway runs; it never hangs as `active` without one."""
    for name in ("gateway.lock", "gateway.pid", "gateway_state.json"):
        path = default.home / name
        path.unlink(missing_ok=True)
        os.mkfifo(path)
        os.chown(path, default.home.stat().st_uid, -1)
        unit.systemctl("reset-failed", check=False)
        unit.systemctl("start", check=False)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and unit.show()["ActiveState"] == "active" and not is_gateway(unit.pid):
            time.sleep(0.2)
        check(f"with a pipe as {name} the launcher does not stay", unit.pid == 0 or is_gateway(unit.pid), unit.states)
        unit.systemctl("stop", check=False)
        path.unlink(missing_ok=True)


def is_gateway(pid: int) -> bool:
    return pid > 0 and b"gateway" in Path(f"/proc/{pid}/cmdline").read_bytes() and b"exec" not in Path(f"/proc/{pid}/cmdline").read_bytes()


def ends(what: str, command: tuple[str, ...], room: int = MEMORY) -> subprocess.CompletedProcess:
    """It ends, and has not grown; beyond its room it would end as well, and some of it goes on without memory."""
    limited = ["prlimit", f"--as={room}", "timeout", str(LIMIT), program(), *command]
    begin = time.monotonic()
    done = subprocess.run(limited, capture_output=True, text=True)
    seconds = time.monotonic() - begin
    check(f"{what}: it ends by itself", done.returncode in (0, 1, 2, 3), f"{done.returncode} after {seconds:.1f} s: {done.stderr[-200:]}")
    if room > MEMORY:
        most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10
        check(f"{what}: it does not grow", most < MEMORY, f"{most >> 20} MiB")
    return done


PLANTS = {
    "a pipe": os.mkfifo,
    "a link to /dev/zero": lambda path: path.symlink_to("/dev/zero"),
    "100 MB": lambda path: path.write_bytes(b"x" * 100_000_000),
    "aliases": lambda path: path.write_text(BOMB),
}
