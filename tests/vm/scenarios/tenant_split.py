"""`split` moves a profile with its data into an account of its own, or leaves everything as it was when the gateway does not
come up there. An account that changes the data meanwhile reaches nothing of others."""

import os
import pwd
import subprocess
from pathlib import Path

import wait
from check import check, contains, equal, measured
from gateway import Profile
from installer import (
    difference,
    hermes_install,
    install,
    program,
    shell,
    snapshot,
    status,
)
from systemd import BASE, Unit, systemctl

HERMES = ["0.22.2"]
SECONDS = 180

ROOT = Path("/var/lib/hermes-tenants/coder/.hermes")

SECRET = "of root alone"
# What the account does all the time that root is at work: for a moment other things stand in the places of its home, of the
# directory above it, of files that are read and of a directory that is copied, and the name is never free (renameat2(2),
# RENAME_EXCHANGE). The counter says that it goes on.
SWAPS = """
import ctypes, os, sys
odd, counter, *places = sys.argv[1:]
AT_FDCWD, EXCHANGE = -100, 2
libc, done = ctypes.CDLL(None), 0
def exchange(path):
    return libc.renameat2(AT_FDCWD, path.encode(), AT_FDCWD, odd.encode(), EXCHANGE) == 0
while True:
    for place in places:
        path, target = place.split("=")
        if os.path.lexists(odd):
            # It moved the other while they were exchanged.
            os.rename(odd, f"{odd}-{done}")
        os.symlink(target, odd) if target else os.mkfifo(odd)
        done += exchange(path) and exchange(path)
        if os.path.islink(odd) or not os.path.isdir(odd):
            os.unlink(odd)
    with open(counter + ".new", "w") as f:
        f.write(str(done))
    # Whoever reads it sees a whole number.
    os.replace(counter + ".new", counter)
"""
EVIL = "/var/lib/hermes/profiles/evil"
# PLACE=TARGET of a link, or a pipe.
FILES = [f"{EVIL}/.env=/root/secret", f"{EVIL}/config.yaml=", f"{EVIL}/gateway.lock=/root/lock", f"{EVIL}/note=/etc/shadow"]
DIRECTORIES = [
    *(f"{EVIL}=/root", f"{EVIL}=/home/alice", f"{EVIL}=/var/lib/hermes-tenants/evil", f"{EVIL}/skills=/root"),
    *(f"{EVIL}/skills=/var/lib/hermes-tenants/victim/.hermes", "/var/lib/hermes/profiles=/etc"),
]


def run() -> None:
    default, coder = Profile("default"), Profile("coder")
    equal("install of default ends with", install(default, "--no-start").code, 0)
    hostile()
    while_it_changes()
    cut_short()
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


def cut_short() -> None:
    """Killed at any moment, it leaves a unit that names all data of one place, and typed again it ends as if never killed."""
    bot, root = Profile("cut"), Path("/var/lib/hermes-tenants/cut/.hermes")
    tenant, unit = Profile("default", "hermes-cut", str(root)), Unit(bot.unit)
    # At the copy; and at the entry of the rename of the drop-in, of both records after it, and when it is all done.
    for moment in ("copying", 4, 5, 6):
        bot.make(env="TOKEN=of cut\n")
        data(bot)
        equal(f"{moment}: install of cut ends with", install(bot, "--shared").code, 0)
        check(f"{moment}: it is killed", killed_at(moment))
        # As a boot would.
        systemctl("daemon-reload")
        unit.systemctl("restart")
        at = tenant if unit.show()["User"] == "hermes-cut" else bot
        measured(f"{moment}: the unit runs in", str(at.home))
        at.until_up(unit.pid)
        equal(f"{moment}: the data that it runs on", (at.home / ".env").read_text(), "TOKEN=of cut\n")
        (at.home / "since").write_text("newer")
        shell("chown", f"{at.user}:", str(at.home / "since"))
        shown = status(bot)
        equal(f"{moment}: home of the row", shown["home"], str(at.home if moment != 5 else bot.home))
        contains(f"{moment}: status", str(shown["drift"]), "hermes-install split cut")
        if moment != 6:
            refused = hermes_install("--profile", "cut", "--shared", "--yes")
            contains(f"{moment}: another command", refused.text, "exit 3", "`hermes-install split cut`", "uninstall --profile cut")
        equal(f"{moment}: split again ends with", hermes_install("split", "cut", "--yes").code, 0)
        equal(f"{moment}: gateways in the tenant", tenant.gateways(), [unit.pid])
        equal(f"{moment}: what came since", (root / "since").read_text(), "newer")
        equal(f"{moment}: the data", files(root)["large"][1], 100 << 20)
        shown = status(bot)
        equal(f"{moment}: status after it", (shown["state"], shown["home"], shown["drift"]), ("running", str(root), []))
        check(f"{moment}: the old home is gone", not bot.home.exists())
        check(f"{moment}: nothing half is beside the root", "incoming" not in os.listdir(root.parent))
        equal(f"{moment}: uninstall ends with", hermes_install("uninstall", "--profile", "cut", "--yes").code, 0)
        shell("find", str(root.parent), "-mindepth", "1", "-delete")
        shell("sh", "-c", "rm -r /var/lib/hermes/moved-cut-*")


