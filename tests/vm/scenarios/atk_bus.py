"""Whatever a user's manager says, root signals only processes of that user below it, and waits for no answer for long."""

import shutil
import subprocess
import time
from pathlib import Path

import wait
from check import check, contains, equal, measured
from gateway import fresh_account
from installer import hermes_install
from mallory import STAND_IN, is_running, mallory

SECONDS = 120

# Hands every message on, and names another main process in the answers: `MainPID`, a variant of a uint32.
LIAR = """
import socket, sys, threading
place, real, pid, told = sys.argv[1], sys.argv[2], *(int(n).to_bytes(4, "little") for n in sys.argv[3:])
def lie(data):
    at = 0
    while (at := data.find(b"MainPID\\0\\x01u\\0", at)) >= 0:
        at += len(b"MainPID\\0\\x01u\\0")
        # Up to three bytes before it align the number.
        number = data.find(pid, at, at + 7)
        if number >= 0:
            data = data[:number] + told + data[number + 4:]
    return data
def copy(source, target, change):
    while data := source.recv(1 << 20):
        target.sendall(change(data))
    target.close()
server = socket.socket(socket.AF_UNIX)
server.bind(place)
server.listen(50)
print("ready", flush=True)
while True:
    client = server.accept()[0]
    bus = socket.socket(socket.AF_UNIX)
    bus.connect(real)
    threading.Thread(target=copy, args=(client, bus, bytes), daemon=True).start()
    threading.Thread(target=copy, args=(bus, client, lie), daemon=True).start()
"""

SILENT = """
import socket, sys, time
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen(50)
print("ready", flush=True)
kept = []
while True:
    kept.append(server.accept())
"""


def run() -> None:
    fresh_account()
    her = mallory()
    her.manager()
    hers = her.write(".hermes/config.yaml", "", 0o600).parent
    her.write("bin/hermes", STAND_IN)
    unit = f"[Service]\nExecStart={her.home}/bin/hermes gateway run\nEnvironment=HERMES_HOME={hers}\n[Install]\nWantedBy=default.target\n"
    for name in ("hermes-gateway.service", "bot.service"):
        her.write(f".config/systemd/user/{name}", unit, 0o644)
        her.systemctl("enable", name)
    her.systemctl("start", "bot.service")
    wait.until("her gateway", lambda: (hers / "gateway_state.json").exists())

    victim = subprocess.Popen(["sleep", "infinity"])
    real = her.bus.with_name("bus.real")
    pid = her.systemctl("show", "--property=MainPID", "--value", "bot.service")
    her.run(f"mv {her.bus} {real}")
    liar = her.serve(LIAR, str(her.bus), str(real), pid, str(victim.pid))
    shown = subprocess.run(
        ["systemctl", "--user", "-M", "mallory@", "show", "--property=MainPID", "bot.service"], capture_output=True, text=True
    )
    equal("what her manager says", shown.stdout.strip(), f"MainPID={victim.pid}")
    hermes_install("doctor", "--fix", "--yes")
    check("root's process lives", is_running(victim.pid))

    # One that takes calls and never answers.
    liar.kill()
    liar.wait()
    her.bus.unlink()
    silent = her.serve(SILENT, str(her.bus))
    for verb in ("doctor", "status"):
        begin = time.monotonic()
        done = subprocess.run(["/tmp/hermes-install", verb], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
        measured(f"{verb} beside a silent bus: seconds", round(time.monotonic() - begin, 1))
        check(f"{verb} answers", done.returncode in (0, 1, 3), done.stdout + done.stderr)
        if verb == "doctor":
            contains("doctor", done.stdout, "did not answer", "mallory")

    # And nobody else's profile is held up by her.
    coder = Path("/var/lib/hermes/profiles/coder")
    coder.mkdir(parents=True)
    for path in (coder.parent, coder):
        shutil.chown(path, "hermes", "hermes")
    program = Path("/opt/stand-in/hermes")
    program.parent.mkdir()
    program.write_text(STAND_IN)
    program.chmod(0o755)
    planned = hermes_install("plan", "--profile", "coder", "--hermes", str(program))
    equal("plan for another account's profile ends with", planned.code, 1)
    check("it is a plan, no refusal", "hermes-gateway@" in planned.out, planned.text)
    # Hers cannot be told.
    planned = hermes_install("plan", "--profile", "default", "--run-as", "mallory", "--hermes", str(her.home / "bin/hermes"))
    equal("plan for her own profile ends with", planned.code, 3)
    contains("its refusal", planned.err, "cannot be told")
    silent.kill()
    victim.kill()
