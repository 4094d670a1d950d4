"""A gateway's environment with a Python of its own, for systems of which we do not know the Python: they may have one
that is too old (RHEL 9 has 3.9), or none.

The interpreter is Debian's with the libraries that Debian has for it, and is told where these are; the rest of the
system keeps its own.
"""

import shutil
from pathlib import Path

from . import disk, environments, roots

SUITE = "trixie"
LOADER = "ld-linux-x86-64.so.2"


def python(version: str) -> Path:
    """Where the guest finds it, when the environment is mounted at /opt/hermes."""
    return Path("/opt/hermes") / version / "python/bin" / f"python{roots.SUITES[SUITE]}"


def environment(cache: Path, version: str) -> Path:
    """A disk with the environment of this hermes-agent."""
    root, plain = roots.root(cache, SUITE), environments.environment(cache, SUITE, version)

    def build(place: Path) -> None:
        tree = place.with_name("tree")
        home = tree / version
        shutil.copytree(plain, home, symlinks=True)
        program = tree / python(version).relative_to("/opt/hermes")
        top = program.parents[1]
        program.parent.mkdir(parents=True)
        shutil.copy(root / "usr/bin" / program.name, program)
        shutil.copytree(root / "usr/lib" / program.name, top / "lib" / program.name, symlinks=True)
        for library in (root / "usr/lib/x86_64-linux-gnu").glob("*.so*"):
            # Links out of the directory lead to alternatives, and to nothing in another system.
            if library.is_file():
                shutil.copy(library, top / "lib" / library.name)
        where = Path("/opt/hermes") / version / "python/lib"
        # Not a runpath, which would not count for the libraries of modules.
        rpath = ("--force-rpath", "--set-rpath", str(where))
        roots.run("patchelf", "--set-interpreter", str(where / LOADER), *rpath, str(program))
        link, settings = home / "bin/python3", home / "pyvenv.cfg"
        link.unlink()
        link.symlink_to(python(version))
        settings.write_text(settings.read_text().replace("home = /usr/bin", f"home = {python(version).parent}"))
        disk.filesystem(place, tree, 1536, "environment")

    inputs = [str(root), str(plain), Path(__file__).read_text()]
    return roots.cached(cache, f"portable-{version}", inputs, build)
