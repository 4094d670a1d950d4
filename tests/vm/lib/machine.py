"""An emulated machine. The harness and the environment go in as disks that the guest finds by their labels, its
findings come out as one.

Software emulation only (a /dev/kvm may be there and yet hang the guest), so Python is 10 to 20 times slower.
"""

import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from . import disk, roots
from .case import Case

# How much longer than in a container a scenario may wait.
PATIENCE = 10

# What the console shows when a scenario begins, and seconds after which a boot that has not come there is ended.
BEGINS = "the scenario begins"
BEGUN = 900

# SELinux, where it is on, takes the files of these disks for programs and logs; elsewhere mount drops the option. It
# may let systemd append to a log and not create it.
DISKS = f"""[Unit]
Description=The disks of the case
DefaultDependencies=no
Before=vmcheck.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=mkdir -p /vmcheck /vmcheck-out /opt/hermes
ExecStart=mount -o ro,context=system_u:object_r:bin_t:s0 LABEL=harness /vmcheck
ExecStart=mount -o context=system_u:object_r:bin_t:s0 LABEL=environment /opt/hermes
ExecStart=mount -o context=system_u:object_r:var_log_t:s0 LABEL=found /vmcheck-out
ExecStart=touch /vmcheck-out/log
ExecStart=-sh -c 'echo {BEGINS} >/dev/ttyS0'
"""


# Of every machine; what it boots, and whether it has a network, comes behind.
EMULATOR = [
    *("qemu-system-x86_64", "-M", "q35", "-accel", "tcg,thread=multi,tb-size=256", "-smp", "1"),
    *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-device", "virtio-rng-pci"),
]


def run(case: Case, environment: Path, bus: str, arguments: Callable[[Path], list[str]], seconds: int) -> int:
    """Boot the case as often as it asks; how its last boot ended, 0 for good.

    `arguments` are qemu's for what it boots, given a directory for its files; the disks of the case become devices of
    the kind `bus`. A boot that takes longer than `seconds` is ended.
    """
    case.write(PATIENCE)
    with tempfile.TemporaryDirectory(prefix="hermes-install-vm-", dir="/var/tmp") as scratch:
        work = Path(scratch)
        harness, found = work / "harness.img", work / "found.img"
        disk.filesystem(harness, case.harness, disk.room_for(case.harness), "harness")
        disk.filesystem(found, case.out, 256, "found")
        command = [
            # Before the containers: slow as it is, the guest would run into deadlines of the programs in it.
            *("nice", "-n", "-10"),
            *(*EMULATOR, "-net", "none", *arguments(work)),
            *drive("harness", harness, bus),
            # Shared between cases, so what the guest writes is forgotten.
            *drive("environment", environment, bus, "format=raw,snapshot=on"),
            *drive("found", found, bus),
        ]
        for boot in range(1, case.scenario.boots + 1):
            _boot(command, case.out / f"console.{boot}", seconds)
            # A file system that the guest did not unmount is mended before it is read.
            subprocess.run(["e2fsck", "-p", str(found)], capture_output=True)
            roots.run("debugfs", "-R", f'rdump / "{case.out}"', str(found))
            if case.code(boot) != 0:
                break
    return case.code(boot)


def drive(name: str, file: Path, device: str, options: str = "format=raw") -> list[str]:
    """qemu's arguments for a disk."""
    escaped = str(file).replace(",", ",,")
    return ["-drive", f"if=none,id={name},file={escaped},cache=unsafe,{options}", "-device", f"{device},drive={name}"]


def _boot(command: list[str], console: Path, seconds: int) -> None:
    command = [*command, "-serial", f"file:{console}"]
    with tempfile.TemporaryFile("w+") as said, subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=said) as qemu:
        try:
            try:
                qemu.wait(min(BEGUN, seconds))
            except subprocess.TimeoutExpired:
                if BEGINS not in console.read_text(errors="replace"):
                    raise
                qemu.wait(max(0, seconds - BEGUN))
        except subprocess.TimeoutExpired:
            qemu.kill()
            return
        except BaseException:
            qemu.kill()
            raise
        if qemu.returncode != 0:
            said.seek(0)
            raise RuntimeError(f"qemu ended with {qemu.returncode}: {said.read()}")
