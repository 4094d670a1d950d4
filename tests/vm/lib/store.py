"""What upstream's install.sh places since 0.22, beside a virtual environment of the same version: a checkout without one,
a Python in a store, and an environment that holds only dependencies. The guest puts them where install.sh does
(`guest/store.py`).

For scenarios that need no more than its command line, `bin/hermes` becomes a launcher as install.sh publishes it, minted
by upstream's own code: `python3 -I -c "<source>" …`.
"""

import shutil
from pathlib import Path

from . import roots

# Of the names of such environments.
SUFFIX = "-store"

# Runs in the guest's root with the Python of the virtual environment; its second argument is where the code of hermes is.
MINT = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from hermes_cli._launchers import mint_launcher
home, code = map(Path, sys.argv[1:])
if not mint_launcher("hermes", code, home / "bin", home / "bin/python3", None):
    raise SystemExit("no launcher was minted")
"""


def add(root: Path, home: Path, python: str) -> None:
    """Add it to the virtual environment at `home` of a root; `python` is the version of the root's."""
    place = root / home.relative_to("/")
    site = place / f"lib/python{python}/site-packages"
    info = next(site.glob("hermes_agent-*.dist-info"))
    paths = [Path(line.rsplit(",", 2)[0]) for line in (info / "RECORD").read_text().splitlines()]
    checkout, dependencies = place / "checkout", place / "dependencies"
    # With what is compiled: root's checkout is nothing that a gateway could write to, and it would compile hermes at each start.
    ours = [p for p in paths if p.parts[0] not in (info.name, "..")]
    for path in ours:
        (checkout / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(site / path, checkout / path)
    tops = {p.parts[0] for p in ours} | {info.name}
    shutil.copytree(
        site,
        dependencies / site.relative_to(place),
        symlinks=True,
        ignore=lambda directory, names: [n for n in names if Path(directory) == site and n in tops],
    )
    _python(root, place / f"tools/python-{python}-x86_64", python)
    _mint(root, home, home / site.relative_to(place))


def _python(root: Path, place: Path, python: str) -> None:
    """The root's Python with its library at a place of its own, as the archive that upstream's store unpacks."""
    (place / "bin").mkdir(parents=True)
    shutil.copy(root / f"usr/bin/python{python}", place / f"bin/python{python}")
    (place / "bin/python3").symlink_to(f"python{python}")
    shutil.copytree(root / f"usr/lib/python{python}", place / f"lib/python{python}", symlinks=True)


def _mint(root: Path, home: Path, code: Path) -> None:
    """Let upstream's code write `bin/hermes`, in a container without a network."""
    launcher = root / home.relative_to("/") / "bin/hermes"
    launcher.unlink()
    roots.run(
        *("systemd-nspawn", "--quiet", f"--directory={root}", "--register=no", "--keep-unit", "--private-network"),
        *("--resolv-conf=off", "--timezone=off", "--pipe", "--setenv=HERMES_HOME=/tmp/hermes"),
        *(str(home / "bin/python3"), "-c", MINT, str(home), str(code)),
    )
    if not launcher.exists():
        raise RuntimeError(f"upstream's code left no {launcher}")