def killed_at(moment: str | int) -> bool:
    """Kill a split of cut when it says this, or at the entry of its Nth rename; whether it came that far."""
    command = [program(), "split", "cut", "--yes"]
    if isinstance(moment, int):
        inject = f"inject=renameat:signal=SIGKILL:when={moment}"
        done = subprocess.run(["strace", "-qq", "-o", "/dev/null", "-e", "trace=renameat", "-e", inject, *command], env=BASE)
        return done.returncode in (-9, 137)
    split = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=BASE)
    said = next((line for line in split.stderr or () if moment in line), None)
    split.kill()
    return split.wait() == -9 and said is not None


def hostile() -> None:
    """An account that places pipes and links where root could look, follow or write."""
    evil = Profile("evil").make()
    equal("install of evil ends with", install(evil, "--no-start").code, 0)
    home, secret = Path("/root"), Path("/root/secret")
    lock = home / "lock"
    for path in (secret, lock):
        path.write_text(f"{SECRET}\n/var/lib/hermes\n")
        path.chmod(0o600)
    before = files_of(home)
    # That look was the test's own.
    unread(secret, lock)
    for name in ("config.yaml", "pipe", ".hermes-install.lock"):
        (evil.home / name).unlink(missing_ok=True)
        os.mkfifo(evil.home / name, 0o666)
    links = {".env": secret, "gateway.lock": lock, "gateway_state.json": lock, "skills": home, "moved": Path("/var/lib/hermes-tenants")}
    for name, target in links.items():
        path = evil.home / name
        path.unlink(missing_ok=True)
        path.symlink_to(target)
    shell("chown", "-Rh", "hermes:hermes", str(evil.home))
    done = hermes_install("split", "evil", "--yes")
    equal("what links of the account lead to and somebody has read", [path for path in (secret, lock) if not is_unread(path)], [])
    equal("split of evil ends with", done.code, 0)
    root = Path("/var/lib/hermes-tenants/evil/.hermes")
    kinds = {name: "link" if (root / name).is_symlink() else "pipe" if (root / name).is_fifo() else "other" for name in os.listdir(root)}
    equal("what was copied", [kinds.get(name) for name in ("pipe", "config.yaml", ".env", "skills", "moved")], ["pipe"] * 2 + ["link"] * 3)
    equal("whose the copies are", {path.lstat().st_uid for path in root.rglob("*")}, {root.stat().st_uid})
    equal("what root owns", files_of(home), before)
    check("no secret of root's is shown", SECRET not in done.text)
    equal("uninstall of evil ends with", hermes_install("uninstall", "--profile", "evil").code, 0)
    # A root with data is refused at once.
    shell("find", str(root.parent), "-mindepth", "1", "-delete")


