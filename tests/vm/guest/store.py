"""The installation that upstream's install.sh makes since 0.22: a checkout without a virtual environment, a Python in a store
and an environment of dependencies that the data root's facts select; hermes' own code publishes the launchers.

The environment `X.Y.Z-store` brings the parts (`lib/store.py` on the host).
"""

import hashlib
import json
import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path

from gateway import VERSION
from systemd import as_user

PARTS = Path("/opt/hermes") / VERSION

# The repository that an update pulls from.
UPSTREAM = Path("/srv/upstream.git")

# What install.sh runs at its end, as the installation's owner: the checkout's launchers, then those on PATH.
PUBLISH = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from hermes_cli._launchers import ensure_install_launchers
print(ensure_install_launchers(Path(sys.argv[1]), Path(sys.argv[2])))
"""


# What it does with a checkout of git's.
STAMP = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from hermes_cli.source_stamp import write_source_stamp
print(write_source_stamp(Path(sys.argv[1])))
"""


# The console script of an installation that was made before 0.22, and what 0.22 makes of a start of it: it executes itself
# anew with the store's Python, by upstream's own code.
SCRIPT = """#!{python}
import os, sys
sys.path.insert(0, {checkout!r})
if not sys.flags.isolated:
    from pathlib import Path
    from hermes_cli.venv_sync import relaunch_command
    os.execv({python!r}, relaunch_command(Path({python!r}), Path({checkout!r}), sys.argv, sys.orig_argv, None))
import hermes_bootstrap
from hermes_cli.main import main
sys.exit(main())
"""


@dataclass
class Store:
    """An installation of an account; root's checkout is not below its data root."""

    user: str = "root"
    # HERMES_HOME for install.sh, where it was given.
    data: str = ""

    @property
    def home(self) -> Path:
        """The account's home directory."""
        return Path(pwd.getpwnam(self.user).pw_dir)

    @property
    def root(self) -> Path:
        """The data root."""
        return Path(self.data or self.home / ".hermes")

    @property
    def checkout(self) -> Path:
        return Path("/usr/local/lib/hermes-agent") if self.user == "root" else self.root / "hermes-agent"

    @property
    def path(self) -> Path:
        """Where a shell finds the program."""
        return Path("/usr/local/bin") if self.user == "root" else self.home / ".local/bin"

    @property
    def python(self) -> Path:
        """The Python in the store."""
        return next((self.root / "tools").glob("python-*")) / "bin/python3"

    @property
    def state(self) -> Path:
        """What hermes keeps of this installation."""
        return self.root / "installs" / hashlib.sha256(str(self.checkout).encode()).hexdigest()[:16]

    @property
    def environment(self) -> Path:
        """The environment of its dependencies, which has a Python that knows them."""
        return self.state / "environments/1"

    @property
    def launcher(self) -> Path:
        """The checkout's own launcher, which that on PATH executes."""
        return self.checkout / ".hermes/bin/hermes"

    @property
    def hermes(self) -> Path:
        """The launcher on PATH."""
        return self.path / "hermes"

    def place(self) -> "Store":
        """Put everything where install.sh puts it; as root, or as the account itself."""
        state, environment = self.state, self.environment
        self._copy(PARTS / "tools", self.root / "tools")
        self._copy(PARTS / "checkout", self.checkout)
        self._copy(PARTS / "dependencies", environment)
        self._environment(environment)
        self._record(self.root / "tools/facts.json", "python", {"entry": self.python.parents[1].name})
        self._record(state / "facts.json", "venv", {"environment": str(environment), "extras": [], "stamp": "of the harness"})
        owned = [self.checkout] if self.user == "root" else [self.root]
        subprocess.run(["chown", "--recursive", f"{self.user}:", *owned], check=True)
        command = [str(self.python), "-I", "-c", PUBLISH, str(self.checkout), str(self.path)]
        variables = {"HERMES_HOME": self.data} if self.data else {}
        if os.geteuid() == 0:
            done = as_user(self.user, *command, env=variables)
        else:
            done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **variables})
        print(done.stdout, done.stderr, flush=True)
        if not self.hermes.exists():
            raise RuntimeError(f"upstream's code left no {self.hermes}")
        return self

    def in_place(self) -> Path:
        """The program of an older installation that was updated in place."""
        hermes = self.checkout / "venv/bin/hermes"
        hermes.parent.mkdir(parents=True)
        hermes.write_text(SCRIPT.format(python=str(self.python), checkout=str(self.checkout)))
        hermes.chmod(0o755)
        return hermes

    def repository(self) -> None:
        """Make the checkout one of git, with the tag of its version and a remote that is on this host."""
        number = VERSION.split("-")[0]
        (self.checkout / ".gitignore").write_text("__pycache__/\n.hermes/\ninstall-stamp.json\nvenv/\n")
        # The wheel leaves it out, and hermes wants one.
        project = f'[project]\nname = "hermes-agent"\nversion = "{number}"\nrequires-python = ">=3.11"\n'
        (self.checkout / "pyproject.toml").write_text(project)
        UPSTREAM.mkdir()
        subprocess.run(["chown", "--recursive", f"{self.user}:", self.checkout, UPSTREAM], check=True)
        self.git("init", "--initial-branch=main")
        self.git("add", "--all")
        self.git("commit", "--message=the release")
        self.git("tag", f"v{number}")
        self.git("init", "--bare", "--initial-branch=main", directory=UPSTREAM)
        self.git("remote", "add", "origin", f"file://{UPSTREAM}")
        self.git("push", "origin", "main", "--tags")

    def stamp(self) -> None:
        """Write down which commit this is, by upstream's own code."""
        done = as_user(self.user, str(self.environment / "bin/python3"), "-c", STAMP, str(self.checkout), env={"HERMES_HOME": str(self.root)})
        print(done.stdout, done.stderr, flush=True)

    def publish(self) -> str:
        """Let upstream have one commit more; its name."""
        work = self.root.parent / "work"
        if not work.exists():
            self.git("clone", f"file://{UPSTREAM}", str(work), directory=self.root.parent)
        module = work / "hermes_cli/__init__.py"
        module.write_text(module.read_text() + "\n# One line more.\n")
        self.git("commit", "--all", "--message=a change", directory=work)
        self.git("push", "origin", "main", directory=work)
        return self.git("rev-parse", "HEAD", directory=work).strip()

    def git(self, *args: str, directory: Path | None = None) -> str:
        """What git says, run by the installation's owner."""
        person = ("-c", "user.name=upstream", "-c", "user.email=upstream@example.org")
        done = as_user(self.user, "git", "-C", str(directory or self.checkout), *person, *args)
        if done.returncode != 0:
            raise RuntimeError(f"git {' '.join(args)} failed: {done.stderr}")
        return done.stdout

    def _environment(self, place: Path) -> None:
        """What makes a directory of packages an environment of the store's Python."""
        (place / "bin").mkdir()
        (place / "bin/python3").symlink_to(self.python)
        (place / "bin/python").symlink_to("python3")
        version = self.python.resolve().name.removeprefix("python")
        text = f"home = {self.python.parent}\ninclude-system-site-packages = false\nversion = {version}.0\n"
        (place / "pyvenv.cfg").write_text(text)

    @staticmethod
    def _copy(source: Path, place: Path) -> None:
        place.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "--recursive", "--no-dereference", "--preserve=mode,timestamps,links", source, place], check=True)

    @staticmethod
    def _record(path: Path, name: str, fact: dict) -> None:
        """What is installed, in the form that hermes keeps it in."""
        path.write_text(json.dumps({"schema": 1, "packages": {name: fact}}))
