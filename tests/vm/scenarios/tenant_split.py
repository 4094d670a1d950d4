"""`split` moves a profile with its data into an account of its own, or leaves everything as it was when the gateway does not
come up there."""

import os
from pathlib import Path

from check import check, contains, equal
from gateway import Profile
from installer import difference, hermes_install, install, shell, snapshot, status
from systemd import Unit, systemctl

HERMES = ["0.22.2"]
SECONDS = 60

ROOT = Path("/var/lib/hermes-tenants/coder/.hermes")


def run() -> None:
    default, coder = Profile("default"), Profile("coder")
    equal("install of default ends with", install(default, "--no-start").code, 0)
    hostile()
    coder.make(env="TOKEN=of coder\n")
    data(coder)
    unit = Unit(coder.unit)
    equal("install of coder ends with", install(coder, "--drain-timeout", "44").code, 0)
    contains("doctor", hermes_install("doctor").text, "hermes-install split coder")

    # In the tenant, and there alone, the gateway does not come up.
    no = Path(f"/etc/systemd/system/{unit.name}.d/90-no.conf")
    no.write_text(f"[Service]\nExecStartPre=/usr/bin/test ! -e {ROOT}/config.yaml\n")
    systemctl("daemon-reload")
    before = snapshot("var/lib/hermes", "var/lib/hermes-tenants"), files(coder.home)
    failed = hermes_install("split", "coder", "--yes")
    equal("a split without a gateway ends with", failed.code, 1)
    contains("what it says", failed.err, "everything is as it was before")
    ours = [line for line in difference(before[0], snapshot("var/lib/hermes", "var/lib/hermes-tenants")) if "hermes-coder" not in line]
    print(ours, flush=True)
    equal("units and their files", [line for line in ours if "/systemd/" in line or "sysusers" in line or "tmpfiles" in line], [])
    equal("the profile's files", files(coder.home), before[1])
    coder.until_up(unit.pid)
    equal("account of the gateway that is back", Path(f"/proc/{unit.pid}").owner(), "hermes")
    equal("what is left of the copies", os.listdir(ROOT), [])
    no.unlink()
    systemctl("daemon-reload")

    asked = hermes_install("split", "coder")
    equal("without an answer it ends with", asked.code, 3)
    contains("what it says", asked.err, "would stop `hermes-gateway@coder.service`", "--yes")
    done = hermes_install("split", "coder", "--yes")
    equal("split ends with", done.code, 0)
    contains("what it names", done.err, "config.yaml` names a path below `/var/lib/hermes`", "link` is a link", "secrets included")
    moved = Profile("default", "hermes-coder", str(ROOT))
    equal("gateways on the tenant's root", moved.gateways(), [unit.pid])
    equal("its account", Path(f"/proc/{unit.pid}").owner(), "hermes-coder")
    shown = status(coder)
    equal("status", (shown["state"], shown["home"], shown["account"]), ("running", str(ROOT), "hermes-coder"))
    copies = files(ROOT)
    equal("what was copied", {name: copies.get(name) for name in before[1]}, before[1])
    equal("owners of the copies", {p.owner() for p in ROOT.rglob("*") if not p.is_symlink()}, {"hermes-coder"})
    check("the old home is gone", not coder.home.exists())
    aside = list(Path("/var/lib/hermes").glob("moved-coder-*"))
    equal("the old data", [files(place).get(".env") for place in aside], [before[1][".env"]])
    contains("the unit", Path(f"/etc/systemd/system/{unit.name}.d/50-hermes-install.conf").read_text(), "DRAIN_TIMEOUT=44")
    check("doctor has nothing to say", "shared-account" not in hermes_install("doctor").text)
    contains("once more", hermes_install("split", "coder", "--yes").err, "is a tenant already")
    equal("gateways after that", moved.gateways(), [unit.pid])
    contains("default stays", hermes_install("split", "default", "--yes").err, "the home of `default` is the root")


def hostile() -> None:
    """An account that places pipes and links where root could look, follow or write."""
    evil = Profile("evil").make()
    equal("install of evil ends with", install(evil, "--no-start").code, 0)
    home, secret = Path("/root"), Path("/root/secret")
    secret.write_text("of root alone\n")
    secret.chmod(0o600)
    before = files_of(home)
    for name in ("config.yaml", "pipe", ".hermes-install.lock"):
        (evil.home / name).unlink(missing_ok=True)
        os.mkfifo(evil.home / name, 0o666)
    links = {".env": secret, "gateway.lock": secret, "gateway_state.json": secret, "skills": home, "moved": Path("/var/lib/hermes-tenants")}
    for name, target in links.items():
        path = evil.home / name
        path.unlink(missing_ok=True)
        path.symlink_to(target)
    shell("chown", "-Rh", "hermes:hermes", str(evil.home))
    done = hermes_install("split", "evil", "--yes")
    equal("split of evil ends with", done.code, 0)
    root = Path("/var/lib/hermes-tenants/evil/.hermes")
    kinds = {name: "link" if (root / name).is_symlink() else "pipe" if (root / name).is_fifo() else "other" for name in os.listdir(root)}
    equal("what was copied", [kinds.get(name) for name in ("pipe", "config.yaml", ".env", "skills", "moved")], ["pipe"] * 2 + ["link"] * 3)
    equal("whose the copies are", {path.lstat().st_uid for path in root.rglob("*")}, {root.stat().st_uid})
    equal("what root owns", files_of(home), before)
    check("no secret of root's is shown", "of root alone" not in done.text)
    equal("uninstall of evil ends with", hermes_install("uninstall", "--profile", "evil").code, 0)


def files_of(directory: Path) -> dict[str, tuple]:
    """Every file below a directory: whose it is, its mode and its contents."""
    found = {str(path): path.stat() for path in directory.rglob("*")}
    return {name: (at.st_uid, at.st_mode, Path(name).read_bytes() if Path(name).is_file() else b"") for name, at in found.items()}


def data(profile: Profile) -> None:
    """A path of the old root in the configuration, a link to a file of root's, a large file, odd names and modes."""
    config = profile.home / "config.yaml"
    config.write_text(config.read_text() + f"# see {profile.root}/notes\n")
    (profile.home / "link").symlink_to("/etc/shadow")
    large = profile.home / "large"
    with large.open("wb") as f:
        f.truncate(100 << 20)
    odd = profile.home / "skills" / "a $b %c"
    odd.mkdir(parents=True)
    (odd / "tool.sh").write_text("#!/bin/sh\n")
    (odd / "tool.sh").chmod(0o750)
    shell("chown", "-Rh", "hermes:hermes", str(profile.home))


def files(home: Path) -> dict[str, tuple]:
    """What somebody put there: names, modes, and contents or targets."""
    own = ("config.yaml", ".env", "link", "large", "skills/a $b %c/tool.sh")
    found: dict[str, tuple] = {}
    for name in own:
        path = home / name
        if path.is_symlink():
            found[name] = ("link", os.readlink(path))
        elif path.exists():
            head = path.read_bytes()[:4096]
            found[name] = (oct(path.stat().st_mode), path.stat().st_size, head)
    return found
