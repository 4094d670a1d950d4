"""A wrapper that runs `python -m hermes_cli.main` keeps the profile of its unit, whichever profile becomes active."""

from pathlib import Path

import gateway
from check import check, equal
from gateway import Profile
from installer import hermes_install
from systemd import Unit, as_user

# Since 0.18 this module is imported a second time, which reads the active profile without the command line's `--profile`.
HERMES = ["0.19.0"]
SECONDS = 60


def run() -> None:
    wrapper = Path("/usr/local/bin/hermes")
    check("no other program is in the wrapper's place", not wrapper.exists(), wrapper)
    wrapper.write_text(f'#!/bin/sh\nexec {Path(gateway.HERMES).parent}/python -m hermes_cli.main "$@"\n')
    wrapper.chmod(0o755)
    default = Profile("default", "alice", "/home/alice/.hermes").make()
    coder = Profile("coder", "alice", "/home/alice/.hermes").make()
    done = hermes_install("--profile", "default", "--run-as", "alice", "--hermes", str(wrapper))
    equal("install ends with", done.code, 0)
    as_user("alice", str(wrapper), "profile", "use", "coder").check_returncode()
    unit = Unit(default.unit)
    unit.systemctl("restart")
    default.until_up()
    equal("the gateways of default", default.gateways(), [unit.pid])
    equal("the gateways of coder", coder.gateways(), [])
