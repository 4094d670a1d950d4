"""`doctor --fix` takes no directory for a profile home because somebody else's process or unit names it."""

import os
import pwd
from pathlib import Path

import wait
from check import check, equal
from gateway import fresh_account
from installer import hermes_install
from mallory import STAND_IN, Account, mallory

SECONDS = 60


def run() -> None:
    fresh_account()
    her, alice = mallory(), Account("victim")
    team = Path("/srv/team/x")
    team.mkdir(parents=True)
    os.chown(team, her.uid, her.gid)

    # What is not hers, in a directory of hers: root's dump, root's locks on her shell, a key that she moved there.
    dump = team / "dump.of.root"
    dump.write_text("secret\n")
    dump.chmod(0o600)
    private = alice.write("key", "private\n", 0o600)
    moved = team / "key"
    os.rename(private, moved)
    locked = [her.home / ".profile", her.home / ".ssh", her.home / "gateway.lock"]
    locked[0].write_text("umask 077\n")
    locked[1].mkdir()
    locked[2].write_text("")
    for path in locked:
        os.chown(path, 0, 0)
    web = alice.write("app/.env", "KEY=1\n", 0o644)
    alice.home.chmod(0o755)

    shells = []
    for home in (team, her.home, web.parent):
        # A shell by the name of a gateway, and a real interpreter.
        shells.append(her.start("hermes", "-c", "read x", "gateway", executable="/bin/bash", env={"HERMES_HOME": str(home)}, stdin=-1))
        program = her.write("bin/hermes", "#!/usr/bin/python3\ninput()\n")
        shells.append(her.start(str(program), "gateway", env={"HERMES_HOME": str(home)}, stdin=-1))
    wait.until("her processes to run", lambda: all(Path(f"/proc/{s.pid}/cmdline").read_text() for s in shells))
    before = {path: path.stat() for path in (dump, moved, *locked, web)}
    unchanged(before, "with processes that name them")

    her.manager()
    unit = "[Service]\nExecStart=/home/mallory/bin/hermes gateway run\nEnvironment=HERMES_HOME={}\n[Install]\nWantedBy=default.target\n"
    for number, home in enumerate((team, her.home, web.parent)):
        name = f"hermes-gateway-{number}.service"
        her.write(f".config/systemd/user/{name}", unit.format(home), 0o644)
        her.systemctl("enable", name)
    unchanged(before, "with units that name them")
    for shell in shells:
        shell.kill()

    # A home that is one, named by its owner's own gateway: a known file is given back, a private one is not.
    hers = her.write(".hermes/config.yaml", "", 0o600).parent
    program = her.write("bin/hermes", STAND_IN)
    real = her.start(str(program), "gateway", "run", env={"HERMES_HOME": str(hers), "HOME": str(her.home)})
    wait.until("it to run", lambda: (hers / "gateway_state.json").exists())
    for name, mode in (("state.db", 0o644), ("id_rsa", 0o600), (".bashrc", 0o644), ("auth.json", 0o600)):
        (hers / name).write_text("of root\n")
        (hers / name).chmod(mode)
    # What a group reads may have been moved here from that group's directory.
    (hers / "sessions.db").write_text("of a group\n")
    (hers / "sessions.db").chmod(0o640)
    # Files of root that lay in directories of hers: by the name that an admin writes, and in what she may fill.
    others = [her.write(f".hermes/profiles/{name}/config.yaml", "", 0o600).parent for name in ("x", "y")]
    for home in others:
        shells.append(her.start(str(program), "gateway", "run", env={"HERMES_HOME": str(home), "HOME": str(her.home)}))
        wait.until("it to run", lambda home=home: (home / "gateway_state.json").exists())
    key = team / "key.of.root"
    key.write_text("-----BEGIN PRIVATE KEY-----\nMIIEvQ==\n")
    key.chmod(0o600)
    os.rename(key, others[0] / ".env")
    shared = others[1] / "cache"
    shared.mkdir()
    os.chown(shared, 0, her.gid)
    shared.chmod(0o775)
    os.rename(dump, shared / "x")
    done = hermes_install("doctor")
    for home in others:
        check(f"root is told what is there: {home}", f"ls -la {home}" in done.out, done.out)
    check("root is told to change nothing by a path that she can turn", "chown" not in done.out and "fix     rm" not in done.out, done.out)
    hermes_install("doctor", "--fix", "--yes")
    owners = {path.name: pwd.getpwuid(path.stat().st_uid).pw_name for path in hers.iterdir()}
    equal("a database goes back", owners["state.db"], her.name)
    kept = ["id_rsa", ".bashrc", "auth.json", "sessions.db"]
    equal("what stays root's", [n for n in kept if owners[n] == "root"], kept)
    for process in (real, *shells[-2:]):
        process.kill()


def unchanged(before: dict[Path, os.stat_result], how: str) -> None:
    done = hermes_install("doctor", "--fix", "--yes")
    for path, was in before.items():
        now = path.stat()
        equal(f"{how}: {path}", (now.st_uid, now.st_gid, now.st_mode), (was.st_uid, was.st_gid, was.st_mode))
    check(f"{how}: no way out names them", "chown" not in done.out and "chmod" not in done.out, done.out)
