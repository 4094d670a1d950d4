"""What the modules of nix/ place by NixOS and by Home Manager, and what a switch does with it, on a host that has neither."""

import hashlib
import os
import pwd
import re
import shutil
import subprocess
from pathlib import Path

import gateway
from check import check, contains, equal
from installer import hermes_install, program, shell
from systemd import Unit, systemctl

STORE = Path("/nix/store")
PREFIX = STORE / "00000000000000000000000000000000-hermes-install"
# What nix/home-module.nix adds; tests/nix/run compares it with nix/settings.nix.
MAKE_HOME = '/usr/bin/mkdir --parents "%h/.hermes"'
# Fails a switch (`switch-to-configuration`), and deploy tools go back then.
FAILED = 4


def store(name: str) -> Path:
    """A path in the store that is not there yet."""
    return STORE / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}-{name}"


def render(generation: int, scope: str, settings: str) -> Path:
    """The units of these settings, as the builder of nix/units.nix has them; the directory that they are in."""
    if not PREFIX.exists():
        (PREFIX / "bin").mkdir(parents=True)
        shutil.copy(program(), PREFIX / "bin")
    out = store(f"hermes-gateway-{scope}-units-{generation}")
    config = store(f"hermes-gateway-{scope}-{generation}.toml")
    config.write_text(settings)
    level = systemctl("--version").split()[1]
    words = ("--scope", scope, "--systemd", level, "--prefix", str(PREFIX), "--config", str(config))
    shell(program(), "render", "--layout", "nix", *words, "--output", str(out))
    return out / "lib/systemd" / scope


def settings(profiles: dict[str, str], hermes: str) -> str:
    """A file of settings, from lines for each profile."""
    return "\n".join(f'[profiles.{name}]\nhermes = "{hermes}"\n{lines}' for name, lines in profiles.items())


class Generation:
    """One generation of Home Manager: what it links below ~/.config/systemd/user."""

    def __init__(self, number: int, profiles: dict[str, str], hermes: str = gateway.HERMES) -> None:
        self.rendered = render(number, "user", settings(profiles, hermes))
        self.units = store(f"home-manager-files-{number}") / "systemd/user"
        for file in [path for path in self.rendered.rglob("*") if path.is_file()]:
            place(self.units / file.relative_to(self.rendered), file)
        place(self.units / "default.target.wants/hermes-gateway.target", self.rendered / "hermes-gateway.target")
        for profile in profiles:
            unit = f"hermes-gateway@{profile}.service"
            own = self.units / f"{unit}.d/60-home-manager.conf"
            own.parent.mkdir(parents=True, exist_ok=True)
            own.write_text(f"[Service]\nExecStartPre={MAKE_HOME}\n")
            for target in ("default", "hermes-gateway"):
                place(self.units / f"{target}.target.wants/{unit}", self.rendered / "hermes-gateway@.service")

    def link(self, user: str) -> Path:
        """Take the place of the generation before: links, nothing else; the directory that they are in."""
        account = pwd.getpwnam(user)
        top = Path(account.pw_dir) / ".config/systemd/user"
        shutil.rmtree(top, ignore_errors=True)
        for file in [path for path in self.units.rglob("*") if not path.is_dir()]:
            place(top / file.relative_to(self.units), file)
        for path in [top.parents[1], *top.parents[1].rglob("*")]:
            os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)
        return top


