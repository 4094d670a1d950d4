"""The virtual machine backend: a kernel of its own under qemu, for what a container cannot show, such as limits of
memory and the OOM killer. A guest without udev and initrd boots in about 15 s.
"""

import shutil
from pathlib import Path

from . import disk, environments, machine, roots
from .case import Case

# Seconds after which a boot that hangs is ended; the longest scenario takes six minutes on a busy machine.
ENDED = 1200

# Debian's kernel for virtual machines has this kind of disk built in; there is no initrd that would load another.
BUS = "nvme-ns,bus=nvme0"

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

# Namespaces of a disk come up in any order (Linux 6.12), so the root is named by its partition.
KERNEL_ARGUMENTS = (
    f"root=PARTUUID={disk.PARTUUID} rootwait rw console=ttyS0 quiet panic=-1 mitigations=off audit=0 nowatchdog tsc=reliable"
    " clocksource=tsc random.trust_cpu=on net.ifnames=0 systemd.show_status=0 "
) + " ".join(f"systemd.mask={unit}" for unit in MASKED)


def prepare(case: Case) -> None:
    """Build what is kept between runs."""
    _kernel(case.cache, case.suite)
    _system(case.cache, case.suite)
    _environment(case.cache, case.suite, case.hermes)


def run(case: Case) -> int:
    """Boot the case as often as it asks; how its last boot ended, 0 for good."""

    def arguments(work: Path) -> list[str]:
        system = work / "system.img"
        roots.run("cp", "--sparse=always", "--reflink=auto", str(_system(case.cache, case.suite)), str(system))
        return [
            *("-cpu", "Nehalem", "-m", "1024"),
            *("-kernel", str(_kernel(case.cache, case.suite)), "-append", KERNEL_ARGUMENTS),
            *("-device", "nvme,id=nvme0,serial=vmcheck", *machine.drive("system", system, BUS)),
        ]

    environment = _environment(case.cache, case.suite, case.hermes)
    return machine.run(case, environment, BUS, arguments, ENDED)


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
            (view.merged / "etc/systemd/system/vmcheck-disks.service").write_text(machine.DISKS)
            disk.partitioned(place, view.merged, 3072, "system")

    inputs = [str(root), machine.DISKS, Path(disk.__file__).read_text()]
    return roots.cached(cache, f"system-{suite}", inputs, build)


def _environment(cache: Path, suite: str, version: str) -> Path:
    """A virtual environment as a disk that is mounted at /opt/hermes."""
    environment = environments.environment(cache, suite, version)

    def build(place: Path) -> None:
        tree = place.with_name("tree")
        tree.mkdir()
        shutil.copytree(environment, tree / version, symlinks=True)
        disk.filesystem(place, tree, 1024, "environment")

    return roots.cached(cache, f"disk-{version}-{suite}", [str(environment), "environment"], build)
