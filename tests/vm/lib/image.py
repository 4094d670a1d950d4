"""A Debian as distributions give out theirs for clouds: it boots by itself, from a boot loader of its own, and does
what cloud-init finds on a disk. A seed package makes it stand for an rpm distribution (guest/seed).
"""

import shutil
from pathlib import Path

from . import disk, roots

PACKAGES = [
    "cloud-init",
    "dbus-user-session",
    "dnf",
    "grub-common",
    "grub-pc-bin",
    "initramfs-tools",
    "libpam-systemd",
    "linux-image-cloud-amd64",
    "procps",
    # A distribution that one reaches has it.
    "python3-venv",
    "rpm",
    "systemd-sysv",
    "udev",
]

GRUB = """set root=(hd0,msdos1)
linux /vmlinuz root=LABEL=cloud ro console=ttyS0
initrd /initrd.img
boot
"""

# Of GRUB: enough for the file system and the lines above.
MODULES = ["biosdisk", "boot", "ext2", "linux", "part_msdos"]

SEED = Path(__file__).resolve().parents[1] / "guest/seed"


def debian(cache: Path, suite: str) -> Path:
    """The image, in the format of those that one downloads."""

    def build(place: Path) -> None:
        tree, raw = place.with_name("tree"), place.with_name("raw")
        roots.bootstrap(tree, suite, PACKAGES)
        (tree / "etc/fstab").write_text("LABEL=cloud / ext4 defaults 0 1\n")
        shutil.copytree(SEED, tree / "tmp/seed-sources")
        roots.run("chroot", str(tree), "/tmp/seed-sources/install")
        (tree / "boot/load.cfg").write_text(GRUB)
        command = ("grub-mkimage", "-O", "i386-pc", "-o", "/boot/core.img", "-p", "/boot/grub", "-c", "/boot/load.cfg")
        roots.run("chroot", str(tree), *command, *MODULES)
        code = (tree / "usr/lib/grub/i386-pc/boot.img").read_bytes()[:440]
        disk.partitioned(raw, tree, 3072, "cloud", code, (tree / "boot/core.img").read_bytes())
        roots.run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(raw), str(place))

    sources = [Path(__file__), Path(disk.__file__), *sorted(SEED.iterdir())]
    inputs = [suite, *(path.read_text() for path in sources)]
    return roots.cached(cache, f"cloud-{suite}", inputs, build)
