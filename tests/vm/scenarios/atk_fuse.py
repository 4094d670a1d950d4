"""No file system of an account's own that never answers holds a command of root's: not by what her processes have of it, nor by
a link of hers, nor by memory that is fetched from it."""

import json
import os
import signal
import stat
import subprocess
from pathlib import Path

import wait
from check import check, contains, equal
from gateway import HERMES as PROGRAM
from gateway import fresh_account
from installer import hermes_install, program
from mallory import Account, mallory

SECONDS = 60
HERMES = ["0.19.0"]
# Seconds of a command, on a machine that plays a dozen scenarios at once.
LIMIT = 60
COMMANDS = (("status",), ("doctor",), ("plan", "--profile", "default", "--hermes", PROGRAM))

# What is below `tree` in a file system of hers, and an overlay over it: root may not look into the former, and may into the
# latter, which looks as the account that mounted it. It answers until there is a file `stop`; `page` it cannot read at first.
# The process that is a gateway then is `inside` its namespaces, or `outside` with what was handed to it.
SERVER = """
import array, ctypes, errno, os, signal, socket, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
def call(name, *args):
    if getattr(libc, name)(*args): sys.exit(f"{name}: {os.strerror(ctypes.get_errno())}")
def put(path, text):
    with open(path, "w") as file: file.write(text)
def mount(place, kind, options):
    os.makedirs(place, exist_ok=True)
    call("mount", kind, place.encode(), kind, 0, options.encode())
def become(program, where):
    print(where, flush=True)
    os.execve(program, ["python3", sys.argv[2], "gateway", "run"], os.environ)
mode, (one, other) = sys.argv[1], socket.socketpair()
if mode != "inside" and os.fork():
    where, handed, _, _ = socket.recv_fds(one, 99, 2)
    for fd in handed: os.set_inheritable(fd, True)
    become(handed[1] if mode == "executable" else "/usr/bin/python3", where.decode())
uid, gid = os.getuid(), os.getgid()
call("unshare", 0x10020000)
put("/proc/self/setgroups", "deny")
put("/proc/self/uid_map", f"0 {uid} 1")
put("/proc/self/gid_map", f"0 {gid} 1")
device = os.open("/dev/fuse", os.O_RDWR)
mount("/mnt", b"tmpfs", "")
os.makedirs("/mnt/low")
mount("/mnt/bare", b"fuse", f"fd={device},rootmode=40000,user_id=0,group_id=0")
if os.fork():
    os.close(device)
    mount("/mnt/all", b"overlay", "lowerdir=/mnt/bare:/mnt/low")
    if mode == "inside": become("/usr/bin/python3", os.getpid())
    files = [os.open("/mnt/all/" + name, os.O_RDONLY) for name in ("home/gateway.lock", "python3")]
    socket.send_fds(other, [str(os.getpid()).encode()], files)
    signal.pause()
nodes, reads = [None, os.environ["TREE"]], []
def attributes(path):
    s = os.stat(path)
    return struct.pack("<6Q10I", s.st_ino, s.st_size, 8, 0, 0, 0, 0, 0, 0, s.st_mode, 1, 0, 0, 0, 4096, 0)
def answer(operation, node, body):
    path = nodes[node] if 0 < node < len(nodes) else None
    if operation == 26: return struct.pack("<IIIIHHIIHHI7I", 7, 31, 65536, 0, 12, 9, 65536, 1, 0, 0, 0, *[0] * 7)
    if operation == 1:
        found = attributes(path := path + "/" + body.rstrip(b"\\0").decode())
        nodes.append(path)
        return struct.pack("<4Q2I", len(nodes) - 1, 0, 0, 0, 0, 0) + found
    if operation == 3: return struct.pack("<Q2I", 0, 0, 0) + attributes(path)
    if operation in (14, 27): return struct.pack("<Q2I", 0, 0, 0)
    if operation == 15:
        if path.endswith("/page"):
            reads.append(path)
            if len(reads) < 3: raise OSError(errno.EIO, path)
            put(os.environ["STOP"], "")
        _, offset, size = struct.unpack_from("<QQI", body)
        with open(path, "rb") as file: return os.pread(file.fileno(), size, offset)
    if operation in (18, 25, 28, 29): return b""
    if operation == 17: return struct.pack("<5Q10I", *[0] * 5, 4096, 255, 4096, *[0] * 7)
    raise OSError(errno.ENOSYS, path)
while True:
    request = os.read(device, 1 << 18)
    _, operation, unique, node = struct.unpack_from("<IIQQ", request)
    if operation in (2, 36, 42): continue
    try: error, told = 0, answer(operation, node, request[40:])
    except OSError as e: error, told = -e.errno, b""
    if not os.path.exists(os.environ["STOP"]): os.write(device, struct.pack("<IiQ", 16 + len(told), error, unique) + told)
"""
PAUSE = "import signal\nsignal.pause()\n"
OPEN = "file = open('/mnt/all/home/gateway.lock')\n" + PAUSE
# One thread asks for a page of that file and keeps the lock of the memory meanwhile, for reading; another wants it for writing,
# and whoever comes after it waits, also for the command line.
MEMORY = """
import ctypes, os, threading, time
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
libc.memcmp.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]
page = libc.mmap(None, 4096, 1, 2, os.open("/mnt/bare/page", os.O_RDONLY), 0)
threading.Thread(target=libc.memcmp, args=(page, page + 8, 8)).start()
while not os.path.exists(os.environ["STOP"]):
    time.sleep(0.1)
time.sleep(0.3)
libc.mmap(None, 4096, 3, 0x22, -1, 0)
"""
UNITS = ".config/systemd/user"
# How the process runs, what it does, its HERMES_HOME, and a link of hers into the file system.
CASES = {
    "a home": ("inside", PAUSE, "/mnt/all/home", None),
    "a named home": ("inside", PAUSE, "/mnt/all/home/profiles/x", None),
    "a home by another's root": ("outside", PAUSE, "/proc/%s/root/mnt/all/home", None),
    "an open file": ("inside", OPEN, "/home/mallory/bot", None),
    "an open file that was handed on": ("outside", PAUSE, "/home/mallory/bot", None),
    "an executable that was handed on": ("executable", PAUSE, "/home/mallory/bot", None),
    "a home that is a link": ("outside", PAUSE, "/home/mallory/link", "link"),
    "units by a link": ("outside", PAUSE, "/home/mallory/bot", UNITS),
    "memory": ("inside", MEMORY, "/home/mallory/bot", None),
}


