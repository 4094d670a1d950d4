"""Package managers: the verbs of each, and what it knows. What has to hold after a verb is in lifecycle.py."""

import os
import re
import shutil
import subprocess
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from check import measured
from installer import Run, shell

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


class Rpm(Manager):
    """What dnf and zypper have in common."""

    REPOSITORY = Path("/vmcheck/packages/rpm")
    # Where the manager reads what repositories there are.
    REPOSITORIES: Path

    @property
    def versions(self) -> Versions:
        packages = sorted(map(str, self.REPOSITORY.glob(f"{NAME}-*.rpm")))
        found = self.run("rpm", "-qp", "--qf", "%{VERSION}-%{RELEASE}\n", *packages).out.split()
        before, new = sorted(found, key=lambda version: "before" not in version)
        return Versions(before, new)

    def stand_in(self) -> None:
        """Be an rpm distribution, if only by a seed package, and say which."""
        if self.run("rpm", "-q", "--whatprovides", "systemd", check=False).code != 0:
            print("a seed package stands for the distribution: this shows scriptlets, files and transactions, not Fedora")
            self.run(str(Path(__file__).parent / "seed/install"))
        release = Path("/etc/os-release").read_text()
        system = next(iter(re.findall(r'^PRETTY_NAME="?([^"\n]*)', release, re.M)))
        selinux = shell("getenforce").strip() if shutil.which("getenforce") else "absent"
        by = shell("rpm", "-q", "--whatprovides", "systemd").strip()
        measured("system", f"{system}, Linux {os.uname().release}, systemd of {by}, SELinux {selinux}")

    def set_up(self) -> None:
        self.stand_in()
        # Nobody has signed packages of tests, and rpm 6 may insist (Fedora's from 6.0.1-5 on).
        Path("/etc/rpm").mkdir(exist_ok=True)
        Path("/etc/rpm/macros.vmcheck").write_text("%_pkgverify_level digest\n")
        self.REPOSITORIES.mkdir(parents=True, exist_ok=True)
        repository = f"[hermes]\nname=hermes\nbaseurl=file://{self.REPOSITORY}\ngpgcheck=0\n"
        (self.REPOSITORIES / "hermes.repo").write_text(repository)

    def purge(self) -> Run:
        return self.remove()

    def installed(self) -> str | None:
        done = self.run("rpm", "-q", "--qf", "%{VERSION}-%{RELEASE}", NAME, check=False)
        return done.out if done.code == 0 else None

    def files(self) -> list[str]:
        # Without documentation, where a distribution's images leave that out (openSUSE's).
        listed = self.run("rpm", "-q", "--qf", "[%{FILESTATES:fstate}\t%{FILENAMES}\n]", NAME).out.splitlines()
        paths = [path for state, path in (line.split("\t") for line in listed) if state == "normal"]
        return sorted(path for path in paths if not Path(path).is_dir() or Path(path).is_symlink())


class Dnf(Rpm):
    """dnf 4 or 5."""

    REPOSITORIES = Path("/etc/yum.repos.d")
    # There is no network, so the distribution's own repositories are left alone.
    OPTIONS = ("-y", "--repo=hermes", "--releasever=1", "--setopt=plugins=0")

    def dnf(self, *args: str, check: bool = True) -> Run:
        """dnf, which asks nothing."""
        return self.run("dnf", *self.OPTIONS, *args, check=check)

    def install(self, version: str, *, check: bool = True) -> Run:
        now = self.installed()
        verb = "install" if now is None else "upgrade" if version == self.versions.new else "downgrade"
        return self.dnf(verb, f"{NAME}-{version}", check=check)

    def remove(self) -> Run:
        return self.dnf("remove", NAME)


class Zypper(Rpm):
    """zypper, which openSUSE has."""

    # Not where the distribution's own are, which would need a network.
    REPOSITORIES = Path("/etc/vmcheck-repositories")

    def zypper(self, *args: str) -> Run:
        """zypper, which asks nothing."""
        # A service of the distribution would bring its repositories back.
        options = ("--non-interactive", "--no-gpg-checks", "--no-refresh", f"--reposd-dir={self.REPOSITORIES}")
        return self.run("zypper", *options, *args)

    def install(self, version: str) -> Run:
        return self.zypper("install", "--oldpackage", "--no-recommends", f"{NAME}={version}")

    def remove(self) -> Run:
        return self.zypper("remove", NAME)


def rpm_manager() -> Rpm:
    """The one that the distribution has."""
    return Dnf() if shutil.which("dnf") else Zypper()
