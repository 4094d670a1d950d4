"""Packages of this tree and repositories of them, for the scenarios that say `PACKAGES = [...]`.

A repository holds this tree's version and the one `before` it: the same tree with a lower version and a line less in
its template units, so that an upgrade and a downgrade have something to change. It is built once for each state of the
tree and kept with the roots.
"""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import tomllib
from collections.abc import Callable
from pathlib import Path

from . import roots

TREE = Path(__file__).resolve().parents[3]

# Sources are copied to one place and compiled into another, both outside of what git sees: cargo compiles again
# only what differs, and the tree stays as it is.
BUILDS = TREE / "target/packages"


def repository(cache: Path, kind: str) -> Path:
    """A repository of this kind of package; `signed-KIND` are those of a release."""
    inputs = [f"{path}\0{hashlib.sha256(content(TREE / path)).hexdigest()}" for path in sources()]
    plain = kind.removeprefix("signed-")

    def build(place: Path) -> None:
        if kind == plain:
            BUILDERS[kind](place)
        else:
            signed(repository(cache, plain), plain, place)

    return roots.cached(cache, f"packages-{kind}", [*inputs, Path(__file__).read_text()], build)


def content(path: Path) -> bytes:
    """What git has of a path; of a link, where it leads."""
    return os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()


def program(cache: Path) -> Path:
    """What the .deb has as /usr/bin/hermes-install: the program as people get it."""
    return repository(cache, "deb") / "hermes-install"


def version() -> str:
    """This tree's version."""
    return tomllib.loads((TREE / "Cargo.toml").read_text())["package"]["version"]


def deb_name() -> str:
    """The file of this tree's .deb."""
    return f"hermes-gateway_{version()}_amd64.deb"


def address() -> str:
    """Where the project is, as Cargo.toml says."""
    return tomllib.loads((TREE / "Cargo.toml").read_text())["package"]["repository"]