def run() -> None:
    if not Path("/dev/fuse").exists():
        os.mknod("/dev/fuse", stat.S_IFCHR, os.makedev(10, 229))
    # As everywhere.
    os.chmod("/dev/fuse", 0o666)
    fresh_account()
    her = mallory()
    for name in ("home/config.yaml", "home/gateway.lock", "home/profiles/x/config.yaml", "home/x.service", "page"):
        her.write(f"tree/{name}", "x" * 100)
    her.run(f"cp /usr/bin/python3 tree/python3; mkdir bot $(dirname {UNITS} | xargs dirname); mkdir $(dirname {UNITS}); touch bot/gateway.lock")
    for what, case in CASES.items():
        attempt(her, what, *case)
    her.write("hermes", PAUSE)
    mounted(her)
    hidden(her)


def mounted(her: Account) -> None:
    """A gateway without a lock has a home by a path of its own user namespace."""
    script = 'mount --bind "$HOME/bot" /mnt && exec python3 "$HOME/hermes" gateway run'
    variables = {"PATH": "/usr/bin:/bin", "HOME": str(her.home), "HERMES_HOME": "/mnt"}
    process = her.start("unshare", "-Urm", "sh", "-c", script, env=variables)
    wait.until("it to be a gateway", lambda: is_gateway(process.pid))
    her.write("bot/gateway.pid", json.dumps({"pid": process.pid}))
    done = hermes_install("plan", "--profile", "default", "--home", f"{her.home}/bot", "--run-as", her.name, "--hermes", PROGRAM)
    contains("a plan for the home that it has", done.text, f"pid {process.pid}")
    process.kill()
    process.wait()


def hidden(her: Account) -> None:
    """Where /proc hides processes from all but the members of a group, root sees them all the same."""
    subprocess.run(["mount", "-o", "remount,hidepid=2,gid=12345", "/proc"], check=True)
    variables = {"HOME": str(her.home), "HERMES_HOME": f"{her.home}/bot"}
    process = her.start("python3", str(her.home / "hermes"), "gateway", "run", env=variables)
    wait.until("it to be a gateway", lambda: is_gateway(process.pid))
    equal("gateways where /proc hides them", gateways(), 1)
    process.kill()
    process.wait()


def gateways() -> int:
    said = subprocess.run([program(), "doctor", "--json"], stdout=subprocess.PIPE, timeout=LIMIT).stdout
    return json.loads(said)["gateways"]


def attempt(her: Account, what: str, mode: str, script: str, home: str, link: str | None) -> None:
    stop = her.home / "stop"
    her.write("hermes", script)
    variables = {"PATH": "/usr/bin:/bin", "HOME": str(her.home), "HERMES_HOME": home, "TREE": f"{her.home}/tree", "STOP": str(stop)}
    source = SERVER.replace("os.environ)\n", "{**os.environ, 'HERMES_HOME': os.environ['HERMES_HOME'].replace('%s', str(where))})\n")
    process = her.start("python3", "-c", source, mode, str(her.home / "hermes"), env=variables, stdout=subprocess.PIPE, text=True)
    try:
        where = process.stdout.readline().strip() if process.stdout else ""
        cmdline = Path(f"/proc/{process.pid}/cmdline")
        if script is MEMORY:
            wait.until("it to keep its memory", lambda: subprocess.run(["timeout", "1", "cat", cmdline], capture_output=True).returncode == 124)
        else:
            wait.until("it to be a gateway", lambda: is_gateway(process.pid))
        if link:
            her.run(f"ln -s /proc/{where}/root/mnt/all/home {link}")
        her.run(f"touch {stop}")
        for command in COMMANDS:
            ends(f"{command[0]} with {what}", command)
        if script is MEMORY:
            equal("gateways with one that keeps its memory", gateways(), 1)
    finally:
        # Its server goes, too, and with it whatever waited.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        her.run(f"rm -f {stop} {link or ''}")


def is_gateway(pid: int) -> bool:
    """It has the command line of one, and pauses."""
    is_one = Path(f"/proc/{pid}/cmdline").read_bytes().endswith(b"hermes\0gateway\0run\0")
    return is_one and Path(f"/proc/{pid}/syscall").read_text().split()[0] == "34"


def ends(what: str, command: tuple[str, ...]) -> None:
    process = subprocess.Popen([program(), *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    said = ""
    try:
        said, _ = process.communicate(timeout=LIMIT)
    except subprocess.TimeoutExpired:
        said = Path(f"/proc/{process.pid}/stack").read_text()
        process.kill()
    check(f"{what}: it ends by itself", process.returncode in (0, 1, 2, 3), said)
    print(what, process.returncode, said, flush=True)
