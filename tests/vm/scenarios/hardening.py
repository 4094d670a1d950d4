"""The units verify cleanly, score at most 2.4 in system scope, and the sandbox is on while the gateway works in it."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

from check import check, equal, measured
from gateway import Profile
from installer import hermes_install, install, shell
from systemd import Unit, systemctl

BACKENDS = ["container", "qemu"]
SECONDS = 40


def run() -> None:
    default = Profile("default")
    equal("install ends with", install(default).code, 0)
    unit = Unit(default.unit)
    verify = subprocess.run(
        ["systemd-analyze", "verify", "--recursive-errors=no", default.unit], capture_output=True, text=True
    )
    equal("verify ends with", verify.returncode, 0)
    ours = [line for line in verify.stderr.splitlines() if "hermes" in line]
    equal("what verify says of our units", ours, [])

    text = shell("systemd-analyze", "security", "--no-pager", default.unit)
    score = float(re.findall(r"Overall exposure level.*: ([\d.]+)", text)[0])
    measured("exposure level of the loaded unit", score)
    check("the exposure level is at most 2.4", score <= 2.4, score)

    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{unit.pid}/status").read_text().splitlines() if ":" in line
    )
    equal("NoNewPrivs", status["NoNewPrivs"].strip(), "1")
    equal("Seccomp (filter)", status["Seccomp"].strip(), "2")
    equal("bounding set", int(status["CapBnd"], 16), 0)
    inside = f"/proc/{unit.pid}/root"
    nsenter = ["nsenter", f"--target={unit.pid}", "--mount", "--setuid=0"]
    check("/usr is read-only inside", "Read-only" in subprocess.run(
        [*nsenter, "touch", "/usr/x"], capture_output=True, text=True).stderr)
    equal("root inside writes the hermes root", subprocess.run([*nsenter, "touch", "/var/lib/hermes/x"]).returncode, 0)
    check("/home/alice is hidden inside", not Path(f"{inside}/home/alice").exists())
    odd_paths()
    odd_lines()


# What a path may hold: blanks, both quotes, a backslash before either and before a letter, specifiers, other scripts.
ODD = ["/srv/a b", "/srv/a\\nb", "/srv/a\\\\b", '/srv/a"b', "/srv/a\\'b", "/srv/a'b c\\ d", "/srv/%n 100%", "/srv/ü 日本", "/srv/$HOME;x"]


def odd_paths() -> None:
    """Paths that the manager of the host has loaded are those that were written in the configuration."""
    for path in ODD:
        Path(path).mkdir(parents=True)
    config = Path("/tmp/odd.toml")
    config.write_text(f"[defaults]\nread-write-paths = {json.dumps(ODD)}\n")
    odd = Profile("odd").make()
    equal("install ends with", install(odd, "--config", str(config)).code, 0)
    loaded = of_unit(odd.unit, "ReadWritePaths")
    equal("ReadWritePaths= that are loaded", sorted(p for p in loaded if "/srv" in p), sorted("-" + p for p in ODD))
    journal = Unit(odd.unit).journal()
    check("systemd takes every line", "ignoring" not in journal.lower(), journal[-500:])


def of_unit(unit: str, key: str) -> Any:
    """A property as the bus has it: systemctl would quote it once more."""
    bus, to = ["busctl", "--json=short"], "org.freedesktop.systemd1"
    call = [*bus, "call", to, "/org/freedesktop/systemd1", f"{to}.Manager", "GetUnit", "s", unit]
    place = json.loads(subprocess.run(call, capture_output=True, text=True, check=True).stdout)["data"][0]
    get = [*bus, "get-property", to, place, f"{to}.Service", key]
    return json.loads(subprocess.run(get, capture_output=True, text=True, check=True).stdout)["data"]


# Between an assignment and the one that starts a gateway. The unit tests of src/units/unit_file.rs have the same.
BETWEEN = [b"\\\n", b"\\\\\n", b"\\\\\\\n", b"\\ \n", b"\\\r\n", b"\r", b"\\\r\r\n", b"\0", b"\n\x0c[Unit]\n", b"\n\\\n", b"\\\n #\\\n", b"\x0b", b"\n\xc2\xa0"]


def odd_lines() -> None:
    """A unit whose lines end or go on in odd ways runs a gateway for doctor exactly when it runs one for systemd."""
    start = b"ExecStart=/usr/bin/env -C /srv hermes -p odd gateway run\n"
    head = b"[Service]\nUser=hermes\nEnvironment=HERMES_HOME=/var/lib/hermes\nEnvironment=X=a"
    before = looked_at()
    names = [f"bot{number}.service" for number in range(len(BETWEEN))]
    for name, between in zip(names, BETWEEN, strict=True):
        Path("/etc/systemd/system", name).write_bytes(head + between + start)
    systemctl("daemon-reload")
    systemd = {name for name in names if Unit(name).show().get("ExecStart")}
    equal("units that start something for systemd", len(systemd), 7)
    equal("units more that start a gateway for doctor", looked_at() - before, len(systemd))


def looked_at() -> int:
    """Units in which doctor has seen a gateway."""
    units: int = json.loads(hermes_install("doctor", "--json").out)["units"]
    return units