def sources() -> list[str]:
    """Every file that goes into a package or says how one is built."""
    command = ["git", "-C", str(TREE), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\0")
    foreign = [f for f in listed if f.startswith("tests/vm/") and not f.startswith("tests/vm/rpm/")]
    return sorted({f for f in listed if f and f not in foreign and (TREE / f).exists()})


def copy(place: Path) -> None:
    """A fresh copy of the sources; times are kept, as cargo goes by them."""
    shutil.rmtree(place, ignore_errors=True)
    for name in sources():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(TREE / name, place / name, follow_symlinks=False)


def deb(place: Path) -> None:
    """A repository for `deb [trusted=yes] file:PLACE ./`, and the source's debian directory."""
    place.mkdir()
    for is_before in (True, False):
        source = BUILDS / "source"
        copy(source)
        if is_before:
            changelog = source / "debian/changelog"
            changelog.write_text(changelog.read_text().replace(f"({version()})", f"({version()}~before)", 1))
            with (source / "debian/rules").open("a") as rules:
                rules.write(
                    "\nexecute_after_dh_auto_install:\n"
                    "\tsed -i /^OOMPolicy=/d $(PACKAGE)/usr/lib/systemd/*/hermes-gateway@.service\n"
                )
        build_deb(source, place, BUILDS / "deb")
    with tempfile.TemporaryDirectory() as unpacked:
        roots.run("dpkg-deb", "--extract", str(place / deb_name()), unpacked)
        shutil.copy(Path(unpacked) / "usr/bin/hermes-install", place)
    # For autopkgtest, which wants the source beside the package.
    shutil.copytree(source / "debian", place / "source/debian")
    index = subprocess.run(["apt-ftparchive", "packages", "."], cwd=place, check=True, capture_output=True)
    (place / "Packages").write_bytes(index.stdout)


def build_deb(source: Path, place: Path, target: Path) -> None:
    """Build the Debian package of a source tree and put it into a directory; cargo compiles into `target`."""
    roots.run(
        *("sh", "-c", 'cd "$1" && dpkg-buildpackage -us -uc -b', "build", str(source)),
        env={**os.environ, "CARGO_TARGET_DIR": str(target)},
    )
    for built in source.parent.glob("hermes-*"):
        if built.suffix == ".deb":
            shutil.move(built, place / built.name)
        else:
            built.unlink()


# The .deb of the scenarios is a release's; one program of the two need not take minutes to be made.
HASTY = {"CARGO_PROFILE_RELEASE_LTO": "off", "CARGO_PROFILE_RELEASE_CODEGEN_UNITS": "16", "CARGO_PROFILE_RELEASE_OPT_LEVEL": "0"}


def rpm(place: Path) -> None:
    """A repository as createrepo_c makes them."""
    place.mkdir()
    top = BUILDS / "rpm-top"
    shutil.rmtree(top, ignore_errors=True)
    # Debian's rpm knows no package of Debian's, so it cannot tell that what the build needs is there.
    # The program's own tests are the first of the README's test command; here they cost as much as the package.
    options = ("--nodeps", "--without", "check", f"--load={TREE / 'tests/vm/rpm/macros.systemd'}")
    environment = {**os.environ, "CARGO_TARGET_DIR": str(BUILDS / "rpm"), **HASTY}
    roots.run(str(TREE / "rpm/build"), str(top), *options, env=environment)
    spec = top / "SPECS/hermes-gateway.spec"
    rules = f"--rpmlintrc={TREE / 'rpm/hermes-gateway.rpmlintrc'}"
    roots.run("rpmlint", "--strict", rules, str(spec), *map(str, top.rglob("*.rpm")))
    before = spec.read_text().replace("Release:        1", "Release:        0.before", 1)
    line = "sed -i /^OOMPolicy=/d %{buildroot}%{_unitdir}/*@.service %{buildroot}%{_userunitdir}/*@.service\n"
    spec.write_text(before.replace("\n%check\n", f"{line}\n%check\n", 1))
    # Its units are not those that %check wants; cargo finds everything compiled.
    again = ("--nocheck", f"--define=_topdir {top}", *options)
    roots.run("rpmbuild", "-bb", *again, str(spec), env=environment)
    for built in top.glob("RPMS/*/*.rpm"):
        shutil.move(built, place / built.name)
    roots.run("createrepo_c", "--quiet", str(place))


# Where the guest serves a release, and how the README tells people to use one.
SERVER = "http://127.0.0.1:8017"
URL = f"{SERVER}/pages"
SET_UP = {"deb": "hermes-gateway.sources", "rpm": "hermes-gateway.repo"}


def signed(packages: Path, kind: str, place: Path) -> None:
    """What a release puts on a web server: `first` has the version before, `next` both, `forged` is signed by a stranger;
    and the README's commands."""
    files = sorted(packages.glob(f"*.{kind}"))
    before = [file for file in files if "before" in file.name]
    sign({"first": ("release", before), "next": ("release", files), "forged": ("stranger", files)}, place)
    say_how(kind, place)


def released(releases: list[Path], kind: str, place: Path) -> None:
    """The same of two rehearsals by release/build, of one key: both as they are, and the second one signed by a stranger."""
    for tree, release in zip(("first", "next"), releases, strict=True):
        if URL not in (release / "pages" / SET_UP[kind]).read_text():
            raise RuntimeError(f"{release} is not for {SERVER}: make it by `release/build --rehearsal {SERVER} {release}`")
        shutil.copytree(release / "pages", place / tree)
    sign({"forged": ("stranger", sorted((place / "next").rglob(f"*.{kind}")))}, place)
    say_how(kind, place)


def sign(trees: dict[str, tuple[str, list[Path]]], place: Path) -> None:
    """Make repositories: each of some packages, signed by somebody whose key nobody keeps."""
    with tempfile.TemporaryDirectory(prefix="hermes-install-keys-") as keys:
        environment = {**os.environ, "GNUPGHOME": keys}
        made = ("--batch", "--quiet", "--passphrase", "", "--quick-generate-key")
        try:
            for name in sorted({name for name, _ in trees.values()}):
                roots.run("gpg", *made, f"{name} <{name}@example.org>", "rsa3072", "sign", "never", env=environment)
            for tree, (name, files) in trees.items():
                some = Path(keys) / tree
                some.mkdir()
                for file in files:
                    shutil.copy(file, some)
                words = ("--url", URL, "--key", f"{name}@example.org", str(some), str(place / tree))
                roots.run(str(TREE / "release/repository"), *words, env=environment)
        finally:
            roots.run("gpgconf", "--kill", "gpg-agent", env=environment)


def say_how(kind: str, place: Path) -> None:
    """Leave the README's commands beside the trees, and whose key it is."""
    owner, _, project = address().removeprefix("https://github.com/").partition("/")
    blocks = re.findall(r"^```sh\n(.*?)^```$", (TREE / "README.md").read_text(), re.M | re.S)
    commands = next(block for block in blocks if SET_UP[kind] in block)
    (place / "commands").write_text(commands.replace(f"https://{owner}.github.io/{project}", URL))
    show = ("gpg", "--batch", "--with-colons", "--show-keys", str(place / "first/hermes-gateway.asc"))
    shown = subprocess.run(show, check=True, capture_output=True, text=True).stdout
    (place / "signer").write_text(next(line.split(":")[9] for line in shown.splitlines() if line.startswith("uid:")))


BUILDERS: dict[str, Callable[[Path], None]] = {"deb": deb, "rpm": rpm}
