"""The virtual machine backend: a kernel of its own under qemu, for what a container cannot show, such as limits of
memory and the OOM killer.

Software emulation only (a /dev/kvm may be there and yet hang the guest), so Python is 10 to 20 times slower; a guest
without udev and initrd boots in about 15 s.
"""

import os
import shutil
import struct
import subprocess
import tempfile
from pathlib import Path

from . import roots
from .case import Case

# How much longer than in a container a scenario may wait.
PATIENCE = 10

# Seconds after which a boot that hangs is ended; the longest scenario takes six minutes on a busy machine.
ENDED = 1200

# Units that find or wait for hardware, and that no scenario needs.
MASKED = [
    "apt-daily-upgrade.timer",
    "apt-daily.timer",
    "dev-hugepages.mount",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "getty@tty1.service",
    "proc-sys-fs-binfmt_misc.automount",
    "serial-getty@ttyS0.service",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "systemd-binfmt.service",
    "systemd-modules-load.service",
]

# Namespaces of a disk come up in any order (Linux 6.12), so the root is named by its partition, the others by label.
SIGNATURE = 0x68657221
START = 2048

KERNEL_ARGUMENTS = (
    f"root=PARTUUID={SIGNATURE:08x}-01 rootwait rw console=ttyS0 quiet panic=-1 mitigations=off audit=0 nowatchdog tsc=reliable"
    " clocksource=tsc random.trust_cpu=on net.ifnames=0 systemd.show_status=0"
)

# Without udev no device unit ever appears, and so no mount unit that waits for one.
DISKS = """[Unit]
Description=The disks of the case
DefaultDependencies=no
Before=vmcheck.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=mount -o ro LABEL=harness /vmcheck
ExecStart=mount -o ro LABEL=environment /opt/hermes
ExecStart=mount LABEL=found /vmcheck-out
"""


def prepare(case: Case) -> None:
    """Build what is kept between runs."""
    _kernel(case.cache, case.suite)
    _system(case.cache, case.suite)
    _environment(case.cache, case.suite, case.hermes)


def run(case: Case) -> int:
    """Boot the case as often as it asks; how its last boot ended, 0 for good."""
    case.write(PATIENCE)
    with tempfile.TemporaryDirectory(prefix="hermes-install-vm-", dir="/var/tmp") as scratch:
        work = Path(scratch)
        system, harness, found = work / "system.img", work / "harness.img", work / "found.img"
        roots.run("cp", "--sparse=always", "--reflink=auto", str(_system(case.cache, case.suite)), str(system))
        _filesystem(harness, case.harness, 64, "harness")
        _filesystem(found, case.out, 256, "found")
        disks = [system, harness, _environment(case.cache, case.suite, case.hermes), found]
        for boot in range(1, case.scenario.boots + 1):
            _boot(case, disks, boot)
            # A file system that the guest did not unmount is mended before it is read.
            subprocess.run(["e2fsck", "-p", str(found)], capture_output=True)
            roots.run("debugfs", "-R", f"rdump / {case.out}", str(found))
            if case.code(boot) != 0:
                break
    return case.code(boot)


def _boot(case: Case, disks: list[Path], boot: int) -> None:
    drives = []
    for number, disk in enumerate(disks, 1):
        # The environment is shared between cases.
        kept = ",readonly=on" if number == 3 else ""
        drives += ["-drive", f"if=none,id=d{number},file={disk},format=raw,cache=unsafe{kept}"]
        drives += ["-device", f"nvme-ns,drive=d{number},bus=nvme0,nsid={number}"]
    arguments = f"{KERNEL_ARGUMENTS} VMCHECK_BOOT={boot} " + " ".join(f"systemd.mask={unit}" for unit in MASKED)
    command = [
        # Before the containers: slow as it is, the guest would run into deadlines of the programs in it.
        *("nice", "-n", "-10"),
        *("qemu-system-x86_64", "-M", "q35", "-accel", "tcg,thread=multi,tb-size=256", "-cpu", "Nehalem", "-smp", "1"),
        *("-m", "1024", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-net", "none"),
        *("-kernel", str(_kernel(case.cache, case.suite)), "-append", arguments),
        *("-serial", f"file:{case.out}/console.{boot}", "-device", "virtio-rng-pci"),
        *("-device", "nvme,id=nvme0,serial=vmcheck", *drives),
    ]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=ENDED
        )
    except subprocess.TimeoutExpired:
        return
    if done.returncode != 0:
        raise RuntimeError(f"qemu ended with {done.returncode}: {done.stderr}")


def _kernel(cache: Path, suite: str) -> Path:
    """Debian's kernel for virtual machines, which has nvme and ext4 built in."""

    def build(place: Path) -> None:
        tree = place.with_name("tree")
        package = "linux-image-cloud-amd64"
        roots.run("mmdebstrap", "--quiet", "--mode=root", "--variant=extract", f"--include={package}", suite, str(tree))
        shutil.copy(next((tree / "boot").glob("vmlinuz-*")), place)

    return roots.cached(cache, f"kernel-{suite}", [suite], build)


def _system(cache: Path, suite: str) -> Path:
    """The container's root as a disk."""
    root = roots.root(cache, suite)

    def build(place: Path) -> None:
        with roots.overlay(root) as view:
            units = view.merged / "etc/systemd/system"
            (units / "vmcheck-disks.service").write_text(DISKS)
            (units / "vmcheck.service.requires").mkdir()
            (units / "vmcheck.service.requires/vmcheck-disks.service").symlink_to("../vmcheck-disks.service")
            _filesystem(place, view.merged, 3072, "system", START * 512)
        # A master boot record with one partition and the signature that names it.
        entry = struct.pack("<BBBBBBBBII", 0, 0, 0, 0, 0x83, 0, 0, 0, START, (3072 << 11) - START)
        with place.open("r+b") as image:
            image.seek(440)
            image.write(struct.pack("<IH", SIGNATURE, 0) + entry + bytes(48) + b"\x55\xaa")

    return roots.cached(cache, f"system-{suite}", [str(root), DISKS, str(SIGNATURE)], build)


def _environment(cache: Path, suite: str, version: str) -> Path:
    """A virtual environment as a disk that is mounted at /opt/hermes."""
    environment = roots.environment(cache, suite, version)

    def build(place: Path) -> None:
        tree = place.with_name("tree")
        tree.mkdir()
        shutil.copytree(environment, tree / version, symlinks=True)
        _filesystem(place, tree, 1024, "environment")

    return roots.cached(cache, f"disk-{version}-{suite}", [str(environment), "environment"], build)


def _filesystem(image: Path, tree: Path, megabytes: int, label: str, offset: int = 0) -> None:
    """An ext4 file system with this label and a tree in it, in an image of this size."""
    with image.open("wb") as file:
        os.truncate(file.fileno(), megabytes << 20)
    options = f"root_owner=0:0,offset={offset}"
    blocks = f"{((megabytes << 20) - offset) >> 10}k"
    roots.run("mke2fs", "-q", "-t", "ext4", "-L", label, "-E", options, "-d", str(tree), str(image), blocks)
