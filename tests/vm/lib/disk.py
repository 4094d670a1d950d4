"""Disk images, written without mounting anything."""

import os
import struct
from pathlib import Path

from . import roots

# Where the one partition of a partitioned disk begins, in sectors of 512 bytes, and what names the disk.
START = 2048
SIGNATURE = 0x68657221
PARTUUID = f"{SIGNATURE:08x}-01"


def filesystem(image: Path, tree: Path, megabytes: int, label: str, offset: int = 0) -> None:
    """An ext4 file system with this label and a tree in it, in an image of this size."""
    with image.open("wb") as file:
        os.truncate(file.fileno(), megabytes << 20)
    options = f"root_owner=0:0,offset={offset}"
    blocks = f"{((megabytes << 20) - offset) >> 10}k"
    roots.run("mke2fs", "-q", "-t", "ext4", "-L", label, "-E", options, "-d", str(tree), str(image), blocks)


def room_for(tree: Path) -> int:
    """The megabytes of an image that holds this tree and no more: what it has in it, and what ext4 itself needs."""
    files = [file.lstat().st_size for file in tree.rglob("*")]
    return 16 + ((sum(files) + len(files) * 4096) >> 20) * 5 // 4


def partitioned(image: Path, tree: Path, megabytes: int, label: str, code: bytes = b"", loader: bytes = b"") -> None:
    """A disk with a master boot record and one partition that holds such a file system.

    `code` is what the record begins with, at most 440 bytes; `loader` goes between it and the partition.
    """
    filesystem(image, tree, megabytes, label, START * 512)
    if len(code) > 440 or len(loader) > (START - 1) * 512:
        raise ValueError(f"no room for {len(code)} bytes of boot code and {len(loader)} of a loader")
    entry = struct.pack("<BBBBBBBBII", 0x80, 0, 0, 0, 0x83, 0, 0, 0, START, (megabytes << 11) - START)
    record = code.ljust(440, b"\0") + struct.pack("<IH", SIGNATURE, 0) + entry + bytes(48) + b"\x55\xaa"
    with image.open("r+b") as file:
        file.write(record + loader)
