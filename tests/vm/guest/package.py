"""Package managers: the verbs of each, and what it knows. What has to hold after a verb is in lifecycle.py."""

import os
import re
import subprocess
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from installer import Run

NAME = "hermes-gateway"


@dataclass(frozen=True)
class Versions:
    """The two versions of the repository, as the package manager writes them."""

    before: str
    new: str


class Manager(ABC):
    """A package manager with the repository of this run."""

    @property
    @abstractmethod
    def versions(self) -> Versions:
        """What the repository has."""

    @abstractmethod
    def set_up(self) -> None:
        """Know the repository and nothing else."""

    @abstractmethod
    def install(self, version: str) -> Run:
        """This version, whatever is installed: a first installation, an upgrade or a downgrade."""

    @abstractmethod
    def remove(self) -> Run:
        """Leave configuration."""

    @abstractmethod
    def purge(self) -> Run:
        """Leave nothing of the package's. A manager that has no such verb removes."""

    @abstractmethod
    def installed(self) -> str | None:
        """The version that is installed and configured."""

    @abstractmethod
    def files(self) -> list[str]:
        """The files of the installed package, without directories."""

    def run(self, *command: str, check: bool = True, env: dict[str, str] | None = None) -> Run:
        """Run one of the manager's programs and show it."""
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **(env or {})})
        run = Run(done.returncode, done.stdout, done.stderr)
        print(f"$ {' '.join(command)}\n{run.text}", flush=True)
        if check and run.code != 0:
            raise RuntimeError(f"{' '.join(command)} failed: {run.text}")
        return run


class Apt(Manager):
    """apt and dpkg."""

    REPOSITORY = Path("/vmcheck/packages/deb")
    # There is no network, so the account that downloads has nothing to protect from.
    OPTIONS = ("-y", "-q", "-o", "APT::Sandbox::User=root")

    @property
    def versions(self) -> Versions:
        found = re.findall(rf"^Package: {NAME}\n(?:.+\n)*?Version: (\S+)", (self.REPOSITORY / "Packages").read_text(), re.M)
        before, new = sorted(found, key=lambda version: "~" not in version)
        return Versions(before, new)

    def set_up(self) -> None:
        Path("/etc/apt/sources.list").write_text(f"deb [trusted=yes] file:{self.REPOSITORY} ./\n")
        self.apt("update")

    def apt(self, *args: str) -> Run:
        """apt-get, which asks nothing."""
        return self.run("apt-get", *self.OPTIONS, *args, env={"DEBIAN_FRONTEND": "noninteractive"})

    def file(self, version: str) -> Path:
        """The package itself."""
        return next(self.REPOSITORY.glob(f"{NAME}_{version}_*.deb"))

    def install(self, version: str) -> Run:
        return self.apt("install", "--allow-downgrades", f"{NAME}={version}")

    def remove(self) -> Run:
        return self.apt("remove", NAME)

    def purge(self) -> Run:
        return self.apt("purge", NAME)

    def installed(self) -> str | None:
        done = self.run("dpkg-query", "-W", "-f=${db:Status-Status} ${Version}", NAME, check=False)
        status, _, version = done.out.partition(" ")
        return version if done.code == 0 and status == "installed" else None

    def files(self) -> list[str]:
        listed = self.run("dpkg", "-L", NAME).out.splitlines()
        return sorted(path for path in listed if not Path(path).is_dir() or Path(path).is_symlink())
