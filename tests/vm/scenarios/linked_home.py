"""A hermes root that is a link to another disk is installed as any other."""

import os
import pwd
from pathlib import Path

import gateway
from check import equal
from gateway import Profile
from installer import hermes_install
from systemd import Unit

SECONDS = 30


def run() -> None:
    alice = pwd.getpwnam("alice")
    target = Path("/data/alice-hermes")
    target.mkdir(parents=True, mode=0o700)
    os.chown(target, alice.pw_uid, alice.pw_gid)
    Path("/home/alice/.hermes").symlink_to(target)
    default = Profile("default", "alice", "/home/alice/.hermes").make()
    done = hermes_install("--profile", "default", "--run-as", "alice", "--hermes", gateway.HERMES)
    equal("install ends with", done.code, 0)
    equal("the unit", Unit(default.unit).states, ("active", "success"))
