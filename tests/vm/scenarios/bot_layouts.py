"""A bot whose library is not installed, for every way in which hermes is: it gets the library by itself, or status says what helps, and
that does. Played by hand, with `--hermes VERSION`; `X.Y.Z-store` plays the installation of install.sh."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import wait
from bot import answered, configure, install_into
from check import check, contains, equal, measured
from gateway import VERSION, Profile, at_least, fresh_account, own
from index import Index
from installer import hermes_install, status
from model import Echo
from store import Store
from systemd import BASE, Unit, systemctl
from telegram import BotAPI

HERMES: list[str] = []
INDEX = True
SECONDS = 600

ROOT = Path("/var/lib/hermes")
# From 0.18 to 0.21 hermes installs a library when it first needs it, wherever its own environment is.
LAZY = at_least(0, 18) and not at_least(0, 22)


def run() -> None:
    fresh_account()
    bot, model, index = BotAPI(), Echo(), Index()
    layouts: dict[str, Callable[[], Path]] = {
        "of root without pip": lambda: without_pip(environment(Path("/opt/uv"), "root")),
        "of Nix": lambda: sealed("mute"),
        "of Nix with the library": lambda: sealed("speaks", "python-telegram-bot[webhooks]"),
        "of the account without pip": lambda: without_pip(environment(ROOT / "uv", "hermes")),
        "of the account": lambda: environment(ROOT / "venv", "hermes"),
        "of root": lambda: environment(Path("/opt/own"), "root"),
    }
    if VERSION.endswith("-store"):
        layouts = {"of the installer": lambda: Store("hermes", str(ROOT)).place().hermes}
    for name, place in layouts.items():
        play(name, place(), bot, model, index)


def play(name: str, hermes: Path, bot: BotAPI, model: Echo, index: Index) -> None:
    """A bot that has everything but the library."""
    default = Profile("default")
    configure(default, bot, model, installs=True)
    shutil.rmtree(ROOT / "lazy-packages", ignore_errors=True)
    fetched = len(index.fetched)
    done = hermes_install("--profile", "default", "--hermes", str(hermes), "--no-start", "--yes")
    equal(f"{name}: install ends with", done.code, 0)
    path = as_on_nixos(default) if "Nix" in name else None
    Unit(default.unit).systemctl("start")
    pid = default.until_up(seconds=600)
    if path:
        contains(f"{name}: PATH of the gateway", Path(f"/proc/{pid}/environ").read_text(), path)
    state = wait.until(f"{name}: an end of its start", lambda: settled(default), 600)
    measured(f"{name}: at first", (state, len(index.fetched) - fetched))
    is_built = "Nix" in name
    if LAZY and name not in ("of root without pip", "of Nix"):
        equal(f"{name}: it gets the library by itself", state, "connected")
    if state == "connected":
        answered(bot, name.replace(" ", ""), 120)
        equal(f"{name}: status ends with", hermes_install("status").code, 0)
        equal(f"{name}: doctor has about its platform", no_platform(), [])
    elif is_built:
        told = told_by_all(name, default)
        contains(
            f"{name}: what helps",
            told,
            '`hermesPackage = hermes.override { extraDependencyGroups = [ "',
        )
        check(f"{name}: nothing is to be installed", "pip" not in told, told)
    else:
        told = told_by_all(name, default)
        commands = [command for command in re.findall(r"`([^`]+)`", told) if "logs" not in command]
        for command in commands:
            code = typed(command)
            if " pm install " in command:
                measured(f"{name}: `{command}` without a network ends with", code)
                select_another(name)
            else:
                equal(f"{name}: `{command}` ends with", code, 0)
        answered(bot, name.replace(" ", ""), 120)
        equal(f"{name}: status after it ends with", hermes_install("status").code, 0)
        equal(f"{name}: doctor has about its platform", no_platform(), [])
    equal(f"{name}: uninstall ends with", hermes_install("uninstall", "--yes").code, 0)
    shutil.rmtree(f"/run/systemd/system/{default.unit}.d", ignore_errors=True)


def settled(default: Profile) -> str | None:
    """The state of its platform, once that does not change by itself."""
    platforms = status(default)["platforms"]
    state = platforms[0]["state"] if platforms else "connecting"
    return state if state not in ("connecting", "starting", "retrying", "pending") else None


def told_by_all(name: str, default: Profile) -> str:
    """What status says that helps a mute bot; doctor says the same."""
    shown = hermes_install("status", "--long")
    equal(f"{name}: status of a mute bot ends with", shown.code, 1)
    contains(
        f"{name}: status",
        shown.out,
        "default: degraded",
        "hermes-install restart default",
    )
    hint, finding = str(status(default)["hint"]), no_platform()
    equal(f"{name}: findings of doctor about it", len(finding), 1)
    check(
        f"{name}: doctor says the same",
        finding[0].partition(", then ")[0].strip("`") in hint or " pm install " in finding[0],
        (finding, hint),
    )
    return hint


def no_platform() -> list[str]:
    """What doctor says to do about platforms that do not work."""
    findings = json.loads(hermes_install("doctor", "--json").out)["findings"]
    return [finding["hint"] for finding in findings if finding["rule"] == "no-platform"]


def typed(command: str) -> int:
    """As root types it."""
    done = subprocess.run(
        ["sh", "-c", command],
        capture_output=True,
        text=True,
        env={**os.environ, **BASE},
        stdin=subprocess.DEVNULL,
    )
    print(f"# {command}\nexit {done.returncode}\n{done.stdout}{done.stderr}", flush=True)
    return done.returncode


def environment(place: Path, user: str) -> Path:
    """The virtual environment of the gateway under test at another place, of this account; its hermes."""
    origin = f"/opt/hermes/{VERSION}"
    layers = Path("/run/vmcheck-layouts") / place.name
    for directory in (layers / "upper", layers / "work", place):
        directory.mkdir(parents=True, exist_ok=True)
    options = f"lowerdir={origin},upperdir={layers}/upper,workdir={layers}/work"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, place], check=True)
    for script in (place / "bin").iterdir():
        if script.is_file() and not script.is_symlink() and f"#!{origin}/".encode() in script.read_bytes()[:200]:
            script.write_text(script.read_text().replace(f"{origin}/", f"{place}/"))
    if user != "root":
        own(place, user)
    return place / "bin/hermes"


def without_pip(hermes: Path) -> Path:
    """As uv makes environments."""
    prefix = hermes.parents[1]
    for path in [
        *prefix.glob("lib/python*/site-packages/pip*"),
        *prefix.glob("bin/pip*"),
    ]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return hermes


def sealed(name: str, *libraries: str) -> Path:
    """The two packages of upstream's nix/hermes-agent.nix: an environment without pip, and what makeWrapper makes of its program."""
    hermes = environment(Path(f"/nix/store/0000-{name}-env"), "root")
    if libraries:
        origin = f"/opt/hermes/{VERSION}"
        pip = (
            f"{hermes.parent}/pip",
            "install",
            "--quiet",
            "--no-index",
            f"--find-links={origin}/wheels",
        )
        subprocess.run([*pip, *libraries], check=True)
    without_pip(hermes)
    subprocess.run(["mount", "-o", "remount,bind,ro", hermes.parents[1]], check=True)
    wrapper = Path(f"/nix/store/1111-{name}/bin/hermes")
    wrapper.parent.mkdir(parents=True)
    wrapper.write_text(f'#! /bin/sh -e\nexport HERMES_PYTHON=\'{hermes.parent}/python3\'\nexec "{hermes}"  "$@"\n')
    wrapper.chmod(0o755)
    return wrapper


