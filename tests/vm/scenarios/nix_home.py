"""Home Manager's links in a user's manager: a fresh home gets its directory, a takeover leaves no failed unit, install declines."""

import os
import pwd
import shutil
import subprocess
from pathlib import Path

import wait
from check import check, contains, equal
from gateway import HERMES, Profile
from installer import hermes_install, program, shell, status
from systemd import Unit, systemctl

SECONDS = 60
STORE = Path("/nix/store")
PREFIX = STORE / "00000000000000000000000000000000-hermes-install"
RENDERED = STORE / "11111111111111111111111111111111-hermes-gateway-user-units"
# What nix/home-module.nix adds; tests/nix/run compares it with nix/settings.nix.
MAKE_HOME = '/usr/bin/mkdir --parents "%h/.hermes"'
UNIT = "hermes-gateway@default.service"


def run() -> None:
    alice = Profile("default", user="alice", root="/home/alice/.hermes")
    check("her home is fresh", not alice.root.exists())
    units = link()
    systemctl("daemon-reload", user="alice")
    unit = Unit(UNIT, user="alice")
    unit.systemctl("start")
    alice.until_up()
    equal("gateways", alice.gateways(), [unit.pid])
    equal("who may look into the directory that was made", oct(alice.root.stat().st_mode & 0o777), "0o700")

    # A kill, which systemd cannot tell from a crash: it tries once, and the launcher declines.
    old = unit.pid
    hand = alice.by_hand("--profile", "default", "gateway", "run", "--replace")
    alice.until_up(hand.pid)
    if unit.show()["ExecMainStatus"] == "0":
        unit.systemctl("start")
    unit.until_active_state("inactive")
    equal("exit status and result", [unit.show()[key] for key in ("ExecMainStatus", "Result")], ["69", "success"])
    contains("the journal", unit.journal(), "is owned by", f"pid {hand.pid}")
    equal("failed units of hers", systemctl("list-units", "--failed", "--plain", "--no-legend", user="alice"), "")
    equal("state in status", status(alice, user="alice")["state"], "owned-elsewhere")
    check("the old gateway is gone", alice.gateways() == [hand.pid], (old, alice.gateways()))

    # What is declared is changed where it is declared.
    before = sorted(units.rglob("*"))
    for command in (("plan", "--profile", "default"), ("--profile", "default"), ("upgrade",), ("guard",)):
        declined = hermes_install(*command, user="alice")
        equal(f"{command[0]} ends with", declined.code, 3)
        contains("the way out", declined.err, "`services.hermes-gateway.hermesPackage`", "`home-manager switch`")
        check("nobody is sent into the store", "--force" not in declined.err)
    equal("files", sorted(units.rglob("*")), before)

    hand.end()
    unit.systemctl("start")
    alice.until_up()
    equal("gateways after the way out", alice.gateways(), [unit.pid])

    # A hermes that is not there any more.
    drop_in = RENDERED / f"lib/systemd/user/{UNIT}.d/50-hermes-install.conf"
    drop_in.write_text(drop_in.read_text().replace(HERMES, "/nix/store/gone/bin/hermes"))
    systemctl("daemon-reload", user="alice")
    unit.systemctl("restart", check=False)
    unit.until_active_state("failed")
    # The journal may not know the unit of a user's process that has ended (journald reads its control group late).
    said = ["journalctl", "-b", "-q", "-o", "cat", f"_UID={pwd.getpwnam('alice').pw_uid}"]
    option = "does not exist; set `services.hermes-gateway.hermesPackage`"
    wait.until("the journal to name the option", lambda: option in subprocess.run(said, capture_output=True, text=True).stdout, 30)


def link() -> Path:
    """Place what Home Manager places: links to the rendered units, and its own drop-in."""
    (PREFIX / "bin").mkdir(parents=True)
    shutil.copy(program(), PREFIX / "bin")
    settings = Path("/tmp/hermes-gateway.toml")
    settings.write_text(f'[profiles.default]\nhermes = "{HERMES}"\n')
    words = ("--layout", "nix", "--scope", "user", "--prefix", str(PREFIX), "--config", str(settings))
    shell(program(), "render", *words, "--output", str(RENDERED))
    top = Path("/home/alice/.config/systemd/user")
    for file in [path for path in (RENDERED / "lib/systemd/user").rglob("*") if path.is_file()]:
        place(top / file.relative_to(RENDERED / "lib/systemd/user"), file)
    own = STORE / "22222222222222222222222222222222-home-manager-files/60-home-manager.conf"
    own.parent.mkdir()
    own.write_text(f"[Service]\nExecStartPre={MAKE_HOME}\n")
    place(top / f"{UNIT}.d/60-home-manager.conf", own)
    for target in ("default", "hermes-gateway"):
        place(top / f"{target}.target.wants/{UNIT}", RENDERED / "lib/systemd/user/hermes-gateway@.service")
    alice = pwd.getpwnam("alice")
    for path in [Path("/home/alice/.config"), *Path("/home/alice/.config").rglob("*")]:
        os.chown(path, alice.pw_uid, alice.pw_gid, follow_symlinks=False)
    return top


def place(name: Path, target: Path) -> None:
    """A link, and the directories above it."""
    name.parent.mkdir(parents=True, exist_ok=True)
    name.symlink_to(target)
