"""A wrapper that runs `python -m hermes_cli.main` keeps the profile of its unit, whichever profile becomes active; one that waits
for its gateway is told from one that becomes it."""

import time
from pathlib import Path

import gateway
from check import check, contains, equal
from gateway import Profile
from installer import difference, hermes_install, snapshot
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
    waits(default)
    coder = Profile("coder", "alice", "/home/alice/.hermes").make()
    done = hermes_install("--profile", "default", "--run-as", "alice", "--hermes", str(wrapper))
    equal("install ends with", done.code, 0)
    as_user("alice", str(wrapper), "profile", "use", "coder").check_returncode()
    unit = Unit(default.unit)
    unit.systemctl("restart")
    default.until_up()
    equal("the gateways of default", default.gateways(), [unit.pid])
    equal("the gateways of coder", coder.gateways(), [])


def waits(default: Profile) -> None:
    """Its main process is the shell: install says so, and leaves no gateway."""
    wrapper = Path("/usr/local/waits/hermes")
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\n{gateway.HERMES} "$@"\n')
    wrapper.chmod(0o755)
    before, begin = snapshot("home/alice/.hermes"), time.monotonic()
    done = hermes_install("--profile", "default", "--run-as", "alice", "--hermes", str(wrapper))
    seconds = time.monotonic() - begin
    equal("install of a wrapper that waits ends with", done.code, 1)
    contains("what it says", done.err, str(wrapper), "`exec hermes …`", "everything is as it was before")
    check("it takes less than a minute", seconds < 60, seconds)
    equal("gateways of default", default.gateways(), [])
    equal("what is left", difference(before, snapshot("home/alice/.hermes")), [])
    # The launcher, which stops it as planned, is there until it is stopped.
    journal = Unit(default.unit).journal()
    check("its gateway ends as planned", "skipping" not in journal and "SIGKILL" not in journal, journal)
