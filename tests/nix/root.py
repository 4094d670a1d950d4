"""A Debian root with Nix in it, and commands in it: the same Nix wherever the checks run, and no /nix on the host."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[1]
sys.path.insert(0, str(TOP / "tests/vm"))

from lib import roots  # noqa: E402

SUITE = "trixie"
PACKAGES = ["nix-bin", "ca-certificates"]
MOUNTS = ["src", "program", "nixpkgs", "home-manager"]
CONFIGURATION = """experimental-features = nix-command flakes
sandbox = false
build-users-group =
substituters =
flake-registry =
warn-dirty = false
"""


def root(cache: Path) -> Path:
    """The root, built once."""

    def build(place: Path) -> None:
        include = f"--include={','.join(PACKAGES)}"
        roots.run("mmdebstrap", "--quiet", "--variant=apt", "--mode=root", include, SUITE, str(place))
        (place / "etc/nix").mkdir(exist_ok=True)
        (place / "etc/nix/nix.conf").write_text(CONFIGURATION)
        for name in MOUNTS:
            (place / name).mkdir()

    return roots.cached(cache, "root-nix", [SUITE, *PACKAGES, CONFIGURATION, *MOUNTS], build)


class Failed(Exception):
    """A check that did not hold; the message says why."""


class Nix:
    """Nix in a throw-away view of the root: this repository in /src, the program in /program, and other trees."""

    def __init__(self, view: roots.Overlay, program: Path, trees: dict[str, Path]) -> None:
        self.top = view.merged
        self.mounts = {"/program": program, **trees}
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        files = subprocess.run(listed, cwd=TOP, capture_output=True, check=True).stdout
        tar = ["tar", "--create", "--null", "--files-from=-", "--ignore-failed-read", "--warning=no-failed-read"]
        packed = subprocess.run(tar, cwd=TOP, input=files, capture_output=True, check=True).stdout
        subprocess.run(["tar", "--extract", f"--directory={self.top}/src", "--no-same-owner"], input=packed, check=True)

    def run(self, *command: str, env: dict[str, str] | None = None) -> str:
        """What a command says; an error when it fails."""
        lines = ["set -e", f"mount --rbind /proc {self.top}/proc", f"mount --rbind /dev {self.top}/dev"]
        lines += [f"mount --bind {host} {self.top}{inside}" for inside, host in self.mounts.items()]
        lines += [f'exec chroot {self.top} "$@"']
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-c", "\n".join(lines), "sh", *command],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8"} | (env or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            raise Failed(f"{' '.join(command)} failed ({done.returncode}):\n{done.stderr[-4000:]}")
        return done.stdout

    def json(self, expression: str) -> str:
        """The value of an expression, in JSON."""
        return self.run("nix-instantiate", "--eval", "--strict", "--json", "--expr", expression)

    def build(self, file: str, **arguments: str) -> Path:
        """Build a derivation; its output as the host sees it."""
        words = [word for name, value in arguments.items() for word in ("--argstr", name, value)]
        return self.top / self.run("nix-build", "--no-out-link", file, *words).strip()[1:]
