"""A true kernel's limits hold a tenant: a greedy tool dies, and the gateway lives or comes back."""

import os
import subprocess
from pathlib import Path

import wait
from check import check, contains, equal
from installer import hermes_install, install
from systemd import Unit, systemctl
from tenant import tenant

BACKENDS = ["qemu"]
SECONDS = 240

CONFIG = Path("/etc/hermes-install/config.toml")
LIMIT = 400 << 20

# Takes memory until somebody ends it.
GREEDY = "held = []\nwhile True: held.append(bytearray(b'x' * (1 << 20)))"


def run() -> None:
    CONFIG.parent.mkdir()
    CONFIG.write_text('[profiles.apart]\nmemory-high = "390M"\nmemory-max = "400M"\ntasks-max = 300\ncpu-weight = 50\n')
    apart = tenant("apart")
    equal("install ends with", install(apart).code, 0)
    unit = Unit(apart.unit)
    group = group_of(unit)
    equal("the kernel's limit", int((group / "memory.max").read_text()), LIMIT)
    equal("where it begins to be slowed down", int((group / "memory.high").read_text()), 390 << 20)
    equal("how many processes and threads it may have", int((group / "pids.max").read_text()), 300)
    equal("its share of the processor", int((group / "cpu.weight").read_text()), 50)
    # As docs/tenants.md has it, for all tenants.
    systemctl("set-property", "hermes.slice", "MemoryHigh=8G")
    equal("the group above it", str(group.parent), "/sys/fs/cgroup/hermes.slice")
    equal("where all begin to be slowed down", int((group.parent / "memory.high").read_text()), 8 << 30)

    pid = unit.pid
    # Slowing down would only draw it out.
    (group / "memory.high").write_text("max")
    tool = eat(group, 1000)
    equal("the greedy tool ends with", tool.wait(timeout=300), -9)
    check("the kernel counts it", kills(group) >= 1, (group / "memory.events").read_text())
    equal("the unit's state and result", unit.states, ("active", "success"))
    equal("its main process and restarts", (unit.pid, unit.restarts), (pid, 0))
    apart.until_up(pid)

    # The kernel is made to choose the gateway.
    Path(f"/proc/{pid}/oom_score_adj").write_text("1000")
    eat(group, -1000)
    wait.until("the gateway to be killed", lambda: unit.pid != pid, 60)
    equal("it comes back as another process, up", apart.until_up(after=pid), unit.pid)
    equal("automatic restarts", unit.restarts, 1)
    equal("gateways", apart.gateways(), [unit.pid])
    contains("why it was gone", hermes_install("why", "apart").out, "apart: runs now; before that ended", "OOM killer")


def group_of(unit: Unit) -> Path:
    """The directory of the unit's control group."""
    return Path("/sys/fs/cgroup") / unit.show()["ControlGroup"].lstrip("/")


def eat(group: Path, score: int) -> subprocess.Popen:
    """A process of the unit's that takes memory; the higher its score, the sooner the kernel chooses it."""

    def join() -> None:
        (group / "cgroup.procs").write_text(str(os.getpid()))
        Path("/proc/self/oom_score_adj").write_text(str(score))

    return subprocess.Popen(["/usr/bin/python3", "-c", GREEDY], preexec_fn=join)


def kills(group: Path) -> int:
    """How many processes the kernel killed for want of memory (cgroup v2, memory.events)."""
    events = dict(line.split() for line in (group / "memory.events").read_text().splitlines())
    return int(events["oom_kill"])
