"""The cloud image backend: an image as a distribution gives it out, booted untouched by its own boot loader, or one like
that of our own. Its cloud-init finds a disk of ours and starts the scenario; there is no network.
"""

import json
from pathlib import Path

from . import image, machine, portable, roots
from .case import Case

# Seconds after which a boot that hangs is ended. A distribution's first boot alone may take five minutes here.
ENDED = 3600

BUS = "virtio-blk-pci"
QCOW2 = b"QFI\xfb"


def prepare(case: Case) -> None:
    """Build what is kept between runs."""
    if not case.image:
        image.debian(case.cache, case.suite)
    portable.environment(case.cache, case.hermes)


def run(case: Case) -> int:
    """Boot the image; how the scenario ended, 0 for good."""
    if case.scenario.boots > 1:
        raise RuntimeError("cloud-init starts a scenario at the first boot only")
    file = case.image or image.debian(case.cache, case.suite)
    with file.open("rb") as opened:
        kind = "qcow2" if opened.read(4) == QCOW2 else "raw"

    def arguments(work: Path) -> list[str]:
        return booting(file, kind, _seed(work, portable.python(case.hermes)))

    code = machine.run(case, portable.environment(case.cache, case.hermes), BUS, arguments, ENDED)
    log = case.out / "log"
    if not log.exists() or not log.stat().st_size:
        raise RuntimeError(
            f"{file} did not start the scenario: it has to boot by BIOS from a virtio disk, to have cloud-init, ext4 and"
            f" iso9660, and not to reboot first; what it said is in {case.out}/console.1"
        )
    return code


def booting(image: Path, kind: str, seed: Path) -> list[str]:
    """qemu's arguments for an image of this format; nothing is written to it."""
    return [
        # What RHEL 10 wants is newer than the processors that are fast to emulate.
        *("-cpu", "max", "-m", "2048"),
        # Boot loaders of distributions may ask for a screen.
        *("-vga", "std"),
        # With the option not to reboot: end at once when there is nothing that boots.
        *("-boot", "reboot-timeout=1000"),
        *machine.drive("image", image.absolute(), f"{BUS},bootindex=0", f"format={kind},snapshot=on"),
        *machine.drive("seed", seed, BUS, "format=raw,readonly=on"),
    ]


def seed(work: Path, user_data: str, name: str) -> Path:
    """The disk that cloud-init looks for (its data source NoCloud), for a host of this name."""
    place = work / "cidata"
    place.mkdir()
    (place / "user-data").write_text(user_data)
    (place / "meta-data").write_text(json.dumps({"instance-id": name, "local-hostname": name}))
    disk = work / "seed.iso"
    roots.run("xorriso", "-as", "genisoimage", "-quiet", "-volid", "cidata", "-joliet", "-rock", "-o", str(disk), str(place))
    return disk


def _seed(work: Path, python: Path) -> Path:
    """One that starts the scenario."""
    units = "/etc/systemd/system"
    files = {
        f"{units}/vmcheck.service": roots.unit(str(python)),
        f"{units}/vmcheck-disks.service": machine.DISKS,
        "/etc/pam.d/vmcheck": roots.PAM,
    }
    data = {
        "users": ["default", {"name": roots.USER, "shell": "/bin/bash"}],
        "write_files": [{"path": path, "content": content} for path, content in files.items()],
        "runcmd": [["systemctl", "daemon-reload"], ["systemctl", "start", "--no-block", "vmcheck.service"]],
    }
    # JSON is YAML.
    return seed(work, f"#cloud-config\n{json.dumps(data, indent=1)}\n", "vmguest")