def while_it_changes() -> None:
    """The account swaps links and pipes into its data while root moves them: it comes to pass or not, and harms nobody."""
    evil, root = Profile("evil"), Path("/var/lib/hermes-tenants/evil/.hermes")
    victim = Path("/var/lib/hermes-tenants/victim/.hermes")
    equal("install of victim ends with", install(Profile("victim"), "--no-start").code, 0)
    (victim / ".env").write_text(f"TOKEN={SECRET}\n")
    shell("chown", "hermes-victim:", str(victim / ".env"))
    # A lock is opened to see who holds it, wherever it leads; what is there is nobody's to read.
    secrets = [Path("/root/secret"), Path("/root/.env"), Path("/root/config.yaml")]
    for path in [*secrets, Path("/root/lock")]:
        path.write_text(f"{SECRET}\n/var/lib/hermes\n")
    program, counter = Path("/usr/local/bin/swaps"), Path("/run/swaps/turns")
    program.write_text(SWAPS)
    unread(*secrets)
    shell("cat", str(secrets[0]))
    check("a reader leaves a trace", not is_unread(secrets[0]))
    counter.parent.mkdir()
    shell("chown", "hermes:", str(counter.parent))
    ends = []
    for turn, places in enumerate([FILES, FILES + DIRECTORIES, FILES + DIRECTORIES]):
        evil.make(env="TOKEN=1\n")
        for name in ("gateway.lock", "note"):
            (evil.home / name).touch()
        for n in range(100):
            (evil.home / f"skills/{n}").mkdir(parents=True, exist_ok=True)
        shell("chown", "-Rh", "hermes:hermes", str(evil.home))
        equal("install of evil ends with", install(evil, "--shared", "--no-start").code, 0)
        before = [files_of(place) for place in (Path("/root"), Path("/home/alice"), victim)], owners("/etc")
        unread(*secrets)
        counter.write_text("0")
        shell("chown", "hermes:", str(counter))
        hermes = pwd.getpwnam("hermes")
        swaps = subprocess.Popen(
            ["/usr/bin/python3", program, "/var/lib/hermes/odd", counter, *places], user=hermes.pw_uid, group=hermes.pw_gid, extra_groups=[]
        )
        wait.until("it to begin", lambda: turns(counter) > 0)
        began = turns(counter)
        done = hermes_install("split", "evil", "--yes", "--quiet")
        went_on = turns(counter) - began
        swaps.kill()
        swaps.wait()
        ends.append(done.code)
        check(f"round {turn}: the account went on meanwhile", went_on > 0 and swaps.returncode == -9, swaps.returncode)
        check(f"round {turn}: it ends as it should", done.code in (0, 1, 3) and "has data already" not in done.text, done.text)
        equal(f"round {turn}: secrets that were read", [path for path in secrets if not is_unread(path)], [])
        check(f"round {turn}: no secret is shown", SECRET not in done.text)
        after = [files_of(place) for place in (Path("/root"), Path("/home/alice"), victim)], owners("/etc")
        equal(f"round {turn}: what of others has changed", [new for old, new in zip(before, after, strict=True) if old != new], [])
        copies = [path for path in root.rglob("*") if path.is_file() and not path.is_symlink()]
        equal(f"round {turn}: copies with a secret", [path for path in copies if SECRET.encode() in path.read_bytes()], [])
        strange = {path.lstat().st_uid for path in root.rglob("*")} - {pwd.getpwnam("hermes-evil").pw_uid}
        equal(f"round {turn}: owners of copies beside the tenant", strange, set())
        equal("uninstall ends with", hermes_install("uninstall", "--profile", "evil", "--yes").code, 0)
        shell("find", str(root.parent), "-mindepth", "1", "-delete")
        shell("find", "/var/lib/hermes", "-mindepth", "1", "-delete")
    measured("ends of split while its data change", ends)
    equal("uninstall of victim ends with", hermes_install("uninstall", "--profile", "victim", "--yes").code, 0)
    equal("install of default ends with", install(Profile("default"), "--no-start").code, 0)


def turns(counter: Path) -> int:
    """How often the account has put another thing in a place."""
    return int(counter.read_text() or 0)


def unread(*paths: Path) -> None:
    """Have the next reader leave a trace: a time of access before that of the last change is set anew (mount(8), relatime)."""
    for path in paths:
        os.utime(path, (0, path.stat().st_mtime))


def is_unread(path: Path) -> bool:
    """Has nobody read it since?"""
    return path.stat().st_atime == 0


def owners(directory: str) -> dict[str, tuple[int, int]]:
    """Whose everything below a directory is, and its mode; but what declares accounts and units, which root writes."""
    own = ("/etc/systemd", "/etc/sysusers.d", "/etc/tmpfiles.d", "/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow", "/etc/.pwd")
    found = {str(path): path.lstat() for path in Path(directory).rglob("*")}
    return {name: (at.st_uid, at.st_mode) for name, at in found.items() if not name.startswith(own)}


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
