"""Tenants and what one tries on another."""

import json
import pwd
from pathlib import Path

import wait
from check import check, equal
from gateway import IDLE, Profile
from installer import Run, install, shell
from systemd import Unit, systemctl

# Runs in the place of a gateway: under its unit, as its account. What it tries is told by the one who placed it.
WAYS = """#!/usr/bin/python3
import json, os, signal, sys
home, pid, variable, credential = sys.argv[1:]
pid = int(pid)
def tried(way):
    try:
        return way() or "works"
    except (OSError, StopIteration) as e:
        return type(e).__name__
def environment():
    with open(f"/proc/{pid}/environ", "rb") as f:
        return None if variable.encode() in f.read() else "not there"
def write():
    with open(f"{home}/config.yaml", "a") as f:
        f.write("# was here\\\\n")
found = {
    "file": tried(lambda: open(f"{home}/.env").read() and None),
    "root": tried(lambda: open(f"/proc/{pid}/root{home}/.env").read() and None),
    "environment": tried(environment),
    # systemd shows a unit its own credentials alone; the other's are in the other's view.
    "credential": tried(lambda: open(f"/proc/{pid}/root{credential}").read() and None),
    "signal": tried(lambda: os.kill(pid, 0)),
    "configuration": tried(write),
    "name": tried(lambda: os.stat(os.path.dirname(home)) and None),
    "process": tried(lambda: os.stat(f"/proc/{pid}") and None),
    "receipt": tried(lambda: os.listdir("/var/lib/hermes-install") and None),
    "settings": tried(lambda: os.listdir("/etc/hermes-install") and None),
    "own": tried(lambda: open(os.environ["HERMES_HOME"] + "/own", "w").close()),
}
json.dump(found, sys.stdout)
"""
SIX = ["file", "root", "environment", "credential", "signal", "configuration"]


def tenant(name: str) -> Profile:
    """A profile that will be a tenant; for hermes it is the default one of its own root."""
    profile = Profile("default", f"hermes-{name}", f"/var/lib/hermes-tenants/{name}/.hermes")
    profile.name, profile.unit = name, f"hermes-gateway@{name}.service"
    return profile


def place_secrets(profile: Profile, settings: str = "") -> None:
    """A file of variables and a credential, as an administrator places them, beside other settings of the profile."""
    for kind, text in (("env", f"SECRET_OF_{profile.name}=1\n"), ("token", "token\n")):
        path = Path(f"/etc/hermes-install/{profile.name}.{kind}")
        path.write_text(text)
        path.chmod(0o600)
    config = Path("/etc/hermes-install/config.toml")
    known = config.read_text() if config.exists() else ""
    credentials = f'credentials = {{ token = "/etc/hermes-install/{profile.name}.token" }}\n'
    config.write_text(f"{known}[profiles.{profile.name}]\n{credentials}{settings}")


def variables(profile: Profile) -> tuple[str, str]:
    """The flags that name its file of variables."""
    return "--environment-file", f"/etc/hermes-install/{profile.name}.env"


def install_as_tenant(profile: Profile, *flags: str) -> Run:
    """Install it twice: the account and its root are there after the first time, and the gateway runs after the second."""
    if not profile.home.exists():
        first = install(profile, "--no-start", *variables(profile))
        equal(f"install of {profile.name} without a start ends with", first.code, 0)
        account = pwd.getpwnam(profile.user)
        equal(f"home directory of {profile.user}", account.pw_dir, str(profile.root.parent))
        path = profile.home / "config.yaml"
        path.write_text(IDLE)
        shell("chown", f"{profile.user}:", str(path))
    return install(profile, *flags, *variables(profile))


def from_one_to_the_other(one: Profile, other: Profile, directives: str = "") -> dict[str, str]:
    """Run the ways in the place of the gateway of one, under the unit as it is but for the command and these directives; what
    each came to."""
    program = Path("/usr/local/bin/ways")
    program.write_text(WAYS)
    program.chmod(0o755)
    unit, target = Unit(one.unit), Unit(other.unit)
    credential = f"/run/credentials/{target.name}/token"
    check("the secrets of the other are there", Path(credential).exists() and (other.home / ".env").exists())
    check("and in its environment", f"SECRET_OF_{other.name}" in Path(f"/proc/{target.pid}/environ").read_text())
    config = (other.home / "config.yaml").read_text()
    seen = Path("/run/seen.json")
    seen.unlink(missing_ok=True)
    drop_in = Path(f"/etc/systemd/system/{unit.name}.d/90-ways.conf")
    words = f"{program} {other.home} {target.pid} SECRET_OF_{other.name} {credential}"
    output = f"StandardOutput=append:{seen}\n"
    drop_in.write_text(f"[Service]\nRestart=no\nExecStart=\nExecStart={words}\nExecStop=\n{output}{directives}")
    systemctl("daemon-reload")
    unit.systemctl("restart", check=False)
    wait.until("the ways to be tried", lambda: seen.exists() and unit.show()["ActiveState"] in ("inactive", "failed"), 60)
    check("they were tried", seen.read_text() != "", unit.journal())
    found = json.loads(seen.read_text())
    print(json.dumps(found, indent=1), flush=True)
    drop_in.unlink()
    systemctl("daemon-reload")
    equal("the other's configuration was changed", (other.home / "config.yaml").read_text() != config, found["configuration"] == "works")
    return found
