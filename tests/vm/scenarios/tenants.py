"""A new profile is a tenant, whose gateway runs without opting out of anything, and none of six ways leads from one tenant to
another; all of them lead from one profile to another of the same account."""

import json
import pwd
from pathlib import Path

import wait
from check import check, contains, equal
from gateway import CONFIG, Profile
from gateway import HERMES as HERMES_OF_GUEST
from installer import Run, hermes_install, install, shell, status
from systemd import Unit, systemctl

HERMES = ["0.22.2", "0.19.0"]
SECONDS = 55

# Runs in the place of a gateway: under its unit, as its account. What it tries is told by the one who placed it.
WAYS = """#!/usr/bin/python3
import json, os, signal, sys
home, pid, variable, credential, seen = sys.argv[1:]
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
with open(seen, "w") as f:
    json.dump(found, f)
"""
SIX = ["file", "root", "environment", "credential", "signal", "configuration"]


def run() -> None:
    fresh()
    shell("sh", "-c", "mkdir -p /etc/hermes-install && chmod 755 /etc/hermes-install")
    a, b = (tenant(name) for name in ("a", "b"))
    for own in (a, b):
        place_secrets(own)
        equal(f"install of tenant {own.name} ends with", install_as_tenant(own).code, 0)
        unit = Unit(own.unit)
        shown = status(own)
        equal(f"state and owner of {own.name}", (shown["state"], shown["owner"]["pid"]), ("running", unit.pid))
        equal(f"account of {own.name}", shown["account"], own.user)
        equal(f"gateways on {own.name}", own.gateways(), [unit.pid])
        equal(f"exposure of {own.name}'s files", [oct(own.home.stat().st_mode & 0o777), own.home.owner()], ["0o700", own.user])
        (own.home / ".env").write_text("TOKEN=secret\n")
        shell("chown", f"{own.user}:", str(own.home / ".env"))
    before = [Unit(p.unit).pid for p in (a, b)]
    again = install_as_tenant(a)
    contains("a second install", again.err, "nothing was changed")
    equal("processes after it", [Unit(p.unit).pid for p in (a, b)], before)
    found = hermes_install("doctor")
    check("doctor has nothing to say of tenants", found.code == 0 and "nothing is wrong" in found.text, found.text)
    asked = hermes_install("run", "a", "--", "config", "path")
    contains("hermes of tenant a, for its own root", asked.out, f"{a.home}/config.yaml")

    seen = from_one_to_the_other(a, b)
    equal("what works on b from within a", sorted(way for way, how in seen.items() if how == "works"), ["own"])
    Unit(a.unit).systemctl("restart")
    a.until_up()
    a_by_hand = a.by_hand("gateway", "run")
    check("a second gateway of tenant a gives up", not a_by_hand.until_up())
    equal("gateways on a", a.gateways(), [Unit(a.unit).pid])
    stays(a)

    shared()
    gone = hermes_install("uninstall", "--profile", "a")
    equal("uninstall of a ends with", gone.code, 0)
    left = [str(p) for top in ("/etc/sysusers.d", "/etc/tmpfiles.d", "/etc/systemd") for p in Path(top).rglob("*")]
    equal("what is left of a in /etc", [p for p in left if "tenant-a" in p or "@a." in p], [])
    check("its data are left", (a.home / "config.yaml").exists())


def fresh() -> None:
    """On a host that has never had a gateway, with nothing but the profile's name."""
    Path("/usr/local/bin/hermes").symlink_to(HERMES_OF_GUEST)
    planned = hermes_install("plan", "--profile", "fresh")
    contains("the plan", planned.out, "tenant    fresh: account `hermes-fresh`", "`--shared --create`")
    check("plan makes nothing", not Path("/var/lib/hermes-tenants").exists())
    done = hermes_install("--profile", "fresh")
    equal("install with nothing but a name ends with", done.code, 0)
    contains("what it says", done.out, "tenant account `hermes-fresh`", "`--shared --create`")
    own = tenant("fresh")
    pid = own.until_up()
    equal("its gateways and their account", (own.gateways(), Path(f"/proc/{pid}").owner()), ([Unit(own.unit).pid], "hermes-fresh"))
    again = hermes_install("--profile", "fresh")
    contains("a second run", again.err, "nothing was changed")
    refused = hermes_install("--profile", "fresh", "--shared", "--create")
    contains("install of it with --shared --create", refused.err, "without its data", "hermes-install --profile fresh --tenant`")
    equal("gateways after it", own.gateways(), [pid])
    equal("uninstall ends with", hermes_install("uninstall", "--profile", "fresh").code, 0)