class System:
    """One configuration of a NixOS, as far as the gateways go: its units, links to rendered ones, and what wants them."""

    def __init__(self, number: int, profiles: dict[str, str], manual: tuple[str, ...] = (), hermes: str = gateway.HERMES) -> None:
        self.units = store(f"system-units-{number}")
        self.units.mkdir(parents=True)
        self.directories: list[Path] = []
        if not profiles:
            return
        rendered = render(number, "system", settings(profiles, hermes))
        for file in [path for path in rendered.rglob("*") if path.is_file()]:
            place(self.units / file.relative_to(rendered), file)
        place(self.units / "multi-user.target.wants/hermes-gateway.target", self.units / "hermes-gateway.target")
        root = Path("/var/lib/hermes")
        for profile, lines in profiles.items():
            unit = f"hermes-gateway@{profile}.service"
            trigger = hashlib.sha256(f"{hermes} {lines}".encode()).hexdigest()
            (self.units / f"{unit}.d").mkdir(exist_ok=True)
            (self.units / f"{unit}.d/overrides.conf").write_text(f"[Unit]\nX-Restart-Triggers={trigger}\n")
            for target in () if profile in manual else ("multi-user", "hermes-gateway"):
                place(self.units / f"{target}.target.wants/{unit}", self.units / "hermes-gateway@.service")
            self.directories += [root] if profile == "default" else [root, root / "profiles", root / "profiles" / profile]

    def text(self, unit: str) -> str | None:
        """What a switch compares of a unit, its file and drop-ins; none where it is gone."""
        file = self.units / re.sub("@.*", "@.service", unit)
        drop_ins = sorted((self.units / f"{unit}.d").glob("*.conf"))
        is_there = drop_ins if "@" in unit else file.exists()
        return "".join(f.read_text() for f in [file, *drop_ins]) if is_there else None

    def place(self) -> None:
        """Become what /etc has, directories included."""
        etc = Path("/etc/systemd/system")
        for path in sorted(etc.rglob("*"), reverse=True):
            if path.is_symlink() and str(path.readlink()).startswith(str(STORE)):
                path.unlink()
        for file in [path for path in self.units.rglob("*") if not path.is_dir()]:
            place(etc / file.relative_to(self.units), file)
        lines = "".join(f"d {directory} 0700 hermes hermes -\n" for directory in self.directories)
        Path("/run/tmpfiles.d").mkdir(exist_ok=True)
        Path("/run/tmpfiles.d/hermes-gateway.conf").write_text(lines)
        shell("systemd-tmpfiles", "--create", "/run/tmpfiles.d/hermes-gateway.conf")


def declines(by: str, user: str = "root") -> None:
    """What is declared is changed where it is declared: each verb says so, names the option and the switch, and writes nothing."""
    profile = ("--profile", "default")
    for command in (("plan", *profile), profile, ("adopt", *profile), ("upgrade",), ("shield",), ("guard",)):
        declined = hermes_install(*command, user=user)
        equal(f"`{' '.join(command)}` ends with", declined.code, 3)
        contains("the way out", declined.err, "`services.hermes-gateway.hermesPackage`", f"`{by}`")
        check("nobody is sent into the store", "--force" not in declined.err, declined.err)


def switch(old: System | None, new: System) -> int:
    """What NixOS does to units (its manual, "What happens during a system switch"), for those of gateways; its status.

    Units that are gone or changed are stopped, then the new ones are there, then everything that active targets want and
    what was stopped is started. A job that fails and a unit that is failed at the end fail the switch.
    """
    running = _names("--state=active", "hermes-gateway*")
    changed = [unit for unit in running if old and new.text(unit) != old.text(unit)]
    if changed:
        systemctl("stop", *changed)
    new.place()
    systemctl("daemon-reload")
    targets = [t for t in _names("--type=target", "--state=active") if not _refuses(t)]
    again = [unit for unit in changed if new.text(unit) is not None]
    started = subprocess.run(["systemctl", "start", *targets, *again], capture_output=True, text=True)
    print(f"switch: stopped {changed}, started {[*targets, *again]}: {started.returncode} {started.stderr}", flush=True)
    failed = _names("--state=failed", "hermes-gateway*")
    trying = [unit for unit in _names("--state=activating", "hermes-gateway@*") if Unit(unit).show()["ExecMainStatus"] != "0"]
    return FAILED if started.returncode != 0 or failed or trying else 0


def _names(*words: str) -> list[str]:
    lines = systemctl("list-units", "--plain", "--no-legend", *words).splitlines()
    return [line.split()[0] for line in lines]


def _refuses(target: str) -> bool:
    return systemctl("show", "--property=RefuseManualStart", "--value", target) == "yes"


def place(name: Path, target: Path) -> None:
    """A link, and the directories above it."""
    name.parent.mkdir(parents=True, exist_ok=True)
    name.symlink_to(target)
