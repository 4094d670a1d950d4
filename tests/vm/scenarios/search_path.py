"""A gateway finds the programs that it found under hermes' own unit: an MCP server of `uv tool install`, the node that hermes'
installer placed, one of nvm. One that is new finds all but the last, and adopt names what only a terminal had. Nobody else's directory is on its path."""

import os
import pwd
import shutil
import subprocess
from pathlib import Path

import gateway
import wait
from check import check, contains, equal
from gateway import Profile, fresh_account
from installer import hermes_install
from systemd import Unit, as_user, systemctl

HERMES = ["0.22.2", "0.19.0"]
SECONDS = 120

HOME = Path("/home/alice")
NVM = HOME / ".nvm/versions/node/v22.1.0/bin"
PLACES = [HOME / place for place in (".local/bin", ".cargo/bin", "go/bin", ".npm-global/bin", ".hermes/node/bin")]


def run() -> None:
    default = Profile("default", "alice", str(HOME / ".hermes")).make()
    for place in (*PLACES, NVM):
        program(place / f"from-{place.parent.name}")
    program(NVM / "node")
    old = upstream_unit()
    before = found(default.until_up())
    check("hermes' own unit has the account's programs", all(before[name(place)] for place in PLACES), before)

    planned = hermes_install("plan", "--profile", "default", "--migrate", user="alice")
    if before[name(NVM)]:
        contains("the plan", planned.out, f"carry     Environment=PATH={NVM}:")
    else:
        check("the plan carries no path that the launcher has anyway", "PATH=" not in planned.out, planned.out)
    pid = old.pid
    equal("migration ends with", hermes_install("--profile", "default", "--migrate", user="alice").code, 0)
    pid = default.until_up(after=pid)
    equal("the gateway finds what it found", found(pid), before)
    equal("it finds hermes", shutil.which("hermes", path=path_of(pid)), gateway.HERMES)

    by_hand(Profile("coder", "alice", str(default.root)))
    new(Profile("default"))


def new(default: Profile) -> None:
    """A new gateway of the system, whose account has a directory of its own and one that everybody may write."""
    fresh_account()
    default.make()
    home = Path(pwd.getpwnam(default.user).pw_dir)
    own, opened = home / ".local/bin/own-mcp", home / "go/bin/other-mcp"
    for place in (own, opened):
        program(place, default.user)
    opened.parent.chmod(0o777)
    proxy = {"https_proxy": "http://127.0.0.1:9"}
    done = hermes_install("--profile", "default", "--hermes", gateway.HERMES, env=proxy)
    equal("install ends with", done.code, 0)
    # A shell's proxy is one more thing that no unit has.
    contains("what it says of a proxy", done.out, "this shell has HTTPS_PROXY", f"{default.home}/.env", "hermes-install restart default")
    path = path_of(default.until_up())
    equal("the account's program", shutil.which(own.name, path=path), str(own))
    equal("the program that anybody may have placed", shutil.which(opened.name, path=path), None)
    asked = hermes_install("run", "default", "--", "config", "path")
    contains("hermes typed for that profile", asked.text, f"--setenv=PATH={path} ", f"{default.home}/config.yaml")


def by_hand(coder: Profile) -> None:
    """One of a terminal, which had more on its PATH than any unit: adopt names that."""
    coder.make()
    path = f"/opt/tools/bin:{Path(gateway.HERMES).parent}:{HOME}/.local/bin:/usr/local/bin:/usr/bin:/bin:/usr/games"
    hand = coder.by_hand("-p", "coder", "gateway", "run", env={"PATH": path})
    check("a gateway of a terminal comes up", hand.until_up(), hand.said())
    done = hermes_install("adopt", "--profile", "coder", "--yes", user="alice")
    equal("adopt ends with", done.code, 0)
    contains("what it says", done.err, "looked for programs in /opt/tools/bin, and the new unit does not")
    value = "/opt/tools/bin:/usr/local/bin:/usr/bin:/bin:/usr/games:/usr/local/sbin:/usr/sbin:/sbin"
    contains("the way to have it, with all that the system has", done.err, f'environment = {{ PATH = "{value}" }}')


def upstream_unit() -> Unit:
    subprocess.run(["loginctl", "enable-linger", "alice"], check=True)
    wait.until("alice's manager", lambda: systemctl("is-system-running", user="alice", check=False))
    # As nvm has it in ~/.bashrc.
    env = {"PATH": f"{NVM}:/usr/local/bin:/usr/bin:/bin"}
    done = as_user("alice", gateway.HERMES, "-p", "default", "gateway", "install", env=env, answers="n\nn\n")
    print(done.stdout, done.stderr, flush=True)
    unit = Unit("hermes-gateway.service", user="alice")
    unit.systemctl("start")
    return unit


def name(place: Path) -> str:
    return f"from-{place.parent.name}"


def found(pid: int) -> dict[str, str | None]:
    """Where the gateway finds each program."""
    path = path_of(pid)
    return {name(place): shutil.which(name(place), path=path) for place in (*PLACES, NVM)}


def path_of(pid: int) -> str:
    entries = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return next(entry for entry in entries if entry.startswith(b"PATH=")).decode().removeprefix("PATH=")


def program(place: Path, user: str = "alice") -> None:
    account = pwd.getpwnam(user)
    missing = [directory for directory in reversed(place.parents) if not directory.exists()]
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("#!/bin/sh\nexit 0\n")
    place.chmod(0o755)
    for path in (*missing, place):
        os.chown(path, account.pw_uid, account.pw_gid)
