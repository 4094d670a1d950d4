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


class Dnf(Manager):
    """dnf and rpm; on Debian, with a seed package that stands for what an rpm distribution has."""

    REPOSITORY = Path("/vmcheck/packages/rpm")
    SEED = Path(__file__).parent / "seed"
    LIBRARIES = Path("/usr/lib/x86_64-linux-gnu")

    @property
    def versions(self) -> Versions:
        packages = sorted(map(str, self.REPOSITORY.glob(f"{NAME}-*.rpm")))
        found = self.run("rpm", "-qp", "--qf", "%{VERSION}-%{RELEASE}\n", *packages).out.split()
        before, new = sorted(found, key=lambda version: "before" not in version)
        return Versions(before, new)

    def set_up(self) -> None:
        Path("/etc/yum.repos.d").mkdir(exist_ok=True)
        repository = f"[hermes]\nname=hermes\nbaseurl=file://{self.REPOSITORY}\ngpgcheck=0\n"
        Path("/etc/yum.repos.d/hermes.repo").write_text(repository)
        # Where dnf keeps it; Debian's rpm has another place, in the home of whoever calls it.
        Path("/etc/rpm").mkdir(exist_ok=True)
        Path("/etc/rpm/macros").write_text("%_dbpath /var/lib/rpm\n")
        self._seed()

    def _seed(self) -> None:
        """Declare what is there: systemd, the shell, the versions of glibc's symbols; bring what is not."""
        print("a seed package stands for the distribution: this shows scriptlets, files and transactions, not Fedora")
        names = ("libc.so.6", "libgcc_s.so.1", "libm.so.6", "ld-linux-x86-64.so.2")
        libraries = [self.LIBRARIES / name for name in names]
        elfdeps = ("/usr/lib/rpm/elfdeps", "--provides")
        provided = subprocess.run([*elfdeps, *libraries], check=True, capture_output=True, text=True).stdout
        spec = Path("/tmp/seed.spec")
        lines = [f"Provides: {name}" for name in sorted({"rtld(GNU_HASH)", *provided.splitlines()})]
        spec.write_text((self.SEED / "seed.spec").read_text().replace("%{provided}", "\n".join(lines)))
        systemd = re.search(r"systemd (\d+)", self.run("systemctl", "--version").out)
        define = (f"systemd_version {systemd[1]}", f"helper {self.SEED}/systemd-update-helper", "_topdir /tmp/seed")
        self.run("rpmbuild", "-bb", "--quiet", *(f"--define={d}" for d in define), str(spec))
        self.run("rpm", "--install", *map(str, Path("/tmp/seed/RPMS").rglob("*.rpm")))

    def dnf(self, *args: str, check: bool = True) -> Run:
        """dnf, which asks nothing."""
        return self.run("dnf", "-y", "--releasever=1", "--setopt=plugins=0", *args, check=check)

    def install(self, version: str, *, check: bool = True) -> Run:
        now = self.installed()
        verb = "install" if now is None else "upgrade" if version == self.versions.new else "downgrade"
        return self.dnf(verb, f"{NAME}-{version}", check=check)

    def remove(self) -> Run:
        return self.dnf("remove", NAME)

    def purge(self) -> Run:
        return self.remove()

    def installed(self) -> str | None:
        done = self.run("rpm", "-q", "--qf", "%{VERSION}-%{RELEASE}", NAME, check=False)
        return done.out if done.code == 0 else None

    def files(self) -> list[str]:
        listed = self.run("rpm", "-ql", NAME).out.splitlines()
        return sorted(path for path in listed if not Path(path).is_dir() or Path(path).is_symlink())
