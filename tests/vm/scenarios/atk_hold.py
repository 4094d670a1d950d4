"""`doctor --fix` stops a user's unit without going through a directory of that user, and lets go of it afterwards."""

import shutil
import threading
from pathlib import Path

from check import check, equal
from installer import hermes_install
from mallory import STAND_IN, mallory

SECONDS = 90
VICTIM = Path("/etc/systemd/system/ssh.service.d")
HOLD = "zzz-hermes-install-doctor.conf"


def run() -> None:
    her = mallory()
    her.manager()
    home = her.write(".hermes/config.yaml", "", 0o600).parent
    program = her.write("bin/hermes", STAND_IN)
    unit = f"[Service]\nRestart=always\nExecStart={program} gateway run\nEnvironment=HERMES_HOME={home}\n[Install]\nWantedBy=default.target\n"
    names = ("hermes-gateway.service", "ssh.service")
    for name in names:
        her.write(f".config/systemd/user/{name}", unit, 0o644)
    her.systemctl("daemon-reload")
    her.systemctl("enable", *names)
    her.systemctl("start", names[0])

    # What root would go through.
    runtime = Path(f"/run/user/{her.uid}/systemd/user")
    if runtime.exists():
        shutil.rmtree(runtime)
    her.run(f"mkdir -p {runtime.parent} && ln -s /etc/systemd/system {runtime}")
    # A hold that a killed run left.
    stale = Path(f"/run/systemd/user/{names[0]}.d/{HOLD}")
    stale.parent.mkdir(parents=True)
    stale.write_text("[Service]\nRestart=no\n")
    her.systemctl("daemon-reload")

    seen: list[Path] = []
    stop = threading.Event()

    def watch() -> None:
        while not stop.is_set():
            seen.extend(VICTIM.glob("*"))

    watcher = threading.Thread(target=watch)
    watcher.start()
    done = hermes_install("doctor", "--fix", "--yes")
    stop.set()
    watcher.join()
    equal("what root wrote beside ssh.service", sorted(set(seen)), [])
    check("the directory is not there", not VICTIM.exists())
    equal("hers is disabled", her.systemctl("is-enabled", "ssh.service", check=False), "disabled")
    equal("the one that stays is", her.systemctl("is-active", names[0], check=False), "active")
    equal("holds that are left", list(Path("/run/systemd").rglob(HOLD)), [])
    equal("it restarts as before", her.systemctl("show", "--property=Restart", "--value", names[0]), "always")
    check("it says nothing of a failure", "could not" not in done.err, done.text)