def as_on_nixos(default: Profile) -> str:
    """Give the unit what NixOS's drop-in gives it (nix/module.nix): a PATH without pip or uv; that."""
    path = "/nix/store/2222-git/bin:/run/current-system/sw/bin"
    Path("/run/current-system").mkdir(exist_ok=True)
    Path("/run/current-system/sw").unlink(missing_ok=True)
    Path("/run/current-system/sw").symlink_to("/usr")
    drop_in = Path(f"/run/systemd/system/{default.unit}.d/60-nixos.conf")
    drop_in.parent.mkdir(parents=True, exist_ok=True)
    drop_in.write_text(f"[Service]\nEnvironment=PATH={path}\n")
    systemctl("daemon-reload")
    return path


def select_another(name: str) -> None:
    """What hermes' package manager leaves once it has fetched everything: an environment more, which the record of the installation
    selects (`sync_venv` and `record_state` of pm); it fetches uv and Python from elsewhere, which no guest can."""
    store = Store("hermes", str(ROOT))
    before, after = store.environment, store.state / "environments/2"
    subprocess.run(["cp", "--archive", before, after], check=True)
    install_into(after)
    facts = store.state / "facts.json"
    record = json.loads(facts.read_text())
    record["packages"]["venv"].update(environment=str(after), extras=["telegram"])
    facts.write_text(json.dumps(record))
    own(store.state, "hermes")
    equal(f"{name}: restart ends with", hermes_install("restart", "default").code, 0)