def tenant(name: str) -> Profile:
    """A profile that will be a tenant; for hermes it is the default one of its own root."""
    profile = Profile("default", f"hermes-{name}", f"/var/lib/hermes-tenants/{name}/.hermes")
    profile.name, profile.unit = name, f"hermes-gateway@{name}.service"
    return profile


def place_secrets(profile: Profile) -> None:
    """A file of variables and a credential, as an administrator places them."""
    for kind, text in (("env", f"SECRET_OF_{profile.name}=1\n"), ("token", "token\n")):
        path = Path(f"/etc/hermes-install/{profile.name}.{kind}")
        path.write_text(text)
        path.chmod(0o600)
    config = Path("/etc/hermes-install/config.toml")
    known = config.read_text() if config.exists() else ""
    config.write_text(known + f'[profiles.{profile.name}]\ncredentials = {{ token = "/etc/hermes-install/{profile.name}.token" }}\n')


def variables(profile: Profile) -> tuple[str, str]:
    """The flags that name its file of variables."""
    return "--environment-file", f"/etc/hermes-install/{profile.name}.env"


def install_as_tenant(profile: Profile) -> Run:
    """Install it twice: the account and its root are there after the first time, and the gateway runs after the second."""
    if not profile.home.exists():
        first = install(profile, "--no-start", *variables(profile))
        equal(f"install of {profile.name} without a start ends with", first.code, 0)
        account = pwd.getpwnam(profile.user)
        equal(f"home directory of {profile.user}", account.pw_dir, str(profile.root.parent))
        path = profile.home / "config.yaml"
        path.write_text(CONFIG)
        shell("chown", f"{profile.user}:", str(path))
    return install(profile, *variables(profile))


def from_one_to_the_other(one: Profile, other: Profile) -> dict[str, str]:
    """Run the ways in the place of the gateway of one, under the unit as it is but for the command; what each came to."""
    program = Path("/usr/local/bin/ways")
    program.write_text(WAYS)
    program.chmod(0o755)
    unit, target = Unit(one.unit), Unit(other.unit)
    credential = f"/run/credentials/{target.name}/token"
    check("the secrets of the other are there", Path(credential).exists() and (other.home / ".env").exists())
    check("and in its environment", f"SECRET_OF_{other.name}" in Path(f"/proc/{target.pid}/environ").read_text())
    config = (other.home / "config.yaml").read_text()
    seen = one.home / "seen.json"
    drop_in = Path(f"/etc/systemd/system/{unit.name}.d/90-ways.conf")
    words = f"{program} {other.home} {target.pid} SECRET_OF_{other.name} {credential} {seen}"
    drop_in.write_text(f"[Service]\nRestart=no\nExecStart=\nExecStart={words}\nExecStop=\n")
    systemctl("daemon-reload")
    unit.systemctl("restart", check=False)
    wait.until("the ways to be tried", lambda: seen.exists() and unit.show()["ActiveState"] in ("inactive", "failed"), 60)
    found = json.loads(seen.read_text())
    print(json.dumps(found, indent=1), flush=True)
    seen.unlink()
    drop_in.unlink()
    systemctl("daemon-reload")
    equal("the other's configuration was changed", (other.home / "config.yaml").read_text() != config, found["configuration"] == "works")
    return found


def stays(profile: Profile) -> None:
    """A planned restart brings the gateway back under the same account, and a stop ends it."""
    unit = Unit(profile.unit)
    before = unit.pid
    unit.systemctl("reload")
    profile.until_up(after=before)
    equal("owner after a reload", Path(f"/proc/{unit.pid}").owner(), profile.user)
    unit.systemctl("stop")
    equal("state after a stop", unit.states, ("inactive", "success"))
    equal("status after a stop", status(profile)["state"], "stopped")


def shared() -> None:
    """The control: two profiles of one account, where all six ways work; doctor says so."""
    default, coder = Profile("default"), Profile("coder")
    place_secrets(default)
    place_secrets(coder)
    equal("install of default ends with", install(default, "--no-start", *variables(default)).code, 0)
    coder.make(env="TOKEN=secret\n")
    done = install(coder, *variables(coder))
    equal("install of coder, whose home is below the shared root, ends with", done.code, 0)
    contains("what it says", done.out, "shared account `hermes`", "`hermes-install split coder`")
    seen = from_one_to_the_other(default, coder)
    equal("what works on a profile of the same account", [way for way in SIX if seen[way] == "works"], SIX)
    contains("doctor", hermes_install("doctor").text, "share account `hermes`", "shared-account", "hermes-install split coder")
    refused = install(coder, "--tenant")
    equal("install of coder as a tenant ends with", refused.code, 1)
    contains("the refusal", refused.err, "without its data", "hermes-install split coder")
