"""A disk with the profiles that is mounted late at boot: the gateway comes up all the same, by its unit's dependency or by trying again."""

import os
import pwd
from pathlib import Path

import gateway
import wait
from check import check, contains, equal
from gateway import Profile
from installer import hermes_install
from systemd import Unit, systemctl

SECONDS = 90
BOOTS = 2
UNITS = Path("/etc/systemd/system")
UNLOCK = "[Unit]\nDefaultDependencies=no\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sleep 15\n"
MOUNT = (
    "[Unit]\nDefaultDependencies=no\nConflicts=umount.target\nBefore=umount.target\nRequires=unlock.service\nAfter=unlock.service\n"
    "[Mount]\nWhat=/disk\nWhere=/mnt/nas\nType=none\nOptions=bind\n[Install]\nWantedBy=multi-user.target\n"
)


def run() -> None:
    coder = Profile("coder", "alice", "/mnt/nas/hermes")
    unit = Unit(coder.unit)
    if os.environ["VMCHECK_BOOT"] == "1":
        alice = pwd.getpwnam("alice")
        Path("/disk/hermes").mkdir(parents=True)
        os.chown("/disk/hermes", alice.pw_uid, alice.pw_gid)
        Path("/mnt/nas").mkdir(parents=True)
        (UNITS / "unlock.service").write_text(UNLOCK)
        (UNITS / "mnt-nas.mount").write_text(MOUNT)
        systemctl("daemon-reload")
        systemctl("enable", "--now", "mnt-nas.mount")
        coder.make()
        done = hermes_install("--profile", "coder", "--home", "/mnt/nas/hermes", "--run-as", "alice", "--hermes", gateway.HERMES)
        equal("install ends with", done.code, 0)
        return
    wait.until("the gateway to come up after the boot", lambda: unit.states == ("active", "success") and coder.is_up(unit.pid), 60)
    check("nothing is created under the mount point", "hermes profile create" not in unit.journal(), unit.journal())

    # No unit of systemd's knows of this one: the launcher tries again.
    systemctl("stop", coder.unit)
    systemctl("disable", "--now", "mnt-nas.mount")
    (UNITS / "mnt-nas.mount").unlink()
    systemctl("daemon-reload")
    systemctl("start", "--no-block", coder.unit)
    wait.until("the launcher to see an empty mount point", lambda: "may not be mounted yet" in unit.journal(), 30)
    contains("what it says", unit.journal(), "`/mnt/nas` is empty")
    os.system("mount --bind /disk /mnt/nas")
    wait.until("the gateway to come up on the disk", lambda: unit.states == ("active", "success") and coder.is_up(unit.pid), 90)

    # A disk that comes while systemd makes the sandbox of a start is read-only in that one.
    systemctl("stop", coder.unit)
    drop_in = UNITS / f"{coder.unit}.d/90-late.conf"
    read_only = "[Service]\nReadWritePaths=\n"
    drop_in.write_text(f"{read_only}ExecStopPost=+/bin/sh -c 'rm {drop_in} && systemctl daemon-reload'\n")
    systemctl("daemon-reload")
    systemctl("start", "--no-block", coder.unit)
    wait.until("the gateway to come up at its second start", lambda: unit.states == ("active", "success") and coder.is_up(unit.pid), 90)
    contains("what the first one said", unit.journal(), "is read-only here, so its disk may have been mounted while this start was prepared")

    systemctl("stop", coder.unit)
    drop_in.write_text(read_only)
    systemctl("daemon-reload")
    systemctl("start", "--no-block", coder.unit)
    wait.until("a home that stays read-only to end the starts", lambda: unit.states == ("failed", "exit-code"), 60)
    equal("its exit status", unit.show()["ExecMainStatus"], "78")
    contains("what it says", unit.journal(), "add a drop-in with `ReadWritePaths=/mnt/nas/hermes/profiles/coder`")
