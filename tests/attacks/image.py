"""Throw-away images: a host that the program changes below `--root`, with an account that is not root's."""

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

MALLORY = 64123
UNIT = "[Service]\nUser={user}\nExecStart=/opt/h/bin/python -m hermes_cli.main gateway run\n" "Environment=HERMES_HOME={home}\n"


@dataclass
class Run:
    """How the program ended, and what it said."""

    code: int
    text: str


class Image:
    """One image, removed at the end of `with`."""

    def __init__(self, binary: str) -> None:
        self.binary = binary
        self.top = Path(tempfile.mkdtemp(prefix="attack-", dir="/tmp"))

    def __enter__(self) -> "Image":
        passwd = f"root:x:0:0::/root:/bin/sh\nhermes:x:64999:64999::/var/lib/hermes:/usr/sbin/nologin\nmallory:x:{MALLORY}:{MALLORY}::/home/mallory:/bin/sh\n"
        self.write("etc/passwd", passwd)
        for directory in ("var/lib/hermes", "usr/lib/systemd/system", "etc/systemd/system", "home/mallory"):
            (self.top / directory).mkdir(parents=True, exist_ok=True)
        self.write("opt/h/bin/hermes", "")
        os.chown(self.top / "home/mallory", MALLORY, MALLORY)
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.top)
        Path(f"{self.top}.strace").unlink(missing_ok=True)

    def write(self, path: str, text: str, uid: int = 0) -> Path:
        """A file, with directories of the same owner above it."""
        file = self.top / path
        missing = []
        above = file.parent
        while not above.exists():
            missing.append(above)
            above = above.parent
        for directory in reversed(missing):
            directory.mkdir()
            os.chown(directory, uid, uid)
        file.write_text(text)
        os.chown(file, uid, uid)
        return file

    def run(self, *args: str, prefix: tuple[str, ...] = ()) -> Run:
        """The program on this image; with `prefix`, under strace."""
        command = [*prefix, self.binary, *args, "--root", str(self.top)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        return Run(done.returncode, done.stdout + done.stderr)

    def snapshot(self) -> dict[str, str]:
        """Every path with its kind, owner, mode and contents."""
        seen = {}
        for path in sorted(self.top.rglob("*")):
            stat = path.lstat()
            name = str(path.relative_to(self.top))
            if path.is_symlink():
                what = f"-> {os.readlink(path)}"
            elif path.is_dir():
                what = "directory"
            else:
                what = path.read_bytes().hex() if stat.st_size < 100_000 else f"{stat.st_size} bytes"
            seen[name] = f"{stat.st_uid}:{stat.st_gid} {stat.st_mode & 0o7777:o} {what}"
        return seen


def difference(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Paths that are not the same in both."""
    return sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
